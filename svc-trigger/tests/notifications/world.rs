//! A trigger service, and runs that end before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use emboflow_bus::Bus;
use emboflow_bus::testing::TestServer;
use emboflow_model::approval::{Decision, Question};
use emboflow_model::notification::{DELIVERIES, Delivery, HISTORIES, History, KIND, Notification, Paused};
use emboflow_model::secret::{KIND as SECRETS, KeptSecret};
use emboflow_model::transition::{Accepted, PlannedSpec};
use emboflow_model::workflow::OnTimeout;
use emboflow_model::{
    Change, LogEntry, ProjectName, Run, RunId, RunState, SecretName, Timestamp, Transition, WorkflowName,
};
use emboflow_protocol::event::Event;
use emboflow_protocol::notice::Notice;
use emboflow_protocol::secret_box::{KeyRing, Place};
use emboflow_protocol::secret_value::SecretValue;
use emboflow_records::SharedRecords;
use emboflow_service::{Health, Shutdown};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What webhooks are signed with.
pub(crate) const KEY: &str = "the key of the tests";
const SEALING: &str = "a-key-for-secrets-of-the-tests-0123456789";
const PROJECT: &str = "default";
const PATIENCE: Duration = Duration::from_secs(90);

/// A running trigger service and what is around it.
pub(crate) struct World {
    _nats: TestServer,
    pub(crate) bus: Bus,
    records: SharedRecords,
    config: Value,
    shutdown: Shutdown,
    seq: AtomicU64,
    _directory: TempDir,
}

impl World {
    /// With these settings of `notify`.
    pub(crate) async fn start(notify: Value) -> Self {
        emboflow_service::tls::install();
        let nats = TestServer::start().await;
        let bus = nats.bus("tests").await;
        let directory = TempDir::with_prefix("emboflow-notify-").unwrap();
        let path = directory.path().join("records.db");
        let records = emboflow_records::open(&emboflow_records::Config::Sqlite { path }).await.unwrap();
        let config = json!({
            "nats": { "url": nats.url() }, "listen": "127.0.0.1:0", "public_url": "https://flow.example/",
            "secrets": { "key": SEALING }, "notify": notify,
        });
        let seq = AtomicU64::new(0);
        let shutdown = Shutdown::new();
        let mut world = Self { _nats: nats, bus, records, config, shutdown, seq, _directory: directory };
        world.start_again().await;
        world
    }

    pub(crate) async fn start_again(&mut self) {
        self.shutdown = Shutdown::new();
        let config = serde_json::from_value(self.config.clone()).unwrap();
        let health = Health::new("trigger");
        svc_trigger::start_on(config, self.records.clone(), &self.shutdown, &health).await.unwrap();
    }

    pub(crate) async fn stop(&self) {
        let drained = self.shutdown.drain(Duration::from_secs(30)).await;
        assert_eq!(drained.aborted, Vec::<String>::new());
    }

    pub(crate) async fn end(self) {
        self.stop().await;
    }

    /// Keeps a notification, and waits until the service must have seen it.
    pub(crate) async fn keep(&self, name: &str, spec: Value) -> u64 {
        let notification = Notification {
            spec: serde_json::from_value(spec).unwrap(),
            paused: None,
            created_at: Timestamp(0),
            created_by: "tests".to_owned(),
        };
        self.keep_text(name, &serde_json::to_string(&notification).unwrap()).await
    }

    pub(crate) async fn keep_text(&self, name: &str, body: &str) -> u64 {
        let version = self.records.keep(KIND, PROJECT, name, None, body.to_owned()).await.unwrap().unwrap();
        self.tell(name).await;
        version
    }

    /// Pauses a notification, or ends its pause.
    pub(crate) async fn pause(&self, name: &str, version: u64, is_paused: bool) -> u64 {
        let kept = self.records.kept(KIND, PROJECT, name).await.unwrap().unwrap();
        let mut notification: Notification = serde_json::from_str(&kept.body).unwrap();
        let paused = Paused { at: Timestamp(1), by: "tests".to_owned(), reason: "a test".to_owned() };
        notification.paused = is_paused.then_some(paused);
        let body = serde_json::to_string(&notification).unwrap();
        let version = self.records.keep(KIND, PROJECT, name, Some(version), body).await.unwrap().unwrap();
        self.tell(name).await;
        version
    }

    async fn tell(&self, name: &str) {
        assert!(self.bus.publish_live(&Notice::new(KIND, PROJECT, name)).await);
    }

    pub(crate) async fn keep_secret(&self, name: &str, value: &str) {
        let project = ProjectName::new(PROJECT).unwrap();
        let secret = SecretName::new(name).unwrap();
        let keys = KeyRing::new(SEALING, []).unwrap();
        let place = Place { project: &project, secret: &secret, version: 1 };
        let sealed = keys.seal(place, &SecretValue::new(value), [7; 24]).unwrap();
        let kept = KeptSecret {
            version: 1,
            sealed,
            created_at: Timestamp(0),
            created_by: "tests".to_owned(),
            changed_at: Timestamp(0),
            changed_by: "tests".to_owned(),
        };
        let body = serde_json::to_string(&kept).unwrap();
        self.records.keep(SECRETS, PROJECT, name, None, body).await.unwrap().unwrap();
    }

