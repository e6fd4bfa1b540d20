//! A whole executor on a real NATS and a real storage gateway; the test plays the scheduler.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use emboflow_bus::testing::TestServer;
use emboflow_bus::{Bus, ConsumerSpec};
use emboflow_model::executor::Heartbeat;
use emboflow_model::runtime_spec::{Network, Stop, Timeouts};
use emboflow_model::transition::AttemptEnd;
use emboflow_model::{AttemptId, ExecutorId, Reason, Resources, RunId, RuntimeSpec, object_key};
use emboflow_protocol::call::{Claim, ClaimAnswer, GivenSecret};
use emboflow_protocol::command::{Command, Commands, Start};
use emboflow_protocol::report::{Phase, Report, Reports};
use emboflow_protocol::storage_token::{StorageClaims, TokenKey, mint};
use emboflow_protocol::stream::REPORTS;
use emboflow_service::{Health, Secret, Shutdown};
use emboflow_storage::Client;
use svc_executor::runtime::simulated::{Simulated, VARIABLE};
use svc_executor::{Config, DockerChoice, RuntimeChoice};
use svc_storage_gw::{Backend, DirectoryBackend};
use tokio::sync::watch;

const SECRET: &str = "a secret of thirty-two bytes or more";
const IMAGE: &str = "emboflow/examples-hello:1";
/// However busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Docker,
    Simulated,
}

/// Everything an executor needs, and the scheduler's part of the talk.
pub(crate) struct World {
    pub(crate) nats: TestServer,
    pub(crate) bus: Bus,
    pub(crate) folder: tempfile::TempDir,
    /// On a tmpfs.
    pub(crate) memory: tempfile::TempDir,
    pub(crate) kind: Kind,
    storage: Gateway,
    pub(crate) settings: Settings,
    simulated: Simulated,
    instance: String,
    scheduler: Arc<Mutex<Scheduler>>,
    reports: watch::Receiver<Vec<Report>>,
    background: Shutdown,
    executor: Option<Shutdown>,
    runs: u128,
}

/// What the executor is told, where a test wants it otherwise.
pub(crate) struct Settings {
    pub(crate) docker_host: Option<String>,
    pub(crate) disk_limit_bytes: u64,
    pub(crate) storage_patience: Duration,
    pub(crate) secrets_dir: Option<PathBuf>,
    /// Time between two heartbeats.
    pub(crate) heartbeat: Duration,
}

/// The storage gateway, which can go away and come back.
struct Gateway {
    address: SocketAddr,
    url: String,
    running: Option<Shutdown>,
}

/// How the test answers claims.
struct Scheduler {
    refused: HashMap<AttemptId, String>,
    secrets: Vec<GivenSecret>,
    claims: Vec<AttemptId>,
    token_life: Duration,
    /// What exclusive attempts are told.
    good_for_ms: Option<u64>,
    is_silent: bool,
}

/// A program for both runtimes: a shell script, and the words of a simulated container.
#[derive(Clone, Copy)]
pub(crate) struct Program {
    pub(crate) shell: &'static str,
    pub(crate) words: &'static str,
}

impl World {
    pub(crate) async fn new(kind: Kind) -> Self {
        emboflow_service::tls::install();
        let (nats, background) = (TestServer::start().await, Shutdown::new());
        let bus = nats.bus("scheduler").await;
        let folder = tempfile::tempdir().unwrap();
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let storage = Gateway::start(([127, 0, 0, 1], 0).into(), &folder.path().join("objects")).await;
        let token_life = Duration::from_secs(3_600);
        let scheduler = Scheduler {
            refused: HashMap::new(),
            secrets: Vec::new(),
            claims: Vec::new(),
            token_life,
            good_for_ms: None,
            is_silent: false,
        };
        let scheduler = Arc::new(Mutex::new(scheduler));
        answer_claims(&bus, &background, scheduler.clone());
        let reports = gather_reports(&bus, &background).await;
        let instance = format!("test-{}", uuid::Uuid::new_v4().simple());
        Self {
            nats,
            bus,
            folder,
            memory,
            kind,
            storage,
            settings: Settings {
                docker_host: None,
                disk_limit_bytes: 10 << 30,
                storage_patience: Duration::from_secs(3_600),
                secrets_dir: None,
                heartbeat: Duration::from_millis(100),
            },
            simulated: Simulated::default(),
            instance,
            scheduler,
            reports,
            background,
            executor: None,
            runs: uuid::Uuid::now_v7().as_u128() & !0xffff,
        }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("executor")
    }

