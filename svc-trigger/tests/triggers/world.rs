//! A scheduler, NATS and records; trigger services in this process or as one that can be killed.

use std::collections::BTreeMap;
use std::future::Future;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_nats::jetstream;
use emboflow_bus::Bus;
use emboflow_bus::testing::TestServer;
use emboflow_model::run::accepted;
use emboflow_model::transition::Change;
use emboflow_model::trigger::{TRIGGER_STATES, TRIGGERS, TriggerDocument, TriggerState};
use emboflow_model::workflow::{parse, parse_trigger};
use emboflow_model::{LogEntry, ProjectName, RunId, RunState, Timestamp};
use emboflow_protocol::notice::Notice;
use emboflow_records::testing::MongoServer;
use emboflow_records::{Config, SharedRecords, WorkflowVersion};
use emboflow_service::{Health, Shutdown};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// One server for all tests; it ends with the process.
static MONGO: OnceCell<MongoServer> = OnceCell::const_new();

const PATIENCE: Duration = Duration::from_secs(150);
const HOUR_MS: i64 = 3_600_000;

pub(crate) struct World {
    pub(crate) nats: TestServer,
    pub(crate) bus: Bus,
    pub(crate) records: SharedRecords,
    config: Config,
    scheduler: Shutdown,
    _directory: TempDir,
}

/// A run that was accepted.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) run: RunId,
    pub(crate) key: String,
    pub(crate) inputs: Value,
    pub(crate) labels: BTreeMap<String, String>,
}

/// A trigger service in this process.
pub(crate) struct Service(Shutdown);

impl Service {
    pub(crate) async fn stop(self) {
        self.0.trigger("the test wants it");
        let drained = self.0.drain(Duration::from_secs(20)).await;
        assert_eq!(drained.failure, None);
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        let directory = TempDir::with_prefix("emboflow-trigger-").unwrap();
        let config = Config::Sqlite { path: directory.path().join("records.db") };
        Self::on(config, directory).await
    }

    pub(crate) async fn with_mongo() -> Self {
        let server = MONGO.get_or_init(|| async { MongoServer::start().await.unwrap() }).await;
        Self::on(server.fresh_config(), TempDir::new().unwrap()).await
    }

    async fn on(config: Config, directory: TempDir) -> Self {
        let nats = TestServer::start().await;
        let bus = nats.bus("tests").await;
        let records = emboflow_records::open(&config).await.unwrap();
        let project = json!({ "name": "lab", "created_at": "2026-11-21T13:00:00.000Z" }).to_string();
        // Made once, however often the services start.
        records.keep("project", "", "lab", None, project).await.unwrap();
        let scheduler = Shutdown::new();
        let settings = json!({ "nats": { "url": nats.url() }, "storage_key": "k".repeat(32) });
        let settings = serde_json::from_value(settings).unwrap();
        let health = Health::new("scheduler");
        svc_scheduler::start_on(settings, records.clone(), &scheduler, &health).await.unwrap();
        let world = Self { nats, bus, records, config, scheduler, _directory: directory };
        world.keep_workflow("report", "day: { type: string, default: none }").await;
        world
    }

    /// Another trigger service in this process, on records of its own.
    pub(crate) async fn service(&self) -> Service {
        self.service_with(json!({ "nats": { "url": self.nats.url() } })).await
    }

    /// The same with settings of its own.
    pub(crate) async fn service_with(&self, settings: Value) -> Service {
        let records = emboflow_records::open(&self.config).await.unwrap();
        let shutdown = Shutdown::new();
        let settings = serde_json::from_value(settings).unwrap();
        svc_trigger::start_on(settings, records, &shutdown, &Health::new("trigger")).await.unwrap();
        Service(shutdown)
    }

    /// A trigger service as a process, which dies after so many requests.
    pub(crate) fn process(&self, die_after: Option<u64>) -> Child {
        self.process_with(die_after, &[])
    }

