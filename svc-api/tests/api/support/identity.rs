//! A small identity provider: it signs with real keys, and can be told to lie.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

pub(crate) const CLIENT: &str = "emboflow-tests";
pub(crate) const SECRET: &str = "client-secret-of-the-tests";

/// The provider.
#[derive(Clone)]
pub(crate) struct Identity {
    address: SocketAddr,
    parts: Arc<Parts>,
}

struct Parts {
    key: EcdsaKeyPair,
    stranger: EcdsaKeyPair,
    codes: Mutex<HashMap<String, Asked>>,
    lie: Mutex<Lie>,
    claims: Mutex<Value>,
}

/// What was asked for when a code was given out.
struct Asked {
    nonce: String,
    challenge: String,
    redirect: String,
}

/// What is wrong with the tokens from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    Nothing,
    OtherNonce,
    OtherAudience,
    Expired,
    OtherIssuer,
    NoSignature,
    StrangersKey,
    NoToken,
}

impl Identity {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let key = || {
            let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.unwrap().as_ref()).unwrap()
        };
        let parts = Parts {
            key: key(),
            stranger: key(),
            codes: Mutex::default(),
            lie: Mutex::new(Lie::Nothing),
            claims: Mutex::new(json!({})),
        };
        let identity = Self { address, parts: Arc::new(parts) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(identity.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        identity
    }

    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it says of whoever signs in next.
    pub(crate) fn says(&self, claims: Value) {
        *self.parts.claims.lock().unwrap() = claims;
    }

    pub(crate) fn lies(&self, lie: Lie) {
        *self.parts.lie.lock().unwrap() = lie;
    }

    /// Somebody signs in at the address that the browser was sent to: gives state and code.
    pub(crate) fn signs_in(&self, url: &str) -> (String, String) {
        assert!(url.starts_with(&format!("{}/authorize?", self.issuer())), "{url}");
        let url = reqwest::Url::parse(url).unwrap();
        let asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", CLIENT));
        assert_eq!(asked["code_challenge_method"], "S256");
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"), "{}", asked["scope"]);
        let code = format!("code-{}", uuid::Uuid::new_v4().simple());
        let kept = Asked {
            nonce: asked["nonce"].clone(),
            challenge: asked["code_challenge"].clone(),
            redirect: asked["redirect_uri"].clone(),
        };
        self.parts.codes.lock().unwrap().insert(code.clone(), kept);
        (asked["state"].clone(), code)
    }

    fn id_token(&self, asked: &Asked) -> String {
        let lie = *self.parts.lie.lock().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut claims = json!({
            "iss": if lie == Lie::OtherIssuer { "http://127.0.0.1:1".to_owned() } else { self.issuer() },
            "aud": if lie == Lie::OtherAudience { "another-client" } else { CLIENT },
            "exp": if lie == Lie::Expired { now - 3_600 } else { now + 300 },
            "iat": now - 3_700,
            "nonce": if lie == Lie::OtherNonce { "another" } else { &asked.nonce },
        });
        let said = self.parts.claims.lock().unwrap().clone();
        claims.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
        let algorithm = if lie == Lie::NoSignature { "none" } else { "ES256" };
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(json!({ "alg": algorithm, "kid": "one" })), part(claims));
        let key = if lie == Lie::StrangersKey { &self.parts.stranger } else { &self.parts.key };
        let signature = key.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        let signature =
            if lie == Lie::NoSignature { String::new() } else { URL_SAFE_NO_PAD.encode(signature) };
        format!("{text}.{signature}")
    }
}

async fn configuration(State(identity): State<Identity>) -> Json<Value> {
    let issuer = identity.issuer();
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "none", "HS256"],
    }))
}

async fn keys(State(identity): State<Identity>) -> Json<Value> {
    let point = identity.parts.key.public_key().as_ref();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let key = json!({
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "one",
        "x": part(&point[1..33]), "y": part(&point[33..65]),
    });
    Json(json!({ "keys": [key] }))
}

/// Gives a token for a code, once, to whoever knows the secret and the verifier.
async fn token(
    State(identity): State<Identity>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, Json<Value>) {
    let form: HashMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let refused = (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" })));
    let expected = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{SECRET}")));
    if headers.get("authorization").and_then(|value| value.to_str().ok()) != Some(&expected) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" })));
    }
    let asked = form.get("code").and_then(|code| identity.parts.codes.lock().unwrap().remove(code));
    let Some(asked) = asked else { return refused };
    let verifier = form.get("code_verifier").map(String::as_str).unwrap_or_default();
    let is_good = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == asked.challenge;
    if !is_good || form.get("redirect_uri") != Some(&asked.redirect) {
        return refused;
    }
    let mut answer = json!({ "access_token": "access", "token_type": "Bearer", "expires_in": 60 });
    if *identity.parts.lie.lock().unwrap() != Lie::NoToken {
        answer["id_token"] = identity.id_token(&asked).into();
    }
    (StatusCode::OK, Json(answer))
}
