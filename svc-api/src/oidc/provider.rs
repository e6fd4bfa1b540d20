//! The identity provider: where people are sent, and what their token says when they come back.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use emboflow_protocol::ErrorCode;
use emboflow_service::Secret;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields, IssuerUrl, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, StandardErrorResponse,
    StandardTokenResponse, TokenResponse,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::config::Oidc;
use super::http::Caller;
use super::waiting::{Begun, PATIENCE, Waiting};
use crate::access::token;
use crate::problem::{Failure, Outcome};

/// How long the provider's keys and addresses are believed.
const KNOWN_FOR: Duration = Duration::from_secs(600);
/// A provider that did not answer is not asked again for so long: whoever comes meanwhile is told at once.
const AWAY_FOR: Duration = Duration::from_secs(5);
/// Signatures with keys that only the provider has; no shared secrets, and never `none`.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 10] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EcdsaP521Sha512,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Claims beside the standard's.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Others(BTreeMap<String, Value>);

impl AdditionalClaims for Others {}

type Fields = IdTokenFields<
    Others,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type OidcClient = Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What the provider says of somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) issuer: String,
    /// Its stable name for the person.
    pub(crate) subject: String,
    /// The name that people know, if it says one.
    pub(crate) name: Option<String>,
    /// How the person is called.
    pub(crate) display: Option<String>,
    /// An address, if the provider has verified it.
    pub(crate) email: Option<String>,
    pub(crate) groups: Vec<String>,
}

/// Somebody on the way to the provider.
pub(crate) struct Departure {
    /// Where the browser goes.
    pub(crate) url: String,
    /// What it has to bring back in a cookie, for so long.
    pub(crate) browser: String,
    pub(crate) lasts: Duration,
}

/// What was last heard of the provider, and when.
enum Known {
    Nothing,
    Metadata(Instant, Box<CoreProviderMetadata>),
    /// It did not answer.
    Away(Instant, String),
}

/// The provider.
pub(crate) struct Provider {
    config: Oidc,
    caller: Caller,
    issuer: IssuerUrl,
    comes_back_to: RedirectUrl,
    known: Mutex<Known>,
    waiting: Waiting,
}

impl Provider {
    /// Errors: the configuration does not go together.
    pub(crate) fn new(config: Oidc, public_url: Option<&str>) -> anyhow::Result<Self> {
        let public = public_url.context("`oidc` needs `public_url`: the provider sends people back to it")?;
        let comes_back_to = RedirectUrl::new(format!("{}/oidc", public.trim_end_matches('/')))
            .context("reading public_url")?;
        let issuer = IssuerUrl::new(config.issuer.clone()).context("reading oidc.issuer")?;
        let url = issuer.url();
        let is_here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        ensure!(
            url.scheme() == "https" || (url.scheme() == "http" && is_here),
            "oidc.issuer is '{}': it must be an https address",
            config.issuer
        );
        let caller = Caller::new(config.ca_file.as_deref()).context("reading oidc.ca_file")?;
        Ok(Self {
            config,
            caller,
            issuer,
            comes_back_to,
            known: Mutex::new(Known::Nothing),
            waiting: Waiting::default(),
        })
    }

    pub(crate) fn config(&self) -> &Oidc {
        &self.config
    }

    /// Begins a sign-in of a browser at this address.
    pub(crate) async fn depart(&self, address: IpAddr) -> Outcome<Departure> {
        let client = self.client().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(self.config.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge)
            .url();
        let browser = token::random();
        let (nonce, mark) = (nonce.secret().clone(), token::fingerprint(&browser));
        let begun = Begun::new(nonce, verifier.into_secret(), mark, address);
        self.waiting.add(state.into_secret(), begun);
        Ok(Departure { url: url.to_string(), browser, lasts: PATIENCE })
    }

