//! Real back ends and gateways for the tests.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test binary uses its own part of this")]

use bytes::Bytes;
use emboflow_objects::{Backend, BodyError, Chunks, DirectoryBackend, ObjectKey, Put};
use emboflow_protocol::storage_token::{StorageClaims, TokenKey, mint};
use emboflow_service::{Health, Secret, Shutdown};
use futures::StreamExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use svc_storage_gw::{Config, Limits, Started, start};
use tempfile::TempDir;

pub use emboflow_objects::testing::weed;

pub const SIGNING_KEY: &str = "a signing key for the tests only, of 32 bytes or more";

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub fn token_of(claims: &StorageClaims) -> String {
    mint(&TokenKey::new(SIGNING_KEY.as_bytes()).unwrap(), claims).unwrap()
}

/// A token that may do everything below a prefix.
pub fn token(prefix: &str) -> String {
    let prefix = vec![prefix.to_owned()];
    token_of(&StorageClaims {
        sub: "test".into(),
        exp: now() + 600,
        read: prefix.clone(),
        write: prefix,
        delete: true,
        quota: None,
    })
}

/// A gateway over a directory of its own.
pub struct Gateway {
    pub started: Started,
    pub folder: TempDir,
    pub shutdown: Shutdown,
}

impl Gateway {
    pub async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub async fn with(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut backend = DirectoryBackend::new(folder.path().join("store"));
        backend.low_space_bytes = 1;
        Self::over(Backend::Directory(backend), folder, limits).await
    }

    /// A gateway over any back end; the folder is kept as long as it.
    pub async fn over(backend: Backend, folder: TempDir, limits: Limits) -> Self {
        emboflow_service::tls::install();
        let listen = ([127, 0, 0, 1], 0).into();
        let mut config = Config::new(listen, backend, Secret::new(SIGNING_KEY));
        config.limits = limits;
        let shutdown = Shutdown::new();
        let started = start(config, &shutdown, &Health::new("storage-gw")).await.unwrap();
        Self { started, folder, shutdown }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.started.url())
    }

    pub fn incoming(&self) -> usize {
        files_in(&self.folder.path().join("store/incoming"))
    }
}

pub fn files_in(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// Bytes that look random and are the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}

/// Content in pieces of an odd size.
pub fn chunks(content: &Bytes) -> Chunks {
    let content = content.clone();
    let pieces = (0..content.len())
        .step_by(60_001)
        .map(move |at| Ok::<_, BodyError>(content.slice(at..(at + 60_001).min(content.len()))));
    futures::stream::iter(pieces.collect::<Vec<_>>()).boxed()
}

pub fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

/// A put that announces nothing.
pub fn plain(text: &str) -> Put {
    Put { key: key(text), size_bytes: None, sha256: None, only_if_absent: false }
}

/// Waits for a condition, at most a minute.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition().await {
        assert!(Instant::now() < deadline, "not within 60 s: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
