//! The storage gateway, for looking: listings and what is known of an object, of one project at a time.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use emboflow_bus::Bus;
use emboflow_model::trigger::{ObjectFilter, TriggerKind};
use emboflow_model::{ProjectName, RunSummary};
use emboflow_protocol::object_created::ObjectCreated;
use emboflow_protocol::storage_token::{StorageClaims, TokenKey, mint};
use emboflow_service::Secret;
use emboflow_storage::{Client, Error, Meta, ObjectPage};
use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, broadcast};

use crate::backoff::Backoff;
use crate::ended::Listener;
use crate::kept::Triggers;

/// Objects of one page of a listing.
const PAGE: usize = 1000;
/// How long a token is good for, in seconds; each call has a new one.
const TOKEN_SECONDS: u64 = 300;
/// Notices that a trigger may be behind.
const NOTICES: usize = 4_096;
/// Looks through everything at once, of all triggers.
const AT_ONCE: usize = 4;

/// Where the storage gateway is, and how often triggers look at it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its base URL, such as `http://127.0.0.1:4082`.
    pub url: String,
    /// Secret of at least 32 bytes that signs storage tokens; the gateway and the scheduler use the same.
    pub signing_key: Secret,
    /// How often a trigger looks through its part of the storage, at least 100 ms; a tenth of the time is spent on it at
    /// most. Default 30 s.
    #[serde(default = "default_look_ms")]
    pub look_ms: u64,
}

const fn default_look_ms() -> u64 {
    30_000
}

impl Config {
    /// A gateway that is looked at as often as usual.
    pub fn new(url: String, signing_key: Secret) -> Self {
        Self { url, signing_key, look_ms: default_look_ms() }
    }
}

/// The gateway. Clones share it.
#[derive(Clone)]
pub(crate) struct Storage {
    client: Client,
    key: TokenKey,
    look_each: Duration,
    heard: broadcast::Sender<ObjectCreated>,
    turns: Arc<Semaphore>,
}

impl Storage {
    pub(crate) fn new(config: &Config) -> anyhow::Result<Self> {
        let key =
            TokenKey::new(config.signing_key.reveal().as_bytes()).context("reading storage.signing_key")?;
        Ok(Self {
            client: Client::new(&config.url, "").context("setting up the storage client")?,
            key,
            look_each: Duration::from_millis(config.look_ms.max(100)),
            heard: broadcast::Sender::new(NOTICES),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Hears of new objects, for ever.
    pub(crate) fn hear(&self, bus: Bus) -> impl Future<Output = ()> + use<> {
        let heard = self.heard.clone();
        async move {
            let mut backoff = Backoff::new();
            loop {
                match bus.subscribe(ObjectCreated::filter(None)).await {
                    Ok(mut frames) => {
                        while let Some(frame) = frames.next().await {
                            if let Ok(created) = serde_json::from_slice(&frame.payload) {
                                let _nobody_waits_for_objects = heard.send(created);
                            }
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "notices of objects cannot be heard; triggers look now and then")
                    }
                }
                backoff.wait().await;
            }
        }
    }

    /// What is told from now on.
    pub(crate) fn heard(&self) -> broadcast::Receiver<ObjectCreated> {
        self.heard.subscribe()
    }

    pub(crate) fn look_each(&self) -> Duration {
        self.look_each
    }

    /// Waits for its turn among all triggers.
    pub(crate) async fn in_turn<T>(&self, look: impl Future<Output = T>) -> T {
        // The semaphore is never closed.
        let _turn = self.turns.acquire().await;
        look.await
    }

    /// A page of a project's objects: their keys begin with `prefix` and come after `after`, both in the storage that all
    /// projects share.
    pub(crate) async fn page(
        &self,
        project: &ProjectName,
        prefix: &str,
        after: &str,
    ) -> anyhow::Result<ObjectPage> {
        Ok(self.of(project)?.list_page(prefix, after, PAGE).await?)
    }

    /// What is known of an object of the project; none when it is gone.
    pub(crate) async fn head(
        &self,
        project: &ProjectName,
        key: &str,
    ) -> anyhow::Result<Result<Option<Meta>, Error>> {
        Ok(match self.of(project)?.head(key).await {
            Ok(meta) => Ok(Some(meta)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// A client that reads what is the project's, and nothing else.
    fn of(&self, project: &ProjectName) -> anyhow::Result<Client> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let claims = StorageClaims {
            sub: "trigger".to_owned(),
            exp: now + TOKEN_SECONDS,
            read: vec![project.to_string()],
            ..StorageClaims::default()
        };
        Ok(self.client.with_token(&mint(&self.key, &claims)?))
    }
}

/// Has triggers look at what a run has stored when it ends.
pub(crate) struct Ended {
    pub(crate) triggers: Triggers,
    pub(crate) storage: Storage,
}

/// Where the objects of runs lie.
const RUNS: &str = "runs/";

impl Listener for Ended {
    fn name(&self) -> &'static str {
        "objects"
    }

    fn is_listening(&self) -> bool {
        self.triggers.active().iter().any(|trigger| match &trigger.document.spec.on {
            TriggerKind::ObjectCreated(spec) => {
                ObjectFilter::new(spec).is_ok_and(|filter| filter.may_touch(RUNS))
            }
            _ => false,
        })
    }

    fn look(&self) -> BoxFuture<'_, anyhow::Result<()>> {
        async { Ok(()) }.boxed()
    }

    fn ended<'a>(&'a self, run: &'a RunSummary) -> BoxFuture<'a, anyhow::Result<()>> {
        let told = ObjectCreated { project: run.project.clone(), key: format!("{RUNS}{}/", run.id) };
        let _nobody_waits_for_objects = self.storage.heard.send(told);
        async { Ok(()) }.boxed()
    }
}
