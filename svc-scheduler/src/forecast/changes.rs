//! What would be otherwise: executors that are added, and others that are given no more work.

use std::collections::BTreeMap;

use emboflow_model::cordon::Cordon;
use emboflow_model::executor::{AtHand, Disk, ExecutorState, Heartbeat};
use emboflow_model::{Device, ExecutorId, Resources};
use emboflow_protocol::forecast::PlannedExecutor;

use super::Snapshot;
use crate::planner::Input;

/// Inputs that come before everything else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    added: Vec<Heartbeat>,
    cordons: Option<BTreeMap<ExecutorId, Cordon>>,
}

impl Changes {
    /// `added`: they are there at once. `removed`: they end what they have, and are given nothing more.
    pub(crate) fn of(snapshot: &Snapshot, added: &[PlannedExecutor], removed: &[ExecutorId]) -> Self {
        let copies = added.iter().flat_map(|one| std::iter::repeat_n(one, one.count as usize));
        let added = copies.enumerate().map(|(place, one)| heartbeat(snapshot, place + 1, one));
        let cordon = Cordon {
            reason: "it would be removed".to_owned(),
            since: snapshot.at,
            by: "what-if".to_owned(),
            drain: None,
        };
        let cordons = (!removed.is_empty()).then(|| {
            let own = removed.iter().map(|executor| (executor.clone(), cordon.clone()));
            // Those that are cordoned already stay as they are.
            own.chain(snapshot.planner.cordons().clone()).collect()
        });
        Self { added: added.collect(), cordons }
    }

    pub(super) fn inputs(&self) -> Vec<Input> {
        let cordons = self.cordons.clone().map(Input::Cordons);
        let added = self.added.iter().map(|beat| Input::Heartbeat(Box::new(beat.clone())));
        cordons.into_iter().chain(added).collect()
    }
}

/// What an executor would say of itself.
fn heartbeat(snapshot: &Snapshot, place: usize, planned: &PlannedExecutor) -> Heartbeat {
    let executor = new_id(snapshot, place);
    let model = planned.gpu_model.as_deref().unwrap_or("any");
    let devices = (0..planned.capacity.gpu).filter_map(|index| {
        let id = format!("{executor}-{index}").parse().ok()?;
        Some(Device { id, model: model.to_owned() })
    });
    Heartbeat {
        pool: planned.pool.clone(),
        incarnation: "what-if".to_owned(),
        journal: "what-if".to_owned(),
        state: ExecutorState::Online,
        capacity: planned.capacity,
        used: Resources::default(),
        slots: planned.slots,
        labels: planned.labels.clone(),
        taints: planned.taints.clone(),
        devices: devices.collect(),
        at_hand: AtHand::default(),
        runtime: "what-if".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        fences: true,
        attempts: Vec::new(),
        disk: Disk::default(),
        sent_at: snapshot.at,
        executor,
    }
}

/// An id that no executor has.
fn new_id(snapshot: &Snapshot, place: usize) -> ExecutorId {
    let is_free = |id: &ExecutorId| snapshot.planner.heartbeats().all(|beat| beat.executor != *id);
    let mut ids = (0..).filter_map(|again| match again {
        0 => format!("what-if-{place}").parse().ok(),
        again => format!("what-if-{place}-{again}").parse().ok(),
    });
    ids.find(is_free).expect("there are only so many executors")
}