    /// The same with settings of its own.
    pub(crate) fn process_with(&self, die_after: Option<u64>, arguments: &[String]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_svc-trigger"));
        let records = match &self.config {
            Config::Sqlite { path } => format!("records.sqlite.path={}", path.display()),
            Config::Mongo { .. } => panic!("processes are tried on SQLite"),
        };
        let nats = format!("nats.url={}", self.nats.url());
        command.args(["--set", &records, "--set", &nats, "--set", "listen=127.0.0.1:0"]);
        if let Some(requests) = die_after {
            command.args(["--set", &format!("die_after_requests={requests}")]);
        }
        command.args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    pub(crate) async fn keep_workflow(&self, name: &str, input: &str) {
        let source =
            format!("version: 1\nname: {name}\ninputs:\n  {input}\ntasks: {{ a: {{ image: busybox }} }}\n");
        let workflow = parse(&source).unwrap();
        let (digest, text) = (workflow.digest.clone(), workflow.source.clone());
        let row = WorkflowVersion::to_put(project(), name.parse().unwrap(), digest, text, None, now());
        self.records.put_workflow(row).await.unwrap();
    }

    /// Keeps a trigger whose `on` is given, for the workflow `report`, as if it had been made some hours ago.
    pub(crate) async fn keep(&self, name: &str, on: &str, hours_ago: i64) -> TriggerDocument {
        self.keep_for(name, "report", on, hours_ago).await
    }

    pub(crate) async fn keep_for(&self, name: &str, of: &str, on: &str, hours_ago: i64) -> TriggerDocument {
        let source = format!("version: 1\nname: {name}\nworkflow: {of}\non: {on}\n");
        let spec =
            parse_trigger(&source).unwrap_or_else(|problems| panic!("{}", problems[0].report("trigger")));
        let made = Timestamp(now().0 - hours_ago * HOUR_MS);
        let document = TriggerDocument {
            id: format!("id-{name}"),
            spec,
            source: Some(source),
            declared_by: None,
            paused: None,
            created_at: made,
            changed_at: made,
            counts_from: made,
        };
        self.put(&document).await;
        document
    }

    /// Writes a trigger and tells.
    pub(crate) async fn put(&self, document: &TriggerDocument) {
        let name = document.spec.name.as_str();
        let known = self.records.kept(TRIGGERS, "lab", name).await.unwrap().map(|kept| kept.version);
        let body = serde_json::to_string(document).unwrap();
        assert!(self.records.keep(TRIGGERS, "lab", name, known, body).await.unwrap().is_some());
        self.bus.publish_live(&Notice::new(TRIGGERS, "lab", name)).await;
    }

    pub(crate) async fn state(&self, trigger: &str) -> TriggerState {
        let kept = self.records.kept(TRIGGER_STATES, "lab", trigger).await.unwrap();
        kept.map(|kept| serde_json::from_str(&kept.body).unwrap()).unwrap_or_default()
    }

    /// The runs that a trigger has started, in the order of the decisions.
    pub(crate) async fn runs(&self, trigger: &str) -> Vec<Accepted> {
        let log = self.records.log_after(0, 0, 10_000).await.unwrap();
        let read = |entry: &LogEntry| {
            let LogEntry::Transition(transition) = entry else { return None };
            let found = accepted(transition)?;
            Some(Accepted {
                run: transition.run,
                key: found.key.clone(),
                inputs: Value::Object(found.inputs.clone()),
                labels: found.labels.clone().into_iter().collect(),
            })
        };
        let is_of = |run: &Accepted| run.labels.get("emboflow/trigger").is_some_and(|name| name == trigger);
        log.iter().filter_map(read).filter(is_of).collect()
    }

    /// Waits until a trigger has started so many runs; they are all for different reasons.
    pub(crate) async fn has_started(&self, trigger: &str, count: usize) -> Vec<Accepted> {
        let what = format!("{trigger} has started {count} runs");
        let runs = eventually(&what, || async {
            let runs = self.runs(trigger).await;
            (runs.len() >= count).then_some(runs)
        })
        .await;
        let keys: std::collections::BTreeSet<_> = runs.iter().map(|run| &run.key).collect();
        assert_eq!(keys.len(), runs.len(), "a reason has started two runs");
        runs
    }

    /// The state that a run has reached in the log.
    pub(crate) async fn reached(&self, run: RunId, state: RunState) {
        eventually(&format!("{run} is {state}"), || async {
            let history = self.records.history(run, 0, 1_000).await.unwrap();
            let is_it = |change: &Change| matches!(change, Change::Run { to, .. } if *to == state);
            history.iter().flat_map(|step| &step.changes).any(is_it).then_some(())
        })
        .await;
    }

    /// JetStream of the tests' own.
    pub(crate) async fn jetstream(&self) -> jetstream::Context {
        jetstream::new(async_nats::connect(self.nats.url()).await.unwrap())
    }

    pub(crate) async fn end(self) {
        self.scheduler.trigger("the end of the test");
        self.scheduler.drain(Duration::from_secs(20)).await;
    }
}

pub(crate) fn project() -> ProjectName {
    "lab".parse().unwrap()
}

pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

/// Waits until something is there.
pub(crate) async fn eventually<T, F, Fut>(what: &str, mut look: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let waiting = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(found) => found,
        Err(_) => panic!("it does not come true within {} s: {what}", PATIENCE.as_secs()),
    }
}
