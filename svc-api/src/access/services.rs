//! Programs with an account of their own. Their tokens are signed and say when they end; the keys that sign them are
//! replaced from time to time, and what an older key signed stays good until it ends.

use emboflow_bus::Bus;
use emboflow_model::access::{ServiceAccount, SigningKey, SigningKeys};
use emboflow_model::{ServiceName, Timestamp};
use emboflow_protocol::ErrorCode;
use emboflow_records::SharedRecords;
use emboflow_service::Secret;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::shelf::{Found, Shelf};
use super::token;
use crate::app::now;
use crate::problem::{Failure, Outcome};

const AUDIENCE: &str = "emboflow-api";
/// The one document about signing keys.
const SERVICE: &str = "service";
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Days that a token may be good at most; a key is dropped so long after the next one took its place.
pub(crate) const MOST_DAYS: u32 = 90;

/// All services.
pub(crate) struct Services {
    shelf: Shelf<ServiceAccount>,
    keys: Shelf<SigningKeys>,
    /// The installation's token, from which signing keys are derived: none is kept anywhere.
    root: Secret,
    instance: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: ServiceName,
    /// Unix seconds.
    exp: u64,
    /// Unix milliseconds: what was signed in the same second as it was taken back must not be good.
    at_ms: i64,
    jti: String,
}

impl Services {
    /// Those in the records.
    pub(crate) fn new(records: SharedRecords, bus: &Bus, root: &Secret, instance: &str) -> Self {
        Self {
            shelf: Shelf::new(records.clone(), "service").telling(bus),
            keys: Shelf::new(records, "signing-keys"),
            root: root.clone(),
            instance: instance.to_owned(),
        }
    }

    /// A service, or the refusal that says that there is none.
    pub(crate) async fn expect(&self, name: &ServiceName) -> Outcome<Found<ServiceAccount>> {
        self.shelf.get(name.as_str()).await?.ok_or_else(|| no_service(name))
    }

    /// Services after a name.
    pub(crate) async fn page(&self, after: &str, limit: u32) -> Outcome<Vec<ServiceAccount>> {
        Ok(self.shelf.after(after, limit).await?.into_iter().map(|found| found.body).collect())
    }

    /// Makes a service. Errors: there is one with this name.
    pub(crate) async fn make(&self, service: &ServiceAccount) -> Outcome<()> {
        if self.shelf.make(service.name.as_str(), service).await? {
            return Ok(());
        }
        let detail = format!("there is a service '{}' already", service.name);
        Err(Failure::new(ErrorCode::ServiceExists, detail))
    }

    /// Removes a service, and with it every token of it.
    pub(crate) async fn remove(&self, name: &ServiceName) -> Outcome<()> {
        let mut found = self.expect(name).await?;
        while !self.shelf.drop(&found).await? {
            found = self.expect(name).await?;
        }
        Ok(())
    }

    /// Takes back what was signed until now.
    pub(crate) async fn revoke(&self, name: &ServiceName) -> Outcome<()> {
        let since = now().plus_ms(1);
        let changed = self.shelf.change(name.as_str(), |service| {
            service.body.tokens_since = since;
            Ok(())
        });
        changed.await?.map(|_| ()).ok_or_else(|| no_service(name))
    }

    /// Signs a token of a service with the newest key.
    pub(crate) async fn sign(&self, name: &ServiceName, days: u32) -> Outcome<(String, Timestamp)> {
        self.expect(name).await?;
        let key = match self.signing_keys().await?.keys.pop() {
            Some(key) => key,
            None => self.rotate().await?,
        };
        let (made_at, ends_at) = (now(), now().plus_ms(u64::from(days) * DAY_MS));
        let claims = Claims {
            iss: self.instance.clone(),
            aud: AUDIENCE.to_owned(),
            sub: name.clone(),
            exp: u64::try_from(ends_at.0 / 1_000).unwrap_or(0),
            at_ms: made_at.0,
            jti: token::random(),
        };
        let header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::HS256) };
        let signed =
            jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&self.secret(&key.kid)));
        Ok((signed.map_err(|error| Failure::behind(ErrorCode::Internal, error))?, ends_at))
    }

    /// The service that a token is of; none when it is not good, whatever is wrong with it.
    pub(crate) async fn of(&self, token: &str) -> Outcome<Option<ServiceAccount>> {
        let Ok(header) = jsonwebtoken::decode_header(token) else { return Ok(None) };
        let Some(kid) = header.kid else { return Ok(None) };
        if self.signing_keys().await?.keys.iter().all(|key| key.kid != kid) {
            return Ok(None);
        }
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_audience(&[AUDIENCE]);
        rules.set_issuer(&[&self.instance]);
        rules.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        rules.leeway = 5;
        let key = DecodingKey::from_secret(&self.secret(&kid));
        let Ok(token) = jsonwebtoken::decode::<Claims>(token, &key, &rules) else { return Ok(None) };
        let account = self.shelf.get(token.claims.sub.as_str()).await?.map(|found| found.body);
        Ok(account.filter(|account| token.claims.at_ms >= account.tokens_since.0))
    }

    /// Makes a new key, which signs from now on; drops those that cannot have signed anything that is still good.
    pub(crate) async fn rotate(&self) -> Outcome<SigningKey> {
        let new =
            SigningKey { kid: token::public_id(&token::fingerprint(&token::random())), created_at: now() };
        loop {
            let found = self.keys.get(SERVICE).await?;
            let version = found.as_ref().map(|found| found.version);
            let mut keys = found.map(|found| found.body).unwrap_or_default().keys;
            keys.push(new.clone());
            let over = |next: &SigningKey| now().ms_since(next.created_at) > u64::from(MOST_DAYS) * DAY_MS;
            let first = (1..keys.len()).rfind(|next| over(&keys[*next])).unwrap_or(0);
            keys.drain(..first);
            if self.keys.put(SERVICE, version, &SigningKeys { keys }).await?.is_some() {
                return Ok(new);
            }
        }
    }

    async fn signing_keys(&self) -> Outcome<SigningKeys> {
        Ok(self.keys.get(SERVICE).await?.map(|found| found.body).unwrap_or_default())
    }

    fn secret(&self, kid: &str) -> Vec<u8> {
        let mac = Hmac::<Sha256>::new_from_slice(self.root.reveal().as_bytes());
        let mut mac = mac.expect("HMAC takes a key of any length");
        mac.update(b"emboflow/service-token/");
        mac.update(kid.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }
}

/// There is no such service.
pub(crate) fn no_service(name: &ServiceName) -> Failure {
    Failure::new(ErrorCode::ServiceNotFound, format!("there is no service '{name}'"))
}
