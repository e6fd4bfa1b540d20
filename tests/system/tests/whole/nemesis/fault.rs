//! What can be done to the processes.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use system_tests::Way;

use super::victims::Victims;

/// One harm, with what makes it good again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Kill(Victim),
    /// Stopped for longer than anybody waits for an answer, and continued.
    Freeze(Victim),
    /// It dies at a place that it names.
    DieAt(Victim, String),
    /// Packets between them vanish, though both ends believe in their connections.
    Partition(Victim, Server, Way),
    /// It is away for as long as somebody needs who has to be called.
    Outage(Server),
    FullDisk(Disk),
    KillNats,
    EmptyNats,
    KillRecords,
    KillEngine {
        containers_outlive_it: bool,
    },
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

/// What services need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    Nats,
    Records,
    Storage,
}

/// Whose disk it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disk {
    Nats,
    Records,
    Executor,
    Storage,
}

/// How long harms last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) partition: Duration,
    pub(super) records_away: Duration,
    pub(super) others_away: Duration,
    pub(super) full: Duration,
    /// Each partition comes in every direction, not in one by lot.
    pub(super) every_way: bool,
}

impl Pace {
    /// For `make nemesis`.
    pub(super) const LONG: Self = Self {
        partition: Duration::from_secs(20),
        records_away: Duration::from_secs(130),
        others_away: Duration::from_secs(60),
        full: Duration::from_secs(30),
        every_way: true,
    };
    /// For every change; still longer than services wait for an answer.
    pub(super) const SHORT: Self = Self {
        partition: Duration::from_secs(5),
        records_away: Duration::from_secs(20),
        others_away: Duration::from_secs(5),
        full: Duration::from_secs(5),
        every_way: false,
    };

    pub(super) fn away(self, server: Server) -> Duration {
        if server == Server::Records { self.records_away } else { self.others_away }
    }
}

impl Victim {
    pub(super) const ALL: [Self; 4] = [Self::Scheduler, Self::Executor, Self::Gateway, Self::Api];

    /// Where services can be made to die.
    pub(super) fn places() -> Vec<(Self, String)> {
        let of = |victim, places: Vec<String>| places.into_iter().map(move |place| (victim, place));
        of(Self::Scheduler, svc_scheduler::fail_points())
            .chain(of(Self::Executor, svc_executor::fail_points()))
            .chain(of(Self::Gateway, svc_storage_gw::fail_points()))
            .collect()
    }
}

impl Disk {
    pub(super) const ALL: [Self; 4] = [Self::Nats, Self::Records, Self::Executor, Self::Storage];
}

impl Fault {
    /// Every one that there is for these victims.
    pub(super) fn all(victims: &Victims<'_>, dice: &mut StdRng) -> Vec<Self> {
        let mut all: Vec<Self> =
            Victim::places().into_iter().map(|(victim, place)| Self::DieAt(victim, place)).collect();
        all.extend(Victim::ALL.into_iter().flat_map(|victim| [Self::Kill(victim), Self::Freeze(victim)]));
        all.extend(Disk::ALL.map(Self::FullDisk));
        all.extend([Self::KillNats, Self::EmptyNats, Self::KillEverything]);
        all.extend([Server::Nats, Server::Storage].map(Self::Outage));
        let mut between = vec![
            (Victim::Scheduler, Server::Nats),
            (Victim::Executor, Server::Nats),
            (Victim::Gateway, Server::Nats),
            (Victim::Api, Server::Nats),
            (Victim::Executor, Server::Storage),
            (Victim::Api, Server::Storage),
        ];
        if victims.mongo.is_some() {
            all.extend([Self::KillRecords, Self::Outage(Server::Records)]);
            between.extend([Victim::Scheduler, Victim::Api].map(|victim| (victim, Server::Records)));
        }
        if victims.engine.is_some() {
            all.extend([true, false].map(|containers_outlive_it| Self::KillEngine { containers_outlive_it }));
        }
        for (victim, server) in between {
            let by_lot = dice.random_range(..Way::ALL.len());
            let ways = if victims.pace.every_way { &Way::ALL[..] } else { &Way::ALL[by_lot..=by_lot] };
            all.extend(ways.iter().map(|way| Self::Partition(victim, server, *way)));
        }
        all
    }
}