    /// Ends a sign-in: what the provider says of the person. Errors: nothing is believed.
    pub(crate) async fn arrive(&self, state: &str, code: String, browser: Option<&str>) -> Outcome<Claims> {
        let begun = self.waiting.take(state).ok_or_else(|| {
            refused("the sign-in has been finished already, took longer than ten minutes, or was never begun here")
        })?;
        if browser.map(token::fingerprint) != Some(begun.browser) {
            return Err(refused("the sign-in was begun by another browser"));
        }
        let client = self.client().await?;
        let asking = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| unavailable(&format!("it names no token endpoint: {error}")))?
            .set_pkce_verifier(PkceCodeVerifier::new(begun.pkce_verifier));
        let answer = asking.request_async(&self.caller).await.map_err(|error| {
            use openidconnect::RequestTokenError::{Other, Parse, Request, ServerResponse};
            match error {
                ServerResponse(said) => refused(&format!("the provider gives no token: {said}")),
                Request(error) => unavailable(&error.to_string()),
                Parse(error, _) => unavailable(&format!("its answer cannot be read: {error}")),
                Other(error) => unavailable(&error),
            }
        })?;
        let read = self.claims(&client, &answer, &Nonce::new(begun.nonce));
        if read.is_err() {
            // It may sign with newer keys than those that are known here.
            *self.known.lock().await = Known::Nothing;
        }
        read
    }

    fn claims(
        &self,
        client: &OidcClient,
        answer: &StandardTokenResponse<Fields, CoreTokenType>,
        nonce: &Nonce,
    ) -> Outcome<Claims> {
        let not_good = |error: &dyn std::fmt::Display| refused(&format!("its token is not good: {error}"));
        let id = answer.id_token().ok_or_else(|| refused("the provider gives no ID token"))?;
        let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
        let claims = id.claims(&verifier, nonce).map_err(|error| not_good(&error))?;
        if let Some(expected) = claims.access_token_hash() {
            let algorithm = id.signing_alg().map_err(|error| not_good(&error))?;
            let key = id.signing_key(&verifier).map_err(|error| not_good(&error))?;
            let actual = AccessTokenHash::from_token(answer.access_token(), algorithm, key);
            if actual.map_err(|error| not_good(&error))? != *expected {
                return Err(refused("its access token belongs to another ID token"));
            }
        }
        let others = &claims.additional_claims().0;
        let named = match self.config.name_claim.as_str() {
            "preferred_username" => claims.preferred_username().map(|name| name.to_string()),
            "email" => claims.email().map(|email| email.to_string()),
            "sub" => Some(claims.subject().to_string()),
            other => others.get(other).and_then(Value::as_str).map(str::to_owned),
        };
        let email = claims.email().filter(|_| claims.email_verified() == Some(true));
        Ok(Claims {
            issuer: claims.issuer().to_string(),
            subject: claims.subject().to_string(),
            name: named,
            display: claims.name().and_then(|name| name.get(None)).map(|name| name.to_string()),
            email: email.map(|email| email.to_string()),
            groups: texts(others.get(&self.config.groups_claim)),
        })
    }

    async fn client(&self) -> Outcome<OidcClient> {
        let id = ClientId::new(self.config.client_id.clone());
        let secret = self.config.client_secret.as_ref().map(Secret::reveal).map(str::to_owned);
        let client =
            Client::from_provider_metadata(self.metadata().await?, id, secret.map(ClientSecret::new));
        Ok(client.set_redirect_uri(self.comes_back_to.clone()))
    }

    async fn metadata(&self) -> Outcome<CoreProviderMetadata> {
        let mut known = self.known.lock().await;
        match &*known {
            Known::Metadata(since, metadata) if since.elapsed() < KNOWN_FOR => {
                return Ok((**metadata).clone());
            }
            Known::Away(since, why) if since.elapsed() < AWAY_FOR => return Err(unavailable(why)),
            _ => {}
        }
        match CoreProviderMetadata::discover_async(self.issuer.clone(), &self.caller).await {
            Ok(found) => {
                *known = Known::Metadata(Instant::now(), Box::new(found.clone()));
                Ok(found)
            }
            Err(error) => {
                let why = with_cause(&error);
                *known = Known::Away(Instant::now(), why.clone());
                Err(unavailable(&why))
            }
        }
    }
}

fn texts(claim: Option<&Value>) -> Vec<String> {
    match claim {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(one)) => vec![one.clone()],
        _ => Vec::new(),
    }
}

fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_cause(cause)),
        None => error.to_string(),
    }
}

fn refused(why: &str) -> Failure {
    tracing::warn!(why, "a sign-in at the identity provider is refused");
    Failure::new(ErrorCode::AuthProviderRefused, why).with_hint("begin again from the page")
}

fn unavailable(why: &str) -> Failure {
    tracing::warn!(why, "the identity provider cannot be asked");
    Failure::new(ErrorCode::AuthProviderUnavailable, why)
}
