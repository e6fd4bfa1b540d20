//! The client against the real gateway, and against servers that fail on purpose.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::any;
use bytes::Bytes;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::storage_token::{StorageClaims, TokenKey, mint};
use emboflow_service::{Health, Secret, Shutdown};
use emboflow_storage::{ByteRange, Client, Error, Retry};
use futures::TryStreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use svc_storage_gw::{Backend, Config, DirectoryBackend, start};
use tempfile::TempDir;

const SIGNING_KEY: &str = "a signing key for the tests only, of 32 bytes or more";

fn token(read: &str, write: &str) -> String {
    let claims = StorageClaims {
        sub: "test".into(),
        exp: u64::from(u32::MAX),
        read: vec![read.into()],
        write: vec![write.into()],
        delete: true,
        quota: None,
    };
    mint(&TokenKey::new(SIGNING_KEY.as_bytes()).unwrap(), &claims).unwrap()
}

async fn gateway() -> (Client, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut backend = DirectoryBackend::new(folder.path().join("store"));
    backend.low_space_bytes = 1;
    let config =
        Config::new(([127, 0, 0, 1], 0).into(), Backend::Directory(backend), Secret::new(SIGNING_KEY));
    let started = start(config, &Shutdown::new(), &Health::new("storage-gw")).await.unwrap();
    (Client::new(&started.url(), &token("", "")).unwrap(), folder)
}

fn pattern(length: usize) -> Bytes {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

#[tokio::test]
async fn a_file_goes_in_and_comes_out_verified() {
    let (client, folder) = gateway().await;
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    std::fs::write(&source, pattern(3_000_000)).unwrap();
    let stored = client.put_file("p/größe 1.bin", &source).await.unwrap();
    assert_eq!(stored.size_bytes, 3_000_000);
    let head = client.head("p/größe 1.bin").await.unwrap();
    assert_eq!((head.size_bytes, head.sha256.as_deref()), (3_000_000, Some(stored.sha256.as_str())));
    let got = client.get_to_file("p/größe 1.bin", &target, Some(&stored.sha256)).await.unwrap();
    assert_eq!(got, stored);
    assert!(std::fs::read(&target).unwrap() == std::fs::read(&source).unwrap());
}

#[tokio::test]
async fn a_file_with_another_checksum_than_expected_does_not_appear() {
    let (client, folder) = gateway().await;
    client.put_bytes("p/a", "abc").await.unwrap();
    let target = folder.path().join("inputs/a");
    std::fs::create_dir(folder.path().join("inputs")).unwrap();
    let error = client.get_to_file("p/a", &target, Some(&"0".repeat(64))).await.unwrap_err();
    assert!(matches!(error, Error::Checksum { .. }), "{error}");
    assert_eq!(std::fs::read_dir(folder.path().join("inputs")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_range_is_read_as_a_stream() {
    let (client, _folder) = gateway().await;
    let content = pattern(1_000_000);
    client.put_bytes("p/log", content.clone()).await.unwrap();
    for (range, first, last) in [
        (None, 0, 1_000_000),
        (Some(ByteRange::From(900_000)), 900_000, 1_000_000),
        (Some(ByteRange::Between(5, 9)), 5, 10),
        (Some(ByteRange::Last(10)), 999_990, 1_000_000),
    ] {
        let (meta, stream) = client.get_stream("p/log", range).await.unwrap();
        assert_eq!((meta.size_bytes, meta.first_byte), (1_000_000, first as u64));
        assert_eq!(meta.content_bytes, (last - first) as u64);
        assert!(stream.try_collect::<Vec<_>>().await.unwrap().concat() == content[first..last]);
    }
    let outside = client.get_stream("p/log", Some(ByteRange::From(1_000_000))).await.err().unwrap();
    assert_eq!(outside.code(), Some(ErrorCode::StorageRange));
}

#[tokio::test]
async fn a_small_object_is_read_whole_and_a_large_one_refused() {
    let (client, _folder) = gateway().await;
    client.put_bytes("p/seal.json", "{}").await.unwrap();
    assert_eq!(client.get_bytes("p/seal.json", 10).await.unwrap(), "{}");
    assert_eq!(client.get_bytes("p/seal.json", 2).await.unwrap(), "{}");
    let error = client.get_bytes("p/seal.json", 1).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { size_bytes: 2, limit_bytes: 1, .. }));
}

#[tokio::test]
async fn listing_goes_over_all_pages_and_deleting_twice_is_fine() {
    let (client, _folder) = gateway().await;
    let keys: Vec<String> = (0..30).map(|number| format!("p/list/{number:03}")).collect();
    futures::future::try_join_all(keys.iter().map(|key| client.put_bytes(key, "x"))).await.unwrap();
    let page = client.list_page("p/list/", "", 7).await.unwrap();
    assert_eq!((page.items.len(), page.next.as_deref()), (7, Some("p/list/006")));
    let listed: Vec<_> = client.list("p/list/").map_ok(|object| object.key).try_collect().await.unwrap();
    assert_eq!(listed, keys);
    let usage = client.usage("p/").await.unwrap();
    assert_eq!((usage.objects, usage.size_bytes), (30, 30));
    client.delete("p/list/000").await.unwrap();
    client.delete("p/list/000").await.unwrap();
    assert!(client.head("p/list/000").await.unwrap_err().is_not_found());
    assert!(client.probe().await.unwrap().ok);
}

#[tokio::test]
async fn a_token_outside_its_scope_is_refused_with_the_reason() {
    let (client, _folder) = gateway().await;
    let attempt = client.with_token(&token("p/in", "p/out"));
    // As the executor calls it: from a task of its own.
    let error =
        tokio::spawn(async move { attempt.put_bytes("p/other", "x").await }).await.unwrap().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::StorageForbidden));
    assert!(
        error.to_string().contains("storing `p/other`: the token for test does not allow to write"),
        "{error}"
    );
    assert!(!error.is_transient());
    let error = client.with_token("nonsense").head("p/a").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::StorageTokenInvalid));
    assert!(matches!(client.head("p/../a").await, Err(Error::BadKey { .. })));
}

