//! What somebody missed, read from the records: one event a changed run, as it is now.

use std::collections::{BTreeMap, BTreeSet};

use emboflow_model::{LogEntry, RunId, TaskKey, Timestamp, Transition};
use emboflow_protocol::event::Event;
use emboflow_records::{Cursor, Records, RecordsError};

use super::frame::Frame;

/// The one shard there is.
pub(crate) const SHARD: u32 = 0;
/// Who is further behind reads the lists again; that is less work for everybody.
const MOST_ENTRIES: u64 = 5_000;
const PAGE: u32 = 500;
/// Changed runs that are read one by one.
const MOST_RUNS: usize = 500;
/// Changed tasks of a run that are read one by one.
const MOST_TASKS: usize = 16;

/// What was missed.
#[derive(Debug)]
pub(crate) enum Missed {
    /// These events say it all.
    Events {
        /// One a changed run, in the order of their last changes: whoever has seen one may resume behind it.
        frames: Vec<Frame>,
        /// Everything up to here is in them.
        through: u64,
    },
    /// Too much, or the log does not reach so far: everything has to be read again.
    Everything {
        /// Everything up to here will be in what is read.
        through: u64,
    },
}

/// Reads what came after a place of the log, of the runs that somebody wants to hear of.
pub(crate) async fn missed(
    records: &dyn Records,
    after: u64,
    wants: &(dyn Fn(&Transition) -> bool + Send + Sync),
) -> Result<Missed, RecordsError> {
    let newest = records.last_seq(SHARD).await?;
    // What was removed since cannot be told.
    let kept_after = records.cursor(SHARD, Cursor::Removed).await?;
    if after > newest || after < kept_after || newest - after > MOST_ENTRIES {
        return Ok(Missed::Everything { through: newest });
    }
    let mut changed: BTreeMap<RunId, Changed> = BTreeMap::new();
    let mut through = after;
    while through < newest {
        let entries = records.log_after(SHARD, through, PAGE).await?;
        let Some(last) = entries.last() else { break };
        through = last.seq();
        for transition in entries.iter().filter_map(transition).filter(|transition| wants(transition)) {
            note(&mut changed, transition);
        }
        if changed.len() > MOST_RUNS {
            return Ok(Missed::Everything { through: newest.max(through) });
        }
    }
    let mut changed: Vec<_> = changed.into_iter().collect();
    changed.sort_by_key(|(_, changed)| changed.seq);
    let mut frames = Vec::with_capacity(changed.len());
    for (run, changed) in changed {
        let seq = changed.seq;
        if let Some(event) = state_of(records, run, changed).await? {
            frames.push(Frame::of_event(&event, seq));
        }
    }
    Ok(Missed::Events { frames, through })
}

/// What changed in one run.
#[derive(Default)]
struct Changed {
    seq: u64,
    at: Timestamp,
    tasks: BTreeSet<TaskKey>,
}

fn transition(entry: &LogEntry) -> Option<&Transition> {
    match entry {
        LogEntry::Transition(transition) => Some(transition),
        LogEntry::Rejection(_) => None,
    }
}

fn note(changed: &mut BTreeMap<RunId, Changed>, transition: &Transition) {
    let changed = changed.entry(transition.run).or_default();
    changed.seq = transition.seq;
    changed.at = transition.at;
    for key in transition.changes.iter().filter_map(|change| change.task()) {
        if changed.tasks.len() <= MOST_TASKS && !changed.tasks.contains(key) {
            changed.tasks.insert(key.clone());
        }
    }
}

async fn state_of(
    records: &dyn Records,
    run: RunId,
    changed: Changed,
) -> Result<Option<Event>, RecordsError> {
    let Some(summary) = emboflow_records::fresh_run(records, run).await? else { return Ok(None) };
    let omitted = changed.tasks.len() > MOST_TASKS;
    let mut tasks = Vec::new();
    if !omitted {
        for key in &changed.tasks {
            tasks.extend(emboflow_records::fresh_task(records, run, key).await?);
        }
    }
    Ok(Some(Event::of_state(&summary, SHARD, changed.at, tasks, omitted)))
}
