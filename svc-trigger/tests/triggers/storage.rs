//! A storage gateway over a folder or over a real S3 server, and what is put through it and past it.

use std::path::Path;

use bytes::Bytes;
use emboflow_objects::testing::weed;
use emboflow_objects::{Backend, DirectoryBackend, S3Backend};
use emboflow_protocol::storage_token::{StorageClaims, TokenKey, mint};
use emboflow_service::{Health, Secret, Shutdown};
use emboflow_storage::Client;
use serde_json::{Value, json};
use svc_storage_gw::{Config, Started};
use tempfile::TempDir;

use crate::world::World;

pub(crate) const KEY: &str = "a signing key for the tests only, of 32 bytes or more";
/// So long that nothing happens by it within a test.
pub(crate) const NEVER_MS: u64 = 3_600_000;

/// A gateway in this process.
pub(crate) struct Gateway {
    started: Started,
    shutdown: Shutdown,
    client: Client,
    pub(crate) folder: TempDir,
}

impl Gateway {
    /// Over a folder; it tells of new objects.
    pub(crate) async fn start(world: &World) -> Self {
        Self::over(TempDir::with_prefix("emboflow-objects-").unwrap(), Some(world)).await
    }

    /// Over a folder; it tells nobody, as when every notice is lost.
    pub(crate) async fn silent() -> Self {
        Self::over(TempDir::with_prefix("emboflow-objects-").unwrap(), None).await
    }

    async fn over(folder: TempDir, world: Option<&World>) -> Self {
        let backend = DirectoryBackend { low_space_bytes: 1 << 20, ..DirectoryBackend::new(folder.path()) };
        Self::on(Backend::Directory(backend), folder, world).await
    }

    /// Over a bucket of a real S3 server; it tells nobody.
    pub(crate) async fn on_s3(settings: S3Backend) -> Self {
        Self::on(Backend::S3(settings), TempDir::new().unwrap(), None).await
    }

    async fn on(backend: Backend, folder: TempDir, world: Option<&World>) -> Self {
        let mut config = Config::new(([127, 0, 0, 1], 0).into(), backend, Secret::new(KEY));
        config.nats = world.map(|world| serde_json::from_value(json!({ "url": world.nats.url() })).unwrap());
        let shutdown = Shutdown::new();
        let started = svc_storage_gw::start(config, &shutdown, &Health::new("storage-gw")).await.unwrap();
        let claims = StorageClaims {
            sub: "tests".to_owned(),
            exp: u64::MAX >> 12,
            read: vec![String::new()],
            write: vec![String::new()],
            delete: true,
            ..StorageClaims::default()
        };
        let token = mint(&TokenKey::new(KEY.as_bytes()).unwrap(), &claims).unwrap();
        let client = Client::new(&started.url(), &token).unwrap();
        Self { started, shutdown, client, folder }
    }

    /// Another gateway over a copy of all objects, as a restore makes it: new files with the same contents.
    pub(crate) async fn restored(self, world: &World) -> Self {
        let copy = TempDir::with_prefix("emboflow-restored-").unwrap();
        self.shutdown.trigger("the test restores");
        copy_all(self.folder.path(), copy.path());
        Self::over(copy, Some(world)).await
    }

    /// The settings of a trigger service that looks so often.
    pub(crate) fn settings(&self, world: &World, look_ms: u64) -> Value {
        let storage = json!({ "url": self.started.url(), "signing_key": KEY, "look_ms": look_ms });
        json!({ "nats": { "url": world.nats.url() }, "storage": storage })
    }

    /// The same for a process.
    pub(crate) fn arguments(&self, look_ms: u64) -> Vec<String> {
        let storage = [
            format!("storage.url={}", self.started.url()),
            format!("storage.signing_key={KEY}"),
            format!("storage.look_ms={look_ms}"),
        ];
        storage.into_iter().flat_map(|setting| ["--set".to_owned(), setting]).collect()
    }

    pub(crate) async fn put(&self, key: &str, content: impl Into<Bytes>) {
        self.client.put_bytes(key, content).await.unwrap();
    }

    pub(crate) async fn put_owned(&self, key: String, content: String) {
        self.put(&key, content).await;
    }

    pub(crate) async fn delete(&self, key: String) {
        self.client.delete(&key).await.unwrap();
    }

    pub(crate) fn end(&self) {
        self.shutdown.trigger("the end of the test");
    }
}

/// Puts an object into a bucket without the gateway.
pub(crate) async fn put_past(settings: &S3Backend, key: &str, content: &str) {
    let request = weed::client(settings).put_object().bucket(&settings.bucket).key(key);
    let sent = request.content_type("text/csv").body(content.as_bytes().to_vec().into()).send().await;
    sent.unwrap();
}

fn copy_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            std::fs::create_dir_all(to.join(&name)).unwrap();
            copy_all(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}
