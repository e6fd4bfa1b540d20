//! The ground that the processes stand on: their networks and their disks.

use std::net::SocketAddr;

use system_tests::{Home, Network, SmallDisk, Stack};

use super::fault::{Disk, Victim};

/// Room for what a night leaves behind.
const DISK_MEBIBYTES: u32 = 512;

/// Networks and disks of one installation.
pub(super) struct Ground {
    network: Network,
    homes: Vec<(Victim, Home)>,
    disks: Vec<(Disk, SmallDisk)>,
}

impl Ground {
    /// Panics where the rights for it are missing.
    pub(super) fn new() -> Self {
        let mut network = Network::new();
        let homes = Victim::ALL.map(|victim| (victim, network.home())).into();
        let disks = Disk::ALL.map(|disk| (disk, SmallDisk::mount(DISK_MEBIBYTES))).into();
        Self { network, homes, disks }
    }

    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    /// The namespace that a service lives in.
    pub(super) fn home(&self, victim: Victim) -> &Home {
        let own = self.homes.iter().find(|(of, _)| *of == victim);
        own.map(|(_, home)| home).expect("each has one")
    }

    pub(super) fn disk(&self, disk: Disk) -> &SmallDisk {
        let own = self.disks.iter().find(|(of, _)| *of == disk);
        own.map(|(_, disk)| disk).expect("each has one")
    }

    /// Puts the services onto it, for their first start.
    pub(super) fn carry(&self, stack: &mut Stack) {
        let services = [
            (&mut stack.scheduler, Victim::Scheduler),
            (&mut stack.executor, Victim::Executor),
            (&mut stack.gateway, Victim::Gateway),
            (&mut stack.api, Victim::Api),
        ];
        for (service, victim) in services {
            service.live_at(self.home(victim));
        }
        stack.executor.set("data_dir", self.disk(Disk::Executor).place("exec-1"));
        stack.gateway.set("backend.directory.root", self.disk(Disk::Storage).place("objects"));
        for service in [&mut stack.scheduler, &mut stack.api] {
            if service.setting("records.sqlite.path").is_some() {
                service.set("records.sqlite.path", self.disk(Disk::Records).place("records.db"));
            }
        }
    }
}

/// Where a URL such as `nats://ADDRESS:PORT` leads.
pub(super) fn address_in(url: &str) -> SocketAddr {
    let (_, address) = url.split_once("://").expect("it is a URL");
    address.parse().expect("its host is an address, with a port")
}