    /// A run that is accepted and ends so, as the log, the documents and the events tell it.
    pub(crate) async fn end_run(&self, key: &str, state: RunState) -> RunId {
        let first = self.accepted(key, Vec::new());
        let step = |from, to| Change::Run { from, to, reason: None };
        let changes = match state {
            RunState::Cancelled => {
                vec![step(RunState::Queued, RunState::Cancelling), step(RunState::Cancelling, state)]
            }
            _ => vec![step(RunState::Queued, RunState::Running), step(RunState::Running, state)],
        };
        let last = self.after(&first, changes);
        self.write(&[], &[first, last]).await
    }

    /// A run that waits for a person to decide on its task `review`: its log so far.
    pub(crate) async fn ask(&self, key: &str) -> Vec<Transition> {
        let review = PlannedSpec {
            name: "review".parse().unwrap(),
            fan_out: None,
            dynamic: false,
            needs: Vec::new(),
            finally: None,
        };
        let first = self.accepted(key, vec![review]);
        let question = Question {
            message: "Is the model good?".to_owned(),
            inputs: indexmap::IndexMap::new(),
            ends_at: Some(Timestamp(first.at.0 + 86_400_000)),
            on_timeout: OnTimeout::Fail,
        };
        let asked = vec![
            Change::Run { from: RunState::Queued, to: RunState::Running, reason: None },
            Change::ApprovalAsked { task: "review".parse().unwrap(), question: Box::new(question) },
        ];
        let second = self.after(&first, asked);
        let log = vec![first, second];
        self.write(&[], &log).await;
        log
    }

    /// Somebody decides on the task of [`World::ask`].
    pub(crate) async fn decide(&self, log: &[Transition]) {
        let last = log.last().unwrap();
        let decision = Decision { approved: true, by: None, comment: None, at: last.at };
        let task = "review".parse().unwrap();
        let decided = self
            .after(last, vec![Change::ApprovalDecided { task, decision, values: serde_json::Map::new() }]);
        self.write(log, &[decided]).await;
    }

    fn accepted(&self, key: &str, tasks: Vec<PlannedSpec>) -> Transition {
        let seq = self.seq.fetch_add(1, Ordering::SeqCst) + 1;
        let accepted = Accepted {
            workflow: WorkflowName::new("story").unwrap(),
            digest: "sha256:0".to_owned(),
            source: Arc::from("version: 1\nname: story\n"),
            inputs: serde_json::Map::new(),
            labels: indexmap::IndexMap::new(),
            key: key.to_owned(),
            body_sha256: String::new(),
            trace_id: "0123456789abcdef0123456789abcdef".to_owned(),
            recovered_from: None,
            parent: None,
            workflows: Default::default(),
            queue: emboflow_model::QueueName::default(),
            fairness_key: None,
            uploads: emboflow_model::upload::Pins::new(),
            anew: emboflow_model::Anew::default(),
            tasks,
        };
        Transition {
            shard: 0,
            seq,
            run: RunId::from_bits(u128::from(seq)),
            project: ProjectName::new(PROJECT).unwrap(),
            number: 1,
            at: Timestamp(1_795_266_000_000),
            changes: vec![Change::Accepted(Box::new(accepted))],
        }
    }

    fn after(&self, earlier: &Transition, changes: Vec<Change>) -> Transition {
        let seq = self.seq.fetch_add(1, Ordering::SeqCst) + 1;
        Transition { seq, number: earlier.number + 1, changes, ..earlier.clone() }
    }

    /// Appends what comes next in a run's log, and publishes the event of the last.
    async fn write(&self, before: &[Transition], new: &[Transition]) -> RunId {
        let run = Run::fold(before.iter().chain(new)).unwrap().unwrap();
        let last = new.last().unwrap();
        let entries = new.iter().map(|transition| Arc::new(LogEntry::Transition(transition.clone())));
        self.records.append(0, entries.collect()).await.unwrap();
        self.bus.publish(&Event::of(last, &run)).await.unwrap();
        last.run
    }

    /// The deliveries that are over, as soon as there are so many.
    pub(crate) async fn history(&self, name: &str, count: usize) -> Vec<Delivery> {
        eventually(&format!("{count} deliveries of {name} are over"), async || {
            let kept = self.records.kept(HISTORIES, PROJECT, name).await.unwrap()?;
            let history: History = serde_json::from_str(&kept.body).unwrap();
            (history.deliveries.len() >= count).then_some(history.deliveries)
        })
        .await
    }

    /// Why the delivery that is under way has not arrived yet.
    pub(crate) async fn error_of(&self, name: &str) -> String {
        eventually(&format!("a delivery of {name} has failed"), async || {
            let page = self.records.kept_page(DELIVERIES, Some(PROJECT), None, 100).await.unwrap();
            let own = page.into_iter().find(|kept| kept.name.starts_with(&format!("{name}/")))?;
            serde_json::from_str::<Delivery>(&own.body).unwrap().error
        })
        .await
    }
}

/// Looks until there is something.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"))
}
