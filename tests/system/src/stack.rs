//! A whole installation for one test.

use std::path::Path;

use emboflow_bus::server::ServerOptions;
use emboflow_bus::testing::{TestServer, TestUsers};
use emboflow_protocol::rights::Part::{Machine, Trigger};
use emboflow_records::testing::MongoServer;
use reqwest::StatusCode;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::backup::Backup;
use crate::cell::{Cell, RecordsKind, RuntimeKind};
use crate::client::Client;
use crate::containers::Containers;
use crate::engine::Engine;
use crate::service::Service;
use crate::waiting::eventually_ok;

const TOKEN: &str = "token-of-a-test-installation";
/// Executors that have a user of NATS; a test starts the others itself.
const EXECUTORS: [&str; 2] = ["exec-1", "exec-2"];
const OUTSIDER: &str = "outsider";
const UNLIMITED: &str = "unlimited";
/// A stream of others that the trigger service may follow.
pub const FOLLOWED_STREAM: &str = "ORDERS";
/// The trigger service with that right.
const FOLLOWER: &str = "follower";
const STORAGE_KEY: &str = "storage-key-of-a-test-installation-0123456789";

/// A service by its part in the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Decides.
    Scheduler,
    /// Carries out.
    Executor,
    /// Stores.
    Gateway,
    /// Answers.
    Api,
}

/// NATS, records, and the four services as processes. Everything ends with it.
pub struct Stack {
    /// Which records and which runtime.
    pub cell: Cell,
    /// NATS.
    pub nats: TestServer,
    /// Who may connect to it, with the keys: each service has only the rights of its part.
    pub users: TestUsers,
    /// Decides.
    pub scheduler: Service,
    /// Carries out.
    pub executor: Service,
    /// Stores.
    pub gateway: Service,
    /// Answers.
    pub api: Service,
    /// Containers of this installation.
    pub containers: Containers,
    /// What the test is doing, for its failure.
    pub doing: String,
    /// A part was stopped for long, or NATS was killed with questions under way: NATS lets nobody answer questions of before.
    pub answers_come_late: bool,
    dir: TempDir,
}

impl Stack {
    /// Starts everything and waits until every service is ready.
    pub async fn start(cell: Cell) -> Self {
        Self::start_changed(cell, |_| {}).await
    }

    /// [`Stack::start`] with the records on a server of the test's own.
    pub async fn start_on(cell: Cell, mongo: &MongoServer) -> Self {
        Self::start_with(cell, |_| {}, Some(mongo), |_| {}).await
    }

    /// [`Stack::start`] with a nats-server whose options are changed first.
    pub async fn start_with_nats(cell: Cell, options: impl FnOnce(&mut ServerOptions)) -> Self {
        Self::start_with(cell, options, None, |_| {}).await
    }

    /// [`Stack::start`] after `change` has changed settings.
    pub async fn start_changed(cell: Cell, change: impl FnOnce(&mut Self)) -> Self {
        Self::start_with(cell, |_| {}, None, change).await
    }

    /// [`Stack::start_changed`] with a nats-server whose options are changed first, and the records on a server of the
    /// test's own, if there is one.
    pub async fn start_to_be_broken(
        cell: Cell,
        options: impl FnOnce(&mut ServerOptions),
        mongo: Option<&MongoServer>,
        change: impl FnOnce(&mut Self),
    ) -> Self {
        Self::start_with(cell, options, mongo, change).await
    }

    async fn start_with(
        cell: Cell,
        options: impl FnOnce(&mut ServerOptions),
        mongo: Option<&MongoServer>,
        change: impl FnOnce(&mut Self),
    ) -> Self {
        let users = users();
        let nats = TestServer::start_for_with(&users, options).await;
        let dir = TempDir::with_prefix("emboflow-system-").expect("a temporary directory can be made");
        let instance = format!("test-{}", nats.url().rsplit(':').next().unwrap_or_default());
        let log = |name: &str| dir.path().join(format!("{name}.log"));
        let mut stack = Self {
            cell,
            scheduler: Service::new("svc-scheduler", "listen", log("scheduler")),
            executor: Service::new("svc-executor", "health_listen", log("executor")),
            gateway: Service::new("svc-storage-gw", "listen", log("gateway")),
            api: Service::new("svc-api", "listen", log("api")),
            containers: Containers::of(cell, &instance),
            doing: String::new(),
            answers_come_late: false,
            nats,
            users,
            dir,
        };
        stack.settle(&instance, mongo).await;
        change(&mut stack);
        stack.gateway.start().await;
        let storage = stack.gateway.url();
        stack.executor.set("storage_url", &storage);
        stack.api.set("storage.url", &storage);
        stack.scheduler.start().await;
        stack.executor.start().await;
        stack.api.start().await;
        stack.ready().await;
        stack
    }

