//! What is done to the processes.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use emboflow_bus::testing::TestServer;
use emboflow_records::testing::MongoServer;
use system_tests::{Containers, Engine, Service, Stack, Wire};

const SIGABRT: i32 = 6;
/// How long a service may take to come to a place at which it is to die.
const COMES_BY_WITHIN: Duration = Duration::from_secs(60);

/// One harm, with what makes it good again.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    Kill(Victim),
    /// Stopped for longer than anybody waits for an answer, and continued.
    Freeze(Victim),
    /// Nothing goes between it and NATS for longer than anybody waits, though both ends believe in their connection.
    CutOff(Victim),
    /// It dies at a place that it names.
    DieAt(Victim, String),
    KillNats,
    EmptyNats,
    KillRecords,
    KillEngine,
    /// All services, and NATS.
    KillEverything,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victim {
    Scheduler,
    Executor,
    Gateway,
    Api,
}

/// How long somebody is cut off.
const CUT_OFF: Duration = Duration::from_secs(5);

impl Victim {
    /// Where services can be made to die.
    fn places() -> Vec<(Self, String)> {
        let of = |victim, places: Vec<String>| places.into_iter().map(move |place| (victim, place));
        of(Self::Scheduler, svc_scheduler::fail_points())
            .chain(of(Self::Executor, svc_executor::fail_points()))
            .chain(of(Self::Gateway, svc_storage_gw::fail_points()))
            .collect()
    }
}

const ALL: [Victim; 4] = [Victim::Scheduler, Victim::Executor, Victim::Gateway, Victim::Api];

/// The ways of the services to NATS.
pub(super) struct Wires(Vec<(Victim, Wire)>);

impl Wires {
    /// One for each service that decides or carries out.
    pub(super) async fn of(nats: &str) -> Self {
        Self(vec![(Victim::Scheduler, Wire::to(nats).await), (Victim::Executor, Wire::to(nats).await)])
    }

    /// Lets the services use them from their next start on.
    pub(super) fn lay(&self, stack: &mut Stack) {
        for (victim, wire) in &self.0 {
            let service = match victim {
                Victim::Scheduler => &mut stack.scheduler,
                _ => &mut stack.executor,
            };
            service.set("nats.url", wire.url());
        }
    }
}

/// Everything that can be harmed.
pub(super) struct Victims<'s> {
    nats: &'s mut TestServer,
    scheduler: &'s mut Service,
    executor: &'s mut Service,
    gateway: &'s mut Service,
    api: &'s mut Service,
    pub(super) containers: &'s Containers,
    wires: &'s Wires,
    engine: Option<&'s mut Engine>,
    mongo: Option<&'s mut MongoServer>,
}

impl Fault {
    /// Every one that there is for these victims.
    pub(super) fn all(victims: &Victims<'_>) -> Vec<Self> {
        let places = Victim::places().into_iter().map(|(victim, place)| Self::DieAt(victim, place));
        let services = ALL.into_iter().flat_map(|victim| [Self::Kill(victim), Self::Freeze(victim)]);
        let wires = victims.wires.0.iter().map(|(victim, _)| Self::CutOff(*victim));
        let engine = victims.engine.iter().map(|_| Self::KillEngine);
        let records = victims.mongo.iter().map(|_| Self::KillRecords);
        let others = [Self::KillNats, Self::EmptyNats, Self::KillEverything];
        places.chain(services).chain(wires).chain(engine).chain(records).chain(others).collect()
    }
}

impl<'s> Victims<'s> {
    pub(super) fn of(
        stack: &'s mut Stack,
        wires: &'s Wires,
        engine: Option<&'s mut Engine>,
        mongo: Option<&'s mut MongoServer>,
    ) -> Self {
        let Stack { nats, scheduler, executor, gateway, api, containers, .. } = stack;
        Self { nats, scheduler, executor, gateway, api, containers, wires, engine, mongo }
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
            Fault::CutOff(victim) => {
                if let Some((_, wire)) = self.wires.0.iter().find(|(own, _)| *own == victim) {
                    wire.cut();
                    tokio::time::sleep(CUT_OFF).await;
                    wire.mend();
                }
            }
            Fault::DieAt(victim, place) => self.die_at(victim, &place).await,
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
    async fn die_at(&mut self, victim: Victim, place: &str) {
        let service = self.service(victim);
        service.kill().await;
        service.set("fail_at", format!("{place}:1"));
        service.spawn();
        let ended = tokio::time::timeout(COMES_BY_WITHIN, service.ended()).await;
        let status = ended.unwrap_or_else(|_| panic!("the {victim:?} never came to {place}"));
        assert_eq!(status.signal(), Some(SIGABRT), "{status} at {place}");
        service.unset("fail_at");
        service.start().await;
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