    pub(crate) fn secrets_dir(&self) -> PathBuf {
        self.settings.secrets_dir.clone().unwrap_or_else(|| self.memory.path().join("secrets"))
    }

    /// Starts the executor, and waits for its first heartbeat of this start.
    pub(crate) async fn start_executor(&mut self) -> Heartbeat {
        let shutdown = Shutdown::new();
        let config = Config {
            data_dir: self.data_dir(),
            executor: Some("exec-test".to_owned()),
            instance: self.instance.clone(),
            nats: self.nats.config("executor"),
            storage_url: self.storage.url.clone(),
            disk_limit_bytes: self.settings.disk_limit_bytes,
            storage_patience_ms: self.settings.storage_patience.as_millis() as u64,
            runtime: match self.kind {
                Kind::Docker => {
                    RuntimeChoice::Docker(DockerChoice { host: self.settings.docker_host.clone() })
                }
                Kind::Simulated => RuntimeChoice::Simulated,
            },
            heartbeat_ms: self.settings.heartbeat.as_millis() as u64,
            secrets_dir: Some(self.secrets_dir()),
            ..Config::default()
        };
        let before = self.heartbeat().await.map(|heartbeat| heartbeat.incarnation);
        svc_executor::start_on(config, &self.simulated, &shutdown, &Health::new("executor")).await.unwrap();
        self.executor = Some(shutdown);
        let hint = "no heartbeat: is a container engine there? (run `make setup`)";
        until(hint, async || self.heartbeat().await.filter(|now| Some(&now.incarnation) != before.as_ref()))
            .await
    }

    /// Ends the executor's process as far as that can be done within this one; containers go on.
    pub(crate) async fn stop_executor(&mut self) {
        let shutdown = self.executor.take().expect("it runs");
        shutdown.trigger("test");
        let drained = shutdown.drain(Duration::from_secs(20)).await;
        assert_eq!((drained.aborted, drained.failure), (Vec::new(), None));
    }

    pub(crate) async fn heartbeat(&self) -> Option<Heartbeat> {
        self.bus.heartbeats().await.unwrap().into_iter().next()
    }

    pub(crate) fn spec(&self, program: Program) -> RuntimeSpec {
        RuntimeSpec {
            image: IMAGE.to_owned(),
            pull: Default::default(),
            command: vec!["/bin/sh".into(), "-c".into()],
            args: vec![program.shell.to_owned()],
            env: [(VARIABLE.to_owned(), program.words.to_owned())].into(),
            workdir: None,
            user: None,
            resources: Resources { cpu_millis: 100, memory_bytes: 32 << 20, disk_bytes: 0, gpu: 0 },
            shm_bytes: None,
            pids: None,
            network: Network::None,
            isolation: Default::default(),
            timeouts: Timeouts::default(),
            stop: Stop { signal: "SIGTERM".to_owned(), grace_ms: 1_000 },
            inputs: Vec::new(),
            complete_codes: Vec::new(),
            outputs: Vec::new(),
            devices: Vec::new(),
            replica: None,
            class: Default::default(),
            log_limit_bytes: 1 << 20,
            secrets: Vec::new(),
        }
    }

    /// A command to start a new attempt.
    pub(crate) fn attempt(&mut self, spec: RuntimeSpec) -> Start {
        self.runs += 1;
        let attempt =
            AttemptId { run: RunId::from_bits(self.runs), task: "task".parse().unwrap(), number: 1 };
        let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736".to_owned();
        Start { attempt, fence: 7, project: "lab".parse().unwrap(), trace_id, spec }
    }

    /// Starts a new attempt of a program.
    pub(crate) async fn begin(&mut self, program: Program) -> Start {
        let start = self.attempt(self.spec(program));
        self.send(Command::Start(Box::new(start.clone()))).await;
        start
    }

    pub(crate) async fn send(&self, command: Command) {
        let (pool, executor) = ("default".parse().unwrap(), "exec-test".parse().unwrap());
        self.bus.publish(&Commands { pool, executor, commands: vec![command] }).await.unwrap();
    }

