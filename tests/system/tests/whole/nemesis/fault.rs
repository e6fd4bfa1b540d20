//! What is done to the processes.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use emboflow_bus::testing::TestServer;
use emboflow_records::testing::MongoServer;
use system_tests::{Containers, Engine, Service, Stack};

const SIGABRT: i32 = 6;
/// How long the scheduler may take to come to a place at which it is to die.
const COMES_BY_WITHIN: Duration = Duration::from_secs(60);

/// One harm, with what makes it good again.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    Kill(Victim),
    /// Stopped for longer than anybody waits for an answer, and continued.
    Freeze(Victim),
    /// The scheduler dies at a place that it names.
    DieAt(String),
    KillNats,
    EmptyNats,
    KillRecords,
    KillEngine,
    /// All services, and NATS.
    KillEverything,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Victim {
    Scheduler,
    Executor,
    Gateway,
    Api,
}

const ALL: [Victim; 4] = [Victim::Scheduler, Victim::Executor, Victim::Gateway, Victim::Api];

/// Everything that can be harmed.
pub(super) struct Victims<'s> {
    nats: &'s mut TestServer,
    scheduler: &'s mut Service,
    executor: &'s mut Service,
    gateway: &'s mut Service,
    api: &'s mut Service,
    pub(super) containers: &'s Containers,
    engine: Option<&'s mut Engine>,
    mongo: Option<&'s mut MongoServer>,
}

impl Fault {
    /// Every one that there is for these victims.
    pub(super) fn all(victims: &Victims<'_>) -> Vec<Self> {
        let places = svc_scheduler::fail_points().into_iter().map(Self::DieAt);
        let services = ALL.into_iter().flat_map(|victim| [Self::Kill(victim), Self::Freeze(victim)]);
        let engine = victims.engine.iter().map(|_| Self::KillEngine);
        let records = victims.mongo.iter().map(|_| Self::KillRecords);
        let others = [Self::KillNats, Self::EmptyNats, Self::KillEverything];
        places.chain(services).chain(engine).chain(records).chain(others).collect()
    }
}

impl<'s> Victims<'s> {
    pub(super) fn of(
        stack: &'s mut Stack,
        engine: Option<&'s mut Engine>,
        mongo: Option<&'s mut MongoServer>,
    ) -> Self {
        let Stack { nats, scheduler, executor, gateway, api, containers, .. } = stack;
        Self { nats, scheduler, executor, gateway, api, containers, engine, mongo }
    }

    fn service(&mut self, victim: Victim) -> &mut Service {
        match victim {
            Victim::Scheduler => self.scheduler,
            Victim::Executor => self.executor,
            Victim::Gateway => self.gateway,
            Victim::Api => self.api,
        }
    }

    /// Does it, and makes it good again.
    pub(super) async fn suffer(&mut self, fault: Fault) {
        match fault {
            Fault::Kill(victim) => self.service(victim).restart().await,
            Fault::Freeze(victim) => {
                let service = self.service(victim);
                service.freeze().await;
                service.thaw();
            }
            Fault::DieAt(place) => self.die_at(&place).await,
            Fault::KillNats => self.nats.restart().await,
            Fault::EmptyNats => self.nats.empty().await,
            Fault::KillRecords => {
                if let Some(mongo) = self.mongo.as_mut() {
                    mongo.kill_and_restart().await.unwrap();
                }
            }
            Fault::KillEngine => {
                if let Some(engine) = self.engine.as_mut() {
                    engine.kill_and_restart().await;
                }
            }
            Fault::KillEverything => self.kill_everything().await,
        }
    }

    /// A place that nobody comes by is not covered: that is a failure too.
    async fn die_at(&mut self, place: &str) {
        self.scheduler.kill().await;
        self.scheduler.set("fail_at", format!("{place}:1"));
        self.scheduler.spawn();
        let ended = tokio::time::timeout(COMES_BY_WITHIN, self.scheduler.ended()).await;
        let status = ended.unwrap_or_else(|_| panic!("the scheduler never came to {place}"));
        assert_eq!(status.signal(), Some(SIGABRT), "{status} at {place}");
        self.scheduler.unset("fail_at");
        self.scheduler.start().await;
    }

    async fn kill_everything(&mut self) {
        for victim in ALL {
            self.service(victim).kill().await;
        }
        self.nats.restart().await;
        for victim in ALL {
            self.service(victim).start().await;
        }
    }
}