    async fn settle(&mut self, instance: &str, mongo: Option<&MongoServer>) {
        let dir = self.dir.path().to_owned();
        let records = records_settings(self.cell.records, &dir, mongo).await;
        for (key, value) in &records {
            self.scheduler.set(key, value);
            self.api.set(key, value);
        }
        let services = [
            (&mut self.scheduler, "scheduler"),
            (&mut self.executor, EXECUTORS[0]),
            (&mut self.api, "api"),
            (&mut self.gateway, "gateway"),
        ];
        for (service, user) in services {
            service.set("nats.url", self.nats.url());
            service.set("nats.nkey_file", self.users.key_file(user).display());
        }
        self.scheduler.set("storage_key", STORAGE_KEY);
        // Short, so that tokens are renewed in every test.
        self.scheduler.set("storage_token_ms", 5_000);
        self.gateway.set("signing_key", STORAGE_KEY);
        self.gateway.set("backend.directory.root", dir.join("objects").display());
        self.gateway.set("backend.directory.low_space_bytes", 1 << 20);
        self.api.set("storage.signing_key", STORAGE_KEY);
        self.api.set("token", TOKEN);
        self.api.set("instance", instance);
        self.executor.set("instance", instance);
        self.executor.set("executor", EXECUTORS[0]);
        self.executor.set("data_dir", dir.join(EXECUTORS[0]).display());
        self.executor.set("slots", 64);
        // Whatever else fills this machine's disk.
        self.executor.set("disk_reserve_bytes", 1 << 20);
        // What is lost is to be noticed within a test's patience.
        self.executor.set("heartbeat_ms", 250);
        self.scheduler.set("policy.redispatch_after_ms", 1_500);
        self.scheduler.set("policy.suspect_after_ms", 3_000);
        self.scheduler.set("policy.infra_retry_delay_ms", 100);
        if self.cell.runtime == RuntimeKind::Simulated {
            self.executor.set("runtime", "simulated");
            // Promises nothing of this machine, whatever else runs on it.
            self.executor.set("capacity.cpu_millis", 1_000_000);
            self.executor.set("capacity.memory_bytes", 1_u64 << 40);
        }
    }

    /// One more executor on this machine, not started yet.
    pub fn another_executor(&self, id: &str) -> Service {
        let mut executor = self.executor.twin(self.dir.path().join(format!("{id}.log")));
        executor.set("executor", id);
        executor.set("nats.nkey_file", self.users.key_file(id).display());
        executor.set("data_dir", self.dir.path().join(id).display());
        executor
    }

    /// One more scheduler on the same records, not started yet.
    pub fn another_scheduler(&self) -> Service {
        self.scheduler.twin(self.dir.path().join("scheduler-2.log"))
    }

    /// The trigger service on the same records, not started yet.
    pub fn trigger_service(&self) -> Service {
        let mut trigger = Service::new("svc-trigger", "listen", self.dir.path().join("trigger.log"));
        for (key, value) in self.scheduler.section("records") {
            trigger.set(&key, value);
        }
        trigger.set("nats.url", self.nats.url());
        trigger.set("nats.nkey_file", self.users.key_file(FOLLOWER).display());
        trigger.set("storage.url", self.gateway.url());
        trigger.set("storage.signing_key", STORAGE_KEY);
        // Nobody waits half a minute for what only a look finds.
        trigger.set("storage.look_ms", 200);
        trigger
    }

    /// Makes the executor use a Docker engine of the test's own.
    pub fn use_engine(&mut self, engine: &Engine) {
        self.executor.set("runtime.docker.host", engine.host());
        self.containers.look_at(engine.host());
    }

    /// Throws away all that the executor, which must not run, has on its disk.
    pub fn wipe_executor(&mut self) {
        assert!(!self.executor.runs(), "a running executor's disk is not wiped");
        std::fs::remove_dir_all(self.dir.path().join("exec-1"))
            .expect("the executor's folder can be removed");
    }

