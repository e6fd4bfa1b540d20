//! Makes decisions durable: one ordered batch, and a look back whenever it is not clear how far it came.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use emboflow_bus::Pulse;
use emboflow_model::LogEntry;
use emboflow_records::{AppendError, Records, RecordsError};

use super::world::World;

/// Conflicts in one commit before the driver starts over from the records. More than one is possible only while a
/// replica set has not made somebody's write readable yet.
const MAX_CONFLICTS: u32 = 10;

/// Appends the entries, however long the records are away; `pulse` beats meanwhile. Errors: another scheduler has
/// written to the log, so this one has lost the shard and must forget what it decided; or `may_write` says no before a
/// write begins.
pub(super) async fn commit(
    records: &dyn Records,
    world: &impl World,
    pulse: &Pulse,
    shard: u32,
    mut entries: Vec<Arc<LogEntry>>,
    may_write: &(dyn Fn() -> bool + Sync),
) -> anyhow::Result<()> {
    let mut pause = Duration::from_millis(20);
    let mut conflicts = 0;
    while let Some(first) = entries.first().map(|entry| entry.seq()) {
        if !may_write() {
            bail!("it is not sure any more that this scheduler leads, and its decision relies on that");
        }
        match records.append(shard, entries.clone()).await {
            Ok(()) => return Ok(()),
            Err(error @ AppendError::Disordered { .. }) => bail!("a defect of the planner: {error}"),
            Err(AppendError::Conflict { seq }) => {
                conflicts += 1;
                if conflicts > MAX_CONFLICTS {
                    bail!("place {seq} of the log stays taken although nothing is read there");
                }
                tracing::warn!(seq, "a place in the log is taken; looking whose it is");
                world.pause(pause).await;
            }
            Err(AppendError::Unavailable(error)) => {
                tracing::warn!(%error, first, entries = entries.len(), "decisions cannot be stored yet");
                pulse.beat();
                world.pause(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
        }
        let stored = stored_prefix(records, world, pulse, shard, first, &entries).await?;
        entries.drain(..stored);
    }
    Ok(())
}

/// How many of the entries the log has already. Errors: it has others in their places.
async fn stored_prefix(
    records: &dyn Records,
    world: &impl World,
    pulse: &Pulse,
    shard: u32,
    first: u64,
    entries: &[Arc<LogEntry>],
) -> anyhow::Result<usize> {
    let stored = read_back(records, world, pulse, shard, first - 1, entries.len()).await;
    for (ours, theirs) in entries.iter().zip(&stored) {
        if **ours != *theirs {
            bail!(
                "place {} of the log has a decision of another scheduler: this one has lost the shard",
                ours.seq()
            );
        }
    }
    Ok(stored.len().min(entries.len()))
}

async fn read_back(
    records: &dyn Records,
    world: &impl World,
    pulse: &Pulse,
    shard: u32,
    after: u64,
    count: usize,
) -> Vec<LogEntry> {
    let mut pause = Duration::from_millis(50);
    loop {
        match records.log_after(shard, after, u32::try_from(count).unwrap_or(u32::MAX)).await {
            Ok(stored) => return stored,
            Err(error) => {
                let error: RecordsError = error;
                tracing::warn!(%error, "the log cannot be read back yet");
                pulse.beat();
                world.pause(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
        }
    }
}
