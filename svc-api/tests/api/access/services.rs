//! Tokens of services: signed, and forged in every way.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{TOKEN, World, answer};

const RUNS: &str = "/api/v1/projects/lab/runs";

async fn status(world: &World, token: &str) -> StatusCode {
    world.bare(Method::GET, RUNS).bearer_auth(token).send().await.unwrap().status()
}

async fn service(world: &World, name: &str) -> String {
    let powers = json!({"bindings": [{"project": "lab", "role": "developer"}]});
    let body = json!({"name": name, "powers": powers});
    let (status, made) = answer(world.request(Method::POST, "/api/v1/services").json(&body)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    token(world, name).await
}

async fn token(world: &World, name: &str) -> String {
    let path = format!("/api/v1/services/{name}/tokens");
    let body = json!({"expires_in_days": 1});
    let (status, made) = answer(world.request(Method::POST, &path).json(&body)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    made["token"].as_str().unwrap().to_owned()
}

fn parts(token: &str) -> (Value, Value) {
    let read = |part: &str| serde_json::from_slice(&unbase64(part)).unwrap();
    let mut parts = token.split('.');
    (read(parts.next().unwrap()), read(parts.next().unwrap()))
}

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn unbase64(text: &str) -> Vec<u8> {
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for byte in text.bytes() {
        bits = bits << 6 | ALPHABET.iter().position(|known| *known == byte).unwrap() as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

fn base64(bytes: &[u8]) -> String {
    let (mut bits, mut count, mut text) = (0_u32, 0, String::new());
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        count += 8;
        while count >= 6 {
            count -= 6;
            text.push(char::from(ALPHABET[(bits >> count & 63) as usize]));
        }
    }
    if count > 0 {
        text.push(char::from(ALPHABET[(bits << (6 - count) & 63) as usize]));
    }
    text
}

/// The key of this id, for who knows the installation's token.
fn secret(kid: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(TOKEN.as_bytes()).unwrap();
    mac.update(format!("emboflow/service-token/{kid}").as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn signed(algorithm: Algorithm, kid: Option<&str>, claims: &Value, secret: &[u8]) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret)).unwrap()
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

#[tokio::test]
async fn a_services_token_opens_what_the_service_may() {
    let world = World::start().await;
    let good = service(&world, "ci").await;
    let (_, me) = answer(world.bare(Method::GET, "/api/v1/me").bearer_auth(&good)).await;
    assert_eq!((&me["kind"], &me["name"]), (&json!("service"), &json!("ci")));
    assert_eq!(status(&world, &good).await, StatusCode::OK);
    let other = world.bare(Method::GET, "/api/v1/projects/default/runs").bearer_auth(&good);
    assert_eq!(answer(other).await.0, StatusCode::NOT_FOUND);
    world.end().await;
}

#[tokio::test]
async fn a_forged_or_expired_token_is_refused_whatever_is_wrong_with_it() {
    let world = World::start().await;
    let good = service(&world, "ci").await;
    let (header, claims) = parts(&good);
    let kid = header["kid"].as_str().unwrap();
    let key = secret(kid);
    let again = signed(Algorithm::HS256, Some(kid), &claims, &key);
    assert_eq!(status(&world, &again).await, StatusCode::OK, "the test signs as the API does");

    let unsigned = |header: Value| {
        let part = |value: &Value| base64(&serde_json::to_vec(value).unwrap());
        format!("{}.{}.", part(&header), part(&claims))
    };
    let payload = base64(&serde_json::to_vec(&with(&claims, "sub", json!("root"))).unwrap());
    let pieces: Vec<_> = good.split('.').collect();
    let past = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 60;
    let sign = |claims: &Value| signed(Algorithm::HS256, Some(kid), claims, &key);
    let forged = [
        ("alg none", unsigned(json!({"alg": "none", "typ": "JWT", "kid": kid}))),
        ("alg None", unsigned(json!({"alg": "None", "typ": "JWT", "kid": kid}))),
        ("no alg", unsigned(json!({"typ": "JWT", "kid": kid}))),
        ("no signature", format!("{}.{}.", pieces[0], pieces[1])),
        ("another payload", format!("{}.{payload}.{}", pieces[0], pieces[2])),
        ("another key", signed(Algorithm::HS256, Some(kid), &claims, b"another key of some length")),
        ("signed with the token", signed(Algorithm::HS256, Some(kid), &claims, TOKEN.as_bytes())),
        ("another algorithm", signed(Algorithm::HS512, Some(kid), &claims, &key)),
        ("no kid", signed(Algorithm::HS256, None, &claims, &key)),
        ("a kid that is none", signed(Algorithm::HS256, Some("x"), &claims, &secret("x"))),
        ("a kid that is a path", signed(Algorithm::HS256, Some("../../etc/passwd"), &claims, b"")),
        ("expired", sign(&with(&claims, "exp", json!(past)))),
        ("for somebody else", sign(&with(&claims, "aud", json!("emboflow-page")))),
        ("of another installation", sign(&with(&claims, "iss", json!("elsewhere")))),
        ("of no service", sign(&with(&claims, "sub", json!("nobody")))),
        ("of no name", sign(&with(&claims, "sub", json!("../root")))),
        ("from before the service", sign(&with(&claims, "at_ms", json!(1)))),
        ("garbage", "a.b.c".to_owned()),
    ];
    for (what, token) in forged {
        let (status, problem) = answer(world.bare(Method::GET, RUNS).bearer_auth(&token)).await;
        assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("auth.required")), "{what}");
    }
    assert_eq!(status(&world, &good).await, StatusCode::OK);
    world.end().await;
}

#[tokio::test]
async fn after_a_change_of_keys_new_tokens_have_the_new_one_and_older_ones_stay_good() {
    let world = World::start().await;
    let old = service(&world, "ci").await;
    let (status_of, key) = answer(world.request(Method::POST, "/api/v1/service-keys")).await;
    assert_eq!(status_of, StatusCode::CREATED);
    let new = token(&world, "ci").await;
    assert_eq!(parts(&new).0["kid"], key["kid"]);
    assert_ne!(parts(&old).0["kid"], key["kid"]);
    assert_eq!((status(&world, &old).await, status(&world, &new).await), (StatusCode::OK, StatusCode::OK));
    world.end().await;
}

#[tokio::test]
async fn tokens_that_were_taken_back_are_good_for_nothing_and_a_namesake_does_not_revive_them() {
    let world = World::start().await;
    let first = service(&world, "ci").await;
    let revoke = world.request(Method::DELETE, "/api/v1/services/ci/tokens");
    assert_eq!(answer(revoke).await.0, StatusCode::NO_CONTENT);
    assert_eq!(status(&world, &first).await, StatusCode::UNAUTHORIZED);
    let second = crate::support::until("a token of after", async || {
        let token = token(&world, "ci").await;
        (status(&world, &token).await == StatusCode::OK).then_some(token)
    })
    .await;
    let remove = world.request(Method::DELETE, "/api/v1/services/ci");
    assert_eq!(answer(remove).await.0, StatusCode::NO_CONTENT);
    assert_eq!(status(&world, &second).await, StatusCode::UNAUTHORIZED);
    service(&world, "ci").await;
    assert_eq!(status(&world, &second).await, StatusCode::UNAUTHORIZED);
    world.end().await;
}
