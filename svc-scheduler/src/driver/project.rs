//! Writes the derived documents behind the log: one write a run, however many transitions came meanwhile.

use std::collections::HashMap;
use std::time::Duration;

use emboflow_model::{RunId, RunSummary, Task, TaskKey};
use emboflow_records::{Derived, RequestRecord, SharedRecords};
use tokio::sync::{mpsc, watch};

use super::world::World;

/// After a write of many runs more is gathered before the next one, so long for each of them and so long at most: a short
/// run has passed all its states by then and is written once. The writes share their thread with the commits, which then
/// wait less.
const GATHER_FOR_EACH: Duration = Duration::from_millis(1);
const GATHER_AT_MOST: Duration = Duration::from_millis(400);

/// The documents that one tick changed, each in its newest form.
#[derive(Default)]
pub(super) struct Changed {
    pub(super) through_seq: u64,
    pub(super) runs: Vec<RunSummary>,
    pub(super) tasks: Vec<Task>,
    pub(super) requests: Vec<RequestRecord>,
}

#[derive(Default)]
struct Pending {
    through_seq: u64,
    runs: HashMap<RunId, RunSummary>,
    tasks: HashMap<(RunId, TaskKey), Task>,
    requests: Vec<RequestRecord>,
}

impl Pending {
    fn take_in(&mut self, changed: Changed) {
        self.through_seq = self.through_seq.max(changed.through_seq);
        self.runs.extend(changed.runs.into_iter().map(|run| (run.id, run)));
        self.tasks.extend(changed.tasks.into_iter().map(|task| ((task.run, task.key.clone()), task)));
        self.requests.extend(changed.requests);
    }

    fn into_derived(self, shard: u32) -> Derived {
        Derived {
            shard,
            runs: self.runs.into_values().collect(),
            tasks: self.tasks.into_values().collect(),
            requests: self.requests,
            through_seq: self.through_seq,
        }
    }
}

/// Writes until the channel is closed. `written` follows the log.
pub(super) async fn write_behind(
    records: SharedRecords,
    world: impl World,
    shard: u32,
    mut changes: mpsc::UnboundedReceiver<Changed>,
    written: watch::Sender<u64>,
) {
    while let Some(first) = changes.recv().await {
        let mut pending = Pending::default();
        pending.take_in(first);
        while let Ok(next) = changes.try_recv() {
            pending.take_in(next);
        }
        let derived = pending.into_derived(shard);
        let through_seq = derived.through_seq;
        let runs = u32::try_from(derived.runs.len()).unwrap_or(u32::MAX);
        let mut pause = Duration::from_millis(50);
        while let Err(error) = records.put_derived(derived.clone()).await {
            tracing::warn!(%error, through_seq, "documents cannot be written yet; reads fold the log meanwhile");
            world.pause(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
        written.send_replace(through_seq);
        world.pause(GATHER_FOR_EACH.saturating_mul(runs).min(GATHER_AT_MOST)).await;
    }
}
