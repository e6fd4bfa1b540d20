//! `PUT /upload` as people's browsers and CLIs use it, and misuse it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use emboflow_objects::Digest;
use emboflow_protocol::storage_token::TokenKey;
use emboflow_protocol::upload_token::{UploadClaims, mint_upload};
use reqwest::{Client, Response};
use serde_json::Value;
use support::{Gateway, SIGNING_KEY, eventually, noise, now, token};
use svc_storage_gw::Limits;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const KEY: &str = "lab/uploads/a.bin/0/artifacts/content/a.bin";

fn claims(size_bytes: u64) -> UploadClaims {
    UploadClaims {
        sub: "user:ada".into(),
        exp: now() + 600,
        key: KEY.into(),
        size_bytes,
        sha256: None,
        quota: None,
    }
}

fn signed(claims: &UploadClaims) -> String {
    mint_upload(&TokenKey::new(SIGNING_KEY.as_bytes()).unwrap(), claims).unwrap()
}

async fn put(gateway: &Gateway, token: &str, body: impl Into<reqwest::Body>) -> Response {
    Client::new().put(gateway.url("/upload")).bearer_auth(token).body(body).send().await.unwrap()
}

async fn code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let problem: Value = response.json().await.unwrap();
    (status, problem["code"].as_str().unwrap_or_default().to_owned())
}

async fn is_there(gateway: &Gateway) -> bool {
    let url = gateway.url(&format!("/objects/{KEY}"));
    Client::new().head(url).bearer_auth(token("")).send().await.unwrap().status().is_success()
}

#[tokio::test]
async fn the_announced_bytes_go_where_the_token_says_once() {
    let gateway = Gateway::start().await;
    let content = noise(7, 3_000_000);
    let token = signed(&claims(3_000_000));
    let stored = put(&gateway, &token, content.clone()).await;
    assert_eq!(stored.status(), 201);
    let stored: Value = stored.json().await.unwrap();
    assert_eq!(stored["key"], KEY);
    assert_eq!(stored["sha256"], Digest::of(&content).to_string());
    assert_eq!(code(put(&gateway, &token, content).await).await, (412, "storage.exists".into()));
}

#[tokio::test]
async fn other_bytes_than_the_token_is_for_leave_nothing() {
    let gateway = Gateway::start().await;
    let token = signed(&claims(5));
    assert_eq!(code(put(&gateway, &token, "123456").await).await, (413, "request.too_large".into()));
    assert_eq!(code(put(&gateway, &token, "1234").await).await, (400, "request.invalid".into()));
    let unannounced = |texts: &'static [&'static str]| {
        let pieces = futures::stream::iter(texts.iter().map(|text| Ok::<_, std::io::Error>(*text)));
        reqwest::Body::wrap_stream(pieces)
    };
    assert_eq!(put(&gateway, &token, unannounced(&["123", "456"])).await.status(), 413);
    assert!(put(&gateway, &token, unannounced(&["12"])).await.status().is_client_error());
    let other = UploadClaims { sha256: Some(Digest::of(b"other").to_string()), ..claims(5) };
    assert_eq!(code(put(&gateway, &signed(&other), "12345").await).await, (422, "storage.checksum".into()));
    assert!(!is_there(&gateway).await);
    assert_eq!(gateway.incoming(), 0);
    assert_eq!(put(&gateway, &token, unannounced(&["12", "345"])).await.status(), 201);
}

#[tokio::test]
async fn expired_forged_foreign_and_missing_tokens_are_refused() {
    let gateway = Gateway::start().await;
    let expired = signed(&UploadClaims { exp: now() - 1, ..claims(1) });
    let of_others = TokenKey::new(&[9; 32]).unwrap();
    let of_others = mint_upload(&of_others, &claims(1)).unwrap();
    let changed = format!("{}x", signed(&claims(1)));
    for bad in [expired, of_others, changed, token(""), "nonsense".to_owned()] {
        assert_eq!(code(put(&gateway, &bad, "x").await).await, (401, "storage.token_invalid".into()));
    }
    let without = Client::new().put(gateway.url("/upload")).body("x").send().await.unwrap();
    assert_eq!(code(without).await, (401, "storage.token_invalid".into()));
    for request in [
        Client::new().put(gateway.url(&format!("/objects/{KEY}"))).body("x"),
        Client::new().get(gateway.url(&format!("/objects/{KEY}"))),
        Client::new().get(gateway.url("/objects?prefix=lab/")),
        Client::new().get(gateway.url("/usage")),
    ] {
        let answer = request.bearer_auth(signed(&claims(1))).send().await.unwrap();
        assert_eq!(code(answer).await, (401, "storage.token_invalid".into()));
    }
    assert!(!is_there(&gateway).await);
}

#[tokio::test]
async fn a_key_with_tricks_and_more_than_the_gateway_takes_are_refused() {
    let gateway = Gateway::with(Limits { object_bytes: 10, ..Limits::default() }).await;
    for key in ["lab/../other/a", "/etc/passwd", "lab//a", "lab/%2e%2e/a", ""] {
        let token = signed(&UploadClaims { key: key.into(), ..claims(1) });
        assert_eq!(code(put(&gateway, &token, "x").await).await, (400, "storage.bad_key".into()), "{key}");
    }
    let token = signed(&claims(11));
    assert_eq!(code(put(&gateway, &token, "12345678901").await).await, (413, "request.too_large".into()));
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_leaves_nothing_and_the_token_is_still_good() {
    let gateway = Gateway::start().await;
    let token = signed(&claims(2_000_000));
    let mut stream = TcpStream::connect(gateway.started.address).await.unwrap();
    let head = format!(
        "PUT /upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 2000000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&noise(1, 1_000_000)).await.unwrap();
    eventually("half of it is on its way", async || gateway.incoming() == 1).await;
    drop(stream);
    eventually("nothing of it is left", async || gateway.incoming() == 0).await;
    assert!(!is_there(&gateway).await);
    assert_eq!(put(&gateway, &token, noise(1, 2_000_000)).await.status(), 201);
}