    pub(crate) async fn stop(&self, start: &Start, reason: Reason) {
        self.send(Command::Stop { attempt: start.attempt.clone(), fence: start.fence, reason }).await;
    }

    pub(crate) async fn release(&self, start: &Start) {
        self.send(Command::Release { attempt: start.attempt.clone(), fence: start.fence }).await;
    }

    pub(crate) fn refuse(&self, attempt: &AttemptId) {
        self.scheduler.lock().unwrap().refused.insert(attempt.clone(), "fenced".to_owned());
    }

    /// The values that are given to whoever claims with its secrets from now on.
    pub(crate) fn give_secrets(&self, secrets: Vec<GivenSecret>) {
        self.scheduler.lock().unwrap().secrets = secrets;
    }

    /// How long tokens of claims that are answered from now on are good for.
    pub(crate) fn give_tokens_for(&self, life: Duration) {
        self.scheduler.lock().unwrap().token_life = life;
    }

    /// For how long claims of exclusive attempts are good that are answered from now on.
    pub(crate) fn grant_for(&self, time: Duration) {
        self.scheduler.lock().unwrap().good_for_ms = Some(time.as_millis() as u64);
    }

    /// Whether claims have no answer from now on.
    pub(crate) fn be_silent(&self, is_silent: bool) {
        self.scheduler.lock().unwrap().is_silent = is_silent;
    }

    /// How often the executor has claimed an attempt.
    pub(crate) fn claims(&self, attempt: &AttemptId) -> usize {
        self.scheduler.lock().unwrap().claims.iter().filter(|claimed| *claimed == attempt).count()
    }

    /// The gateway goes away; what it has stored stays.
    pub(crate) async fn stop_storage(&mut self) {
        let gateway = self.storage.running.take().expect("it runs");
        gateway.trigger("test");
        gateway.drain(Duration::from_secs(20)).await;
    }

    pub(crate) async fn restart_storage(&mut self) {
        let objects = self.folder.path().join("objects");
        self.storage = Gateway::start(self.storage.address, &objects).await;
    }

    pub(crate) fn phases(&self, attempt: &AttemptId) -> Vec<Phase> {
        let reports = self.reports.borrow();
        reports
            .iter()
            .filter(|report| report.attempt == *attempt)
            .map(|report| report.phase.clone())
            .collect()
    }

    pub(crate) fn ends(&self, attempt: &AttemptId) -> Vec<AttemptEnd> {
        let ended = |phase| if let Phase::Ended { end } = phase { Some(*end) } else { None };
        self.phases(attempt).into_iter().filter_map(ended).collect()
    }

    pub(crate) async fn end(&self, start: &Start) -> AttemptEnd {
        let what = format!("{} ends", start.attempt);
        until(&what, async || self.ends(&start.attempt).pop()).await
    }

    pub(crate) async fn running(&self, start: &Start) {
        until("it runs", async || {
            let runs = |phase: &Phase| matches!(phase, Phase::Running { .. });
            self.phases(&start.attempt).iter().any(runs).then_some(())
        })
        .await;
    }

    /// Waits until the executor holds nothing.
    pub(crate) async fn until_forgotten(&self) {
        let folders = self.data_dir().join("attempts");
        until("everything is forgotten", async || {
            // The heartbeat may be one from before the attempt; its folder is the last but one to go.
            let is_empty = std::fs::read_dir(&folders).map_or(true, |mut left| left.next().is_none());
            self.heartbeat().await.filter(|heartbeat| is_empty && heartbeat.attempts.is_empty())
        })
        .await;
    }

    /// All of storage, as the API sees it.
    pub(crate) fn storage(&self) -> Client {
        let claims = StorageClaims {
            sub: "test".into(),
            exp: u64::MAX / 2,
            read: vec![String::new()],
            write: vec![String::new()],
            delete: true,
            quota: None,
        };
        let token = mint(&TokenKey::new(SECRET.as_bytes()).unwrap(), &claims).unwrap();
        Client::new(&self.storage.url, &token).unwrap()
    }

