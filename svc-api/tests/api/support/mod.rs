//! An installation without a scheduler, and stories to tell about it.

mod history;
pub(crate) mod identity;
mod people;
mod scheduler;
mod sse;

use std::sync::Arc;
use std::time::Duration;

use emboflow_bus::Bus;
use emboflow_bus::testing::TestServer;
use emboflow_model::{LogEntry, ProjectName};
use emboflow_protocol::storage_token::{StorageClaims, TokenKey, mint};
use emboflow_records::{Documents, SharedRecords};
use emboflow_service::{Health, Secret, Shutdown};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;
use svc_api::{Config, Connections, Started, Storage};
use svc_storage_gw::{Backend, DirectoryBackend};
use tempfile::TempDir;

pub(crate) use history::{History, attempt_end, event, prefix, seal};
pub(crate) use people::{Person, cookie_of, sign_in, until_audited};
pub(crate) use scheduler::{Scheduler, Script};
pub(crate) use sse::EventStream;

pub(crate) const TOKEN: &str = "token-of-the-tests-0123";
pub(crate) const CODE: &str = "code-of-the-tests";
const SIGNING_KEY: &str = "signing-key-of-the-tests-0123456789abcdef";
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything but a scheduler.
pub(crate) struct World {
    pub(crate) nats: TestServer,
    pub(crate) bus: Bus,
    pub(crate) records: SharedRecords,
    pub(crate) shutdown: Shutdown,
    pub(crate) api: Started,
    storage_url: String,
    http: Client,
    _directory: TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with_room_for(svc_api::WAITING_BYTES).await
    }

    /// With room for so many bytes of requests that wait.
    pub(crate) async fn with_room_for(waiting_bytes: u64) -> Self {
        Self::with(|config| config.waiting_bytes = waiting_bytes).await
    }

    /// With a configuration of its own.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        emboflow_service::tls::install();
        let directory = TempDir::with_prefix("emboflow-api-").unwrap();
        let nats = TestServer::start().await;
        let bus = nats.bus("tests").await;
        let path = directory.path().join("records.db");
        let records = emboflow_records::open(&emboflow_records::Config::Sqlite { path }).await.unwrap();
        let shutdown = Shutdown::new();
        let backend = Backend::Directory(DirectoryBackend::new(directory.path().join("objects")));
        let loopback = ([127, 0, 0, 1], 0).into();
        let gateway = svc_storage_gw::Config::new(loopback, backend, Secret::new(SIGNING_KEY));
        let gateway = svc_storage_gw::start(gateway, &shutdown, &Health::new("storage")).await.unwrap();
        let mut config = Config {
            listen: loopback,
            instance: "tests".to_owned(),
            token: Secret::new(TOKEN),
            page_code: Some(Secret::new(CODE)),
            projects: vec![ProjectName::new("lab").unwrap()],
            public_url: None,
            trusted_proxies: Vec::new(),
            audit_days: svc_api::AUDIT_DAYS,
            waiting_bytes: svc_api::WAITING_BYTES,
            storage: Storage { url: gateway.url(), signing_key: Secret::new(SIGNING_KEY) },
            records: None,
            nats: nats.config("emboflow-api"),
            limits: svc_api::Limits::alone(),
            other_hosts: Vec::new(),
            oidc: None,
            secrets: None,
            watch: Default::default(),
            telemetry: Default::default(),
        };
        change(&mut config);
        // A connection of its own: what happens to the tests' does not happen to the API.
        let api_bus = Bus::connect(&config.bus()).await.unwrap();
        let connections = Connections {
            bus: api_bus.clone(),
            records: records.clone(),
            uploads: Some(gateway.uploads.clone()),
        };
        let api = svc_api::start_on(config, connections, &shutdown, &Health::new("api")).await.unwrap();
        let mut connection = api_bus.connection();
        connection.wait_for(|state| *state == emboflow_bus::Connection::Connected).await.unwrap();
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { nats, bus, records, shutdown, api, storage_url: gateway.url(), http, _directory: directory }
    }

    /// A request with the token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(TOKEN)
    }

    /// A request without any sign-in.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.api.url()))
    }

    /// The JSON at an address.
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::GET, path)).await
    }

    /// The text at an address.
    pub(crate) async fn text(&self, path: &str) -> (StatusCode, String) {
        let response = self.request(Method::GET, path).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// Submits this body under this key.
    pub(crate) async fn submit(&self, key: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.request(Method::POST, "/api/v1/projects/default/runs");
        answer(request.header("idempotency-key", key).json(body)).await
    }

    /// Writes decisions to the log.
    pub(crate) async fn decide(&self, entries: Vec<LogEntry>) {
        self.records.append(0, entries.into_iter().map(Arc::new).collect()).await.unwrap();
    }

    /// Brings the documents for lists up to date.
    pub(crate) async fn project(&self) {
        let mut documents = Documents::default();
        emboflow_records::catch_up(self.records.as_ref(), 0, &mut documents).await.unwrap();
    }

    /// Puts an object into storage.
    pub(crate) async fn put_object(&self, key: &str, content: impl Into<reqwest::Body>) {
        let claims = StorageClaims { exp: u64::MAX, write: vec![String::new()], ..StorageClaims::default() };
        let token = mint(&TokenKey::new(SIGNING_KEY.as_bytes()).unwrap(), &claims).unwrap();
        let url = format!("{}/objects/{key}", self.storage_url);
        let response = self.http.put(url).bearer_auth(token).body(content).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED, "{}", response.text().await.unwrap());
    }

    /// Whether the object is in storage.
    pub(crate) async fn has_object(&self, key: &str) -> bool {
        let claims = StorageClaims { exp: u64::MAX, read: vec![String::new()], ..StorageClaims::default() };
        let token = mint(&TokenKey::new(SIGNING_KEY.as_bytes()).unwrap(), &claims).unwrap();
        let url = format!("{}/objects/{key}", self.storage_url);
        let response = self.http.head(url).bearer_auth(token).send().await.unwrap();
        match response.status() {
            StatusCode::OK => true,
            StatusCode::NOT_FOUND => false,
            other => panic!("{other}"),
        }
    }

    pub(crate) async fn end(self) {
        let drained = self.shutdown.drain(Duration::from_secs(5)).await;
        assert_eq!(drained.aborted, Vec::<String>::new());
    }
}

/// The JSON of an answer.
pub(crate) async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Waits for something that comes soon.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen within {PATIENCE:?}"),
    }
}

/// Asks again and again until the answer is the wanted one.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    soon(what, async {
        loop {
            if let Some(value) = ask().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}
