//! The start: documents are brought up to the log, open runs are folded, and the effects that nobody may have seen are
//! carried out again.

use std::collections::{BTreeSet, HashMap};

use anyhow::Context;
use emboflow_model::{LogEntry, Run, RunId, Timestamp, Transition, run};
use emboflow_records::{Cursor, Documents, Records, catch_up};

use super::workflows::Workflows;
use super::{SHARD, rates};
use crate::planner::{Effect, OpenRun, Planner, Policy, effects_of};

/// Runs whose histories are read at once.
const RUNS_AT_ONCE: usize = 500;
/// Log entries read at once.
const ENTRIES_AT_ONCE: u32 = 1_000;

/// What a start gives.
pub(super) struct Recovered {
    pub(super) planner: Planner,
    /// The place up to which the log was read.
    pub(super) through_seq: u64,
    /// What followed from the entries after the cursor.
    pub(super) effects: Vec<Effect>,
    pub(super) workflows: Workflows,
}

/// When the newest decision was made that the planner goes on from: its clock never shows less.
pub(super) async fn newest_decision(records: &dyn Records) -> anyhow::Result<Timestamp> {
    let last = records.last_seq(SHARD).await?;
    let newest = records.log_after(SHARD, last.saturating_sub(1), 1).await?;
    if let Some(entry) = newest.first() {
        return Ok(match entry {
            LogEntry::Transition(transition) => transition.at,
            LogEntry::Rejection(rejection) => rejection.at,
        });
    }
    // After a restore the log ends at a place that has no entry.
    catch_up(records, SHARD, &mut Documents::default()).await?;
    let mut newest = Timestamp(0);
    for runs in records.open_runs(SHARD).await?.chunks(RUNS_AT_ONCE) {
        let histories = records.histories(runs.to_vec()).await?;
        let decided = histories.iter().filter_map(|history| Some(history.last()?.at));
        newest = decided.fold(newest, Timestamp::max);
    }
    Ok(newest)
}

/// Builds the planner from the records. Errors: the records do not answer, or a history does not fold.
pub(super) async fn recover(
    records: &dyn Records,
    policy: Policy,
    now: Timestamp,
) -> anyhow::Result<Recovered> {
    let seq = records.last_seq(SHARD).await.context("reading the end of the log")?;
    catch_up(records, SHARD, &mut Documents::default())
        .await
        .context("bringing the documents up to the log")?;
    let mut planner = Planner::new(policy, SHARD, seq);
    let mut workflows = Workflows::default();
    let open = records.open_runs(SHARD).await.context("listing the open runs")?;
    for runs in open.chunks(RUNS_AT_ONCE) {
        for run in fold(records, runs, &mut workflows).await? {
            planner.restore(run, now);
        }
    }
    rates::read_back(records, &mut planner, &mut workflows, now).await?;
    let removing =
        records.removals(SHARD, u32::MAX).await.context("listing the runs that are being removed")?;
    planner.begin_removal(removing.iter().map(|removal| removal.run));
    let (through_seq, effects) = effects_to_repeat(records, &mut workflows).await?;
    tracing::info!(
        seq,
        open_runs = planner.open_runs(),
        effects = effects.len(),
        "read back from the records"
    );
    Ok(Recovered { planner, through_seq, effects, workflows })
}

pub(super) async fn fold(
    records: &dyn Records,
    runs: &[RunId],
    workflows: &mut Workflows,
) -> anyhow::Result<Vec<OpenRun>> {
    let histories = records.histories(runs.to_vec()).await.context("reading histories")?;
    let mut folded = Vec::new();
    for history in &histories {
        let Some(first) = history.first() else { continue };
        let run = Run::fold(history)?.context("an empty history")?;
        folded.push(open(
            run,
            &run::accepted(first).context("a history without acceptance")?.source,
            workflows,
        )?);
    }
    Ok(folded)
}

fn open(run: Run, source: &str, workflows: &mut Workflows) -> anyhow::Result<OpenRun> {
    let id = run.summary.id;
    let readable = |problems: Vec<emboflow_model::workflow::Problem>| {
        anyhow::anyhow!("the workflow of {id} can no longer be read: {problems:?}")
    };
    let workflow = workflows.parse(source).map_err(readable)?;
    OpenRun::new(run, workflow).map_err(readable)
}

/// Folds each run that the log changed after the effects cursor, step by step, and collects what followed from each
/// step. Runs that have ended since are told too.
async fn effects_to_repeat(
    records: &dyn Records,
    workflows: &mut Workflows,
) -> anyhow::Result<(u64, Vec<Effect>)> {
    let mut cursor = records.cursor(SHARD, Cursor::Effects).await.context("reading the effects cursor")?;
    let told = cursor;
    let mut runs = BTreeSet::new();
    loop {
        let entries = records.log_after(SHARD, cursor, ENTRIES_AT_ONCE).await.context("reading the log")?;
        let Some(last) = entries.last() else { break };
        cursor = last.seq();
        runs.extend(entries.iter().filter_map(|entry| match entry {
            LogEntry::Transition(transition) => Some(transition.run),
            LogEntry::Rejection(_) => None,
        }));
    }
    let mut effects = Vec::new();
    let runs = Vec::from_iter(runs);
    for runs in runs.chunks(RUNS_AT_ONCE) {
        for history in records.histories(runs.to_vec()).await.context("reading histories")? {
            effects.extend(effects_after(told, &history, workflows)?);
        }
    }
    effects.sort_by_key(|(seq, _)| *seq);
    Ok((cursor, effects.into_iter().map(|(_, effect)| effect).collect()))
}

/// What followed from those transitions of a run that came after a place of the log.
fn effects_after(
    told: u64,
    history: &[Transition],
    workflows: &mut Workflows,
) -> anyhow::Result<Vec<(u64, Effect)>> {
    let Some((first, later)) = history.split_first() else { return Ok(Vec::new()) };
    let source = &run::accepted(first).context("a history without acceptance")?.source;
    let mut folded = open(Run::begin(first)?, source, workflows)?;
    let mut effects = Vec::new();
    let steps = std::iter::once((first, false)).chain(later.iter().map(|transition| (transition, true)));
    for (transition, is_later) in steps {
        if is_later {
            folded.replay(transition)?;
        }
        if transition.seq > told {
            let followed = effects_of(transition, &folded, &mut HashMap::new());
            effects.extend(followed.into_iter().map(|effect| (transition.seq, effect)));
        }
    }
    Ok(effects)
}
