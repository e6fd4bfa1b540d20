//! No object is held in memory: alone in its process, so that the peak is the gateway's.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use emboflow_objects::Backend;
use futures::StreamExt;
use reqwest::{Body, Client, StatusCode};
use support::{Gateway, noise, token, weed};
use svc_storage_gw::Limits;

const MIB: usize = 1 << 20;

fn peak_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<usize>().unwrap() * 1024
}

// One after the other: both look at the same peak.
#[tokio::test]
async fn large_objects_pass_through_a_small_window() {
    a_large_object_over_a_directory().await;
    many_large_objects_over_a_bucket().await;
}

async fn a_large_object_over_a_directory() {
    let gateway = Gateway::start().await;
    let (url, token, client) = (gateway.url("/objects/p/large"), token("p"), Client::new());
    let piece = noise(1, MIB);
    let before = peak_bytes();
    let pieces = futures::stream::iter((0..192).map(move |_| Ok::<_, std::io::Error>(piece.clone())));
    let put = client.put(&url).bearer_auth(&token).body(Body::wrap_stream(pieces)).send().await.unwrap();
    assert_eq!(put.status(), StatusCode::CREATED);
    let mut content = client.get(&url).bearer_auth(&token).send().await.unwrap().bytes_stream();
    let mut length = 0;
    while let Some(chunk) = content.next().await {
        length += chunk.unwrap().len();
    }
    assert_eq!(length, 192 * MIB);
    let grown = peak_bytes() - before;
    assert!(grown < 48 * MIB, "the peak grew by {} MiB", grown / MIB);
}

async fn many_large_objects_over_a_bucket() {
    let settings = weed::bucket("memory").await;
    let bound = settings.memory_bytes as usize;
    let gateway = Gateway::over(Backend::S3(settings), tempfile::tempdir().unwrap(), Limits::default()).await;
    let (token, client, piece) = (token("p"), Client::new(), noise(1, MIB));
    let before = peak_bytes();
    let puts =
        (0..16).map(|number| {
            let (url, token, client) = (gateway.url(&format!("/objects/p/{number}")), &token, &client);
            let piece = piece.clone();
            let pieces = futures::stream::iter((0..16).map(move |_| Ok::<_, std::io::Error>(piece.clone())));
            async move {
                client.put(&url).bearer_auth(token).body(Body::wrap_stream(pieces)).send().await.unwrap()
            }
        });
    for put in futures::future::join_all(puts).await {
        assert_eq!(put.status(), StatusCode::CREATED);
    }
    let grown = peak_bytes() - before;
    assert!(grown < bound + 48 * MIB, "the peak grew by {} MiB", grown / MIB);
}