/// A server that lets the first calls fail.
async fn faulty(failures: usize, fail: fn() -> axum::response::Response) -> (Client, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let answer = move |State(calls): State<Arc<AtomicUsize>>| async move {
        match calls.fetch_add(1, Ordering::SeqCst) < failures {
            true => fail(),
            false => "whole".into_response(),
        }
    };
    let router = Router::new().fallback(any(answer)).with_state(calls.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let retry = Retry { attempts: 3, first_delay: Duration::from_millis(1) };
    (Client::new(&url, "token").unwrap().with_retry(retry), calls)
}

fn busy() -> axum::response::Response {
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

fn cut_off() -> axum::response::Response {
    let half = futures::stream::iter([Ok("wh"), Err(std::io::Error::other("cut"))]);
    ([("content-length", "5")], Body::from_stream(half)).into_response()
}

#[tokio::test]
async fn a_gateway_that_is_busy_for_a_moment_is_asked_again() {
    let (client, calls) = faulty(2, busy).await;
    assert_eq!(client.get_bytes("p/a", 10).await.unwrap(), "whole");
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    let (client, calls) = faulty(9, busy).await;
    let error = client.get_bytes("p/a", 10).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::StorageUnavailable));
    assert!(error.is_transient());
    assert_eq!(calls.load(Ordering::SeqCst), 3, "no more attempts than allowed");
}

#[tokio::test]
async fn a_download_that_breaks_off_starts_again_and_never_shows_a_half() {
    let folder = tempfile::tempdir().unwrap();
    let (client, calls) = faulty(1, cut_off).await;
    let target = folder.path().join("a");
    assert_eq!(client.get_to_file("p/a", &target, None).await.unwrap().size_bytes, 5);
    assert_eq!(std::fs::read(&target).unwrap(), b"whole");
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    let (client, _calls) = faulty(9, cut_off).await;
    let target = folder.path().join("b");
    let error = client.get_to_file("p/a", &target, None).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(!target.exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn what_the_caller_did_wrong_is_not_repeated() {
    let (client, calls) = faulty(9, || StatusCode::FORBIDDEN.into_response()).await;
    assert_eq!(client.put_bytes("p/a", "x").await.unwrap_err().code(), Some(ErrorCode::StorageForbidden));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let retry = Retry { attempts: 2, first_delay: Duration::from_millis(1) };
    let client = Client::new(&url, "token").unwrap().with_retry(retry);
    let error = client.head("p/a").await.unwrap_err();
    assert!(error.is_transient());
    assert!(error.to_string().contains(&url) && error.to_string().contains("refused"), "{error}");
    let missing = client.put_file("p/a", std::path::Path::new("/nowhere/file")).await.unwrap_err();
    assert!(missing.to_string().starts_with("reading /nowhere/file: "), "{missing}");
}