    /// A service.
    pub fn part(&mut self, part: Part) -> &mut Service {
        match part {
            Part::Scheduler => &mut self.scheduler,
            Part::Executor => &mut self.executor,
            Part::Gateway => &mut self.gateway,
            Part::Api => &mut self.api,
        }
    }

    /// A caller of the API.
    pub fn client(&self) -> Client {
        Client::new(&self.api.url(), TOKEN)
    }

    /// Everything that the services keep on this machine's disk, but for NATS and a records server.
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// Waits until every service says that all it needs is there.
    pub async fn ready(&self) {
        for service in [&self.gateway, &self.scheduler, &self.executor, &self.api] {
            let what = format!("the {} is ready", service.program());
            eventually_ok(&what, || async {
                match service.readiness().await? {
                    (StatusCode::OK, _) => Ok(()),
                    (status, said) => Err(format!("{status} {said:#}")),
                }
            })
            .await;
        }
    }

    /// How many attempts have ended on the executor since its start, by its own count.
    pub async fn attempts_ended(&self) -> u64 {
        self.executor.figure("emboflow_executor_attempts_total").await.expect("the executor answers")
    }

    /// The place of its backups, beside it.
    pub async fn backup(&self) -> Backup {
        let records = self.scheduler.settings_below("records.");
        let objects = self.gateway.settings_below("backend.");
        Backup::of(records.chain(objects).collect(), self.dir.path()).await
    }

    /// Throws away all objects. The gateway must not run.
    pub fn lose_objects(&self) {
        std::fs::remove_dir_all(self.dir.path().join("objects")).expect("the objects can be removed");
    }

    /// How many objects of a run the gateway's disk holds.
    pub fn objects_of(&self, run: &str) -> usize {
        files_below(&self.dir.path().join("objects"), &|path| path.to_string_lossy().contains(run))
    }

    /// A client of NATS that knows nothing of EmboFlow.
    pub async fn outsider(&self) -> async_nats::Client {
        self.users.client(&self.nats.url(), OUTSIDER).await.0
    }

    /// A client of NATS that may publish and read everything, as no user of an installation may.
    pub async fn unlimited(&self) -> async_nats::Client {
        self.users.client(&self.nats.url(), UNLIMITED).await.0
    }

    /// The last words of every service, for a failing test.
    pub fn logs(&self) -> String {
        [&self.scheduler, &self.executor, &self.gateway, &self.api].map(Service::log_tail).concat()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "{:?} {}\n{}", self.cell, self.doing, self.logs());
            return;
        }
        let log = self.nats.log();
        let is_late =
            |line: &str| self.answers_come_late && line.contains("Publish Violation - Subject \"_INBOX");
        let violations = log.lines().filter(|line| line.contains("Violation"));
        let refused: Vec<_> = violations.filter(|line| !is_late(line)).collect();
        assert!(refused.is_empty(), "somebody lacks a right (lib/protocol/src/rights): {refused:#?}");
    }
}

/// The users of an installation's NATS, and a machine's owner who stands outside.
fn users() -> TestUsers {
    let mut users = TestUsers::platform(EXECUTORS[0]);
    EXECUTORS[1..].iter().for_each(|id| users.add_executor(id));
    users.add(OUTSIDER, Machine { feeds: Vec::new() });
    let streams = vec![FOLLOWED_STREAM.to_owned()];
    users.add(FOLLOWER, Trigger { listens: Vec::new(), streams });
    users.add_unlimited(UNLIMITED);
    users
}

fn files_below(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let counts = entries.map(|entry| {
        let path = entry.path();
        if path.is_dir() { files_below(&path, wanted) } else { usize::from(wanted(&path)) }
    });
    counts.sum()
}

async fn records_settings(
    kind: RecordsKind,
    dir: &Path,
    mongo: Option<&MongoServer>,
) -> Vec<(&'static str, String)> {
    static SHARED: OnceCell<MongoServer> = OnceCell::const_new();
    match kind {
        RecordsKind::Sqlite => vec![("records.sqlite.path", dir.join("records.db").display().to_string())],
        RecordsKind::Mongo => {
            let start = || async { MongoServer::start().await.unwrap_or_else(|error| panic!("{error}")) };
            let server = match mongo {
                Some(own) => own,
                None => SHARED.get_or_init(start).await,
            };
            let emboflow_records::Config::Mongo { uri, database } = server.fresh_config() else {
                unreachable!("a MongoDB server configures MongoDB")
            };
            vec![("records.mongo.uri", uri), ("records.mongo.database", database)]
        }
    }
}