    /// The archived log: its chunks in order.
    pub(crate) async fn archived(&self, start: &Start) -> Vec<u8> {
        use futures::TryStreamExt;
        let (storage, prefix) = (self.storage(), object_key::attempt_prefix(&start.project, &start.attempt));
        let folder = object_key::log_prefix(&prefix);
        let keys: Vec<_> = storage.list(&folder).map_ok(|entry| entry.key).try_collect().await.unwrap();
        let mut log = Vec::new();
        for key in keys.iter().filter(|key| key.ends_with(".log")) {
            let first: usize = key[folder.len()..key.len() - 4].parse().unwrap();
            assert_eq!(first, log.len(), "chunks follow each other without gap or overlap");
            log.extend_from_slice(&storage.get_bytes(key, 1 << 30).await.unwrap());
        }
        log
    }

    pub(crate) fn docker(arguments: &[&str]) -> String {
        let output = std::process::Command::new("/usr/bin/docker").args(arguments).output();
        let output = output.expect("no docker client here: run `make setup`");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn containers(&self) -> Vec<String> {
        let filter = format!("label=io.emboflow.instance={}", self.instance);
        let names = Self::docker(&["ps", "-a", "--filter", &filter, "--format", "{{.Names}}"]);
        names.lines().map(str::to_owned).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.background.trigger("test over");
        self.storage.running.iter().for_each(|gateway| gateway.trigger("test over"));
        if self.kind == Kind::Docker {
            for name in self.containers() {
                Self::docker(&["rm", "-f", &name]);
            }
        }
    }
}

/// Looks until there is something; the panic names what was waited for.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Gateway {
    async fn start(address: SocketAddr, objects: &Path) -> Self {
        let backend = Backend::Directory(DirectoryBackend::new(objects));
        let config = svc_storage_gw::Config::new(address, backend, Secret::new(SECRET));
        let running = Shutdown::new();
        let gateway = svc_storage_gw::start(config, &running, &Health::new("storage-gw")).await.unwrap();
        let url = gateway.url();
        let address = url.trim_start_matches("http://").parse().unwrap();
        Self { address, url, running: Some(running) }
    }
}

fn answer_claims(bus: &Bus, background: &Shutdown, scheduler: Arc<Mutex<Scheduler>>) {
    let (bus, stop) = (bus.clone(), background.token());
    let key = TokenKey::new(SECRET.as_bytes()).unwrap();
    let project = "lab".parse().unwrap();
    background.spawn("claims", async move {
        let answer = move |claim: Claim| {
            let (refused, secrets, life, good_for_ms, is_silent) = {
                let mut scheduler = scheduler.lock().unwrap();
                scheduler.claims.push(claim.attempt.clone());
                let secrets = if claim.secrets { scheduler.secrets.clone() } else { Vec::new() };
                let refused = scheduler.refused.get(&claim.attempt).cloned();
                (refused, secrets, scheduler.token_life, scheduler.good_for_ms, scheduler.is_silent)
            };
            let ends = SystemTime::now() + life;
            let claims = StorageClaims {
                sub: claim.attempt.to_string(),
                exp: ends.duration_since(UNIX_EPOCH).unwrap().as_secs() + 1,
                read: vec!["lab".into()],
                write: vec![object_key::attempt_prefix(&project, &claim.attempt)],
                delete: false,
                quota: None,
            };
            let storage_token = mint(&key, &claims).unwrap();
            let storage_token_ms = life.as_millis() as u64;
            let granted = ClaimAnswer::Granted { storage_token, storage_token_ms, good_for_ms, secrets };
            let answer = refused.map_or(granted, |reason| ClaimAnswer::Refused { reason });
            async move { if is_silent { Err("not now".to_owned()) } else { Ok(answer) } }
        };
        bus.serve::<Claim, ClaimAnswer, _, _>(Claim::filter(), stop, answer).await.unwrap();
    });
}

async fn gather_reports(bus: &Bus, background: &Shutdown) -> watch::Receiver<Vec<Report>> {
    let (gathered, reports) = watch::channel(Vec::new());
    let consumer = bus.consume(ConsumerSpec::new(REPORTS, "test")).await.unwrap();
    let mut consumer = consumer.until(background.token());
    background.spawn("reports", async move {
        loop {
            let batch = consumer.next_batch(100).await;
            if batch.is_empty() {
                return;
            }
            for delivery in batch {
                let message: Reports = delivery.decode().unwrap();
                assert_eq!(message.executor, ExecutorId::new("exec-test").unwrap());
                gathered.send_modify(|all| all.extend(message.reports));
                // A test may kill NATS just now: the report comes again then, and says the same.
                let _comes_again = delivery.ack().await;
            }
        }
    });
    reports
}
