//! What is done to the processes.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use emboflow_bus::testing::TestServer;
use emboflow_records::testing::MongoServer;
use system_tests::{Containers, Engine, Service, Stack, Way};

use super::fault::{Disk, Fault, Pace, Server, Victim};
use super::ground::{Ground, address_in};
use super::say;

const SIGABRT: i32 = 6;
/// How long a service may take to come to a place at which it is to die, also when it has just been cut off.
const COMES_BY_WITHIN: Duration = Duration::from_secs(120);

/// Everything that can be harmed.
pub(super) struct Victims<'s> {
    nats: &'s mut TestServer,
    scheduler: &'s mut Service,
    executor: &'s mut Service,
    gateway: &'s mut Service,
    api: &'s mut Service,
    pub(super) containers: &'s Containers,
    ground: &'s Ground,
    pub(super) engine: Option<&'s mut Engine>,
    pub(super) mongo: Option<&'s mut MongoServer>,
    pub(super) pace: Pace,
}

impl<'s> Victims<'s> {
    pub(super) fn of(
        stack: &'s mut Stack,
        ground: &'s Ground,
        engine: Option<&'s mut Engine>,
        mongo: Option<&'s mut MongoServer>,
        pace: Pace,
    ) -> Self {
        let Stack { nats, scheduler, executor, gateway, api, containers, .. } = stack;
        Self { nats, scheduler, executor, gateway, api, containers, ground, engine, mongo, pace }
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
            Fault::DieAt(victim, place) => self.die_at(victim, &place).await,
            Fault::Partition(victim, server, way) => self.cut_off(victim, server, way).await,
            Fault::Outage(server) => self.take_away(server).await,
            Fault::FullDisk(disk) => self.fill(disk).await,
            Fault::KillNats => self.nats.restart().await,
            Fault::EmptyNats => self.nats.empty().await,
            Fault::KillRecords => self.mongo().kill_and_restart().await.unwrap(),
            Fault::KillEngine { containers_outlive_it } => {
                let engine = self.engine.as_mut().expect("it is a fault of those that have one");
                engine.let_containers_outlive_it(containers_outlive_it);
                engine.kill_and_restart().await;
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

    async fn cut_off(&self, victim: Victim, server: Server, way: Way) {
        let home = self.ground.home(victim);
        home.lose(way, self.address(server));
        tokio::time::sleep(self.pace.partition).await;
        say(&format!("    {} packets have vanished", home.heal()));
    }

    async fn take_away(&mut self, server: Server) {
        let away = tokio::time::sleep(self.pace.away(server));
        match server {
            Server::Nats => {
                self.nats.kill();
                away.await;
                self.nats.restart().await;
            }
            Server::Records => {
                self.mongo().kill().unwrap();
                away.await;
                self.mongo().restart().await.unwrap();
            }
            Server::Storage => {
                self.gateway.kill().await;
                away.await;
                self.gateway.start().await;
            }
        }
    }

    async fn fill(&mut self, disk: Disk) {
        let small = self.ground.disk(disk);
        small.fill();
        tokio::time::sleep(self.pace.full).await;
        small.free();
        match (disk, self.mongo.as_mut()) {
            // A server that met a full disk serves no more; whoever runs it starts it anew.
            (Disk::Nats, _) => self.nats.restart().await,
            (Disk::Records, Some(mongo)) => mongo.kill_and_restart().await.unwrap(),
            _ => {}
        }
    }

    async fn kill_everything(&mut self) {
        for victim in Victim::ALL {
            self.service(victim).kill().await;
        }
        self.nats.restart().await;
        for victim in Victim::ALL {
            self.service(victim).start().await;
        }
    }

    fn service(&mut self, victim: Victim) -> &mut Service {
        match victim {
            Victim::Scheduler => self.scheduler,
            Victim::Executor => self.executor,
            Victim::Gateway => self.gateway,
            Victim::Api => self.api,
        }
    }

    fn mongo(&mut self) -> &mut MongoServer {
        self.mongo.as_mut().expect("it is a fault of those that have one")
    }

    fn address(&self, server: Server) -> SocketAddr {
        match server {
            Server::Nats => address_in(&self.nats.url()),
            Server::Records => self.mongo.as_ref().expect("it is a fault of those that have one").address(),
            Server::Storage => address_in(&self.gateway.url()),
        }
    }
}
