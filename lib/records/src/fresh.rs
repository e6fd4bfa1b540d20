//! Reads of one run, or one request, that are never behind the log: the document with what is newer on top.

use std::collections::{BTreeSet, HashMap};

use emboflow_model::run::BrokenHistory;
use emboflow_model::{ProjectName, Run, RunId, RunSummary, Task, TaskKey, Transition};
use futures::{StreamExt, TryStreamExt, stream};

use crate::contract::Records;
use crate::document::{Cursor, RequestRecord};
use crate::error::RecordsError;
use crate::project::apply_to_tasks;
use crate::query::TaskFilter;

/// Transitions read at a time.
const BATCH: u32 = 1_000;
/// Task documents read side by side.
const SIDE_BY_SIDE: usize = 8;

/// A run as it is now; none when there is no such run.
pub async fn fresh_run(records: &dyn Records, run: RunId) -> Result<Option<RunSummary>, RecordsError> {
    let mut summary = records.run(run).await?;
    let mut after = summary.as_ref().map_or(0, |summary| summary.version);
    loop {
        let newer = records.history(run, after, BATCH).await?;
        for transition in &newer {
            match &mut summary {
                Some(summary) => summary.apply(transition).map_err(broken)?,
                None => summary = Some(RunSummary::begin(transition).map_err(broken)?),
            }
            after = transition.number;
        }
        if newer.len() < BATCH as usize {
            return Ok(summary);
        }
    }
}

/// A task as it is now; none when there is no such run or task.
pub async fn fresh_task(
    records: &dyn Records,
    run: RunId,
    key: &TaskKey,
) -> Result<Option<Task>, RecordsError> {
    // The run first: task documents are written before their run's, so they contain at least as much.
    let Some(mut summary) = records.run(run).await? else { return folded_task(records, run, key).await };
    let newer = newer(records, run, summary.version).await?;
    if !has_task(&summary, key) && !newer.iter().any(Transition::fans_out) {
        return Ok(None);
    }
    let mut tasks: HashMap<_, _> =
        records.task(run, key).await?.into_iter().map(|task| (key.clone(), task)).collect();
    for transition in &newer {
        summary.apply(transition).map_err(broken)?;
        apply_to_tasks(&mut tasks, &summary, transition, &mut BTreeSet::new());
    }
    if !has_task(&summary, key) {
        return Ok(None);
    }
    match tasks.remove(key).filter(|task| !task.replaced) {
        Some(task) => Ok(Some(task)),
        None => folded_task(records, run, key).await,
    }
}

/// What became of a request, also when its document is not written yet; none when the shard has not decided on it.
pub async fn fresh_request(
    records: &dyn Records,
    shard: u32,
    project: &ProjectName,
    key: &str,
) -> Result<Option<RequestRecord>, RecordsError> {
    // The cursor first: everything up to it has its document.
    let mut after = records.cursor(shard, Cursor::Projection).await?;
    let mut found = records.request(project, key).await?;
    loop {
        let newer = records.log_after(shard, after, BATCH).await?;
        // A key that was decided again keeps the later decision.
        let mut decided = newer.iter().rev().filter_map(RequestRecord::of);
        found = decided.find(|one| one.key == key && one.project == *project).or(found);
        match newer.last() {
            Some(last) if newer.len() == BATCH as usize => after = last.seq(),
            _ => return Ok(found),
        }
    }
}

/// A run's tasks as they are now, in the order of their positions; none when there is no such run.
pub async fn fresh_tasks(
    records: &dyn Records,
    run: RunId,
    filter: TaskFilter,
) -> Result<Option<Vec<Task>>, RecordsError> {
    let Some(summary) = records.run(run).await? else {
        let folded = folded(records, run).await?;
        return Ok(folded.map(|run| page(run.tasks.into_values().collect(), &filter)));
    };
    let newer = newer(records, run, summary.version).await?;
    let touched = touched(records, summary, &newer).await?;
    // As many more as may fall out of the page, so that it is full when the run has enough of them.
    let wider = TaskFilter { limit: filter.limit.saturating_add(touched.len() as u32), ..filter.clone() };
    let mut tasks = records.tasks(run, wider.clone()).await?;
    let is_last = tasks.len() < wider.limit as usize;
    let end = tasks.last().map(|task| task.position).filter(|_| !is_last);
    tasks.retain(|task| !touched.contains_key(&task.key));
    tasks.extend(touched.into_values().filter(|task| end.is_none_or(|end| task.position <= end)));
    Ok(Some(page(tasks, &filter)))
}

/// The tasks that transitions after this summary name or made, with these folded on top.
async fn touched(
    records: &dyn Records,
    mut summary: RunSummary,
    newer: &[Transition],
) -> Result<HashMap<TaskKey, Task>, RecordsError> {
    let keys: BTreeSet<_> =
        newer.iter().flat_map(|transition| &transition.changes).filter_map(|c| c.task()).collect();
    // Collected first: a lazy iterator in the stream would make the future not `Send`.
    let reads: Vec<_> = keys.into_iter().map(|key| records.task(summary.id, key)).collect();
    let documents = stream::iter(reads).buffer_unordered(SIDE_BY_SIDE).try_collect::<Vec<_>>().await?;
    let mut tasks: HashMap<_, _> =
        documents.into_iter().flatten().map(|task| (task.key.clone(), task)).collect();
    for transition in newer {
        summary.apply(transition).map_err(broken)?;
        apply_to_tasks(&mut tasks, &summary, transition, &mut BTreeSet::new());
    }
    Ok(tasks)
}

fn page(mut tasks: Vec<Task>, filter: &TaskFilter) -> Vec<Task> {
    tasks.retain(|task| {
        !task.replaced
            && (filter.states.is_empty() || filter.states.contains(&task.state))
            && filter.name.as_ref().is_none_or(|name| name == task.key.name.as_str())
            && filter.after_position.is_none_or(|after| task.position > after)
    });
    tasks.sort_unstable_by_key(|task| task.position);
    tasks.truncate(filter.limit as usize);
    tasks
}

async fn newer(records: &dyn Records, run: RunId, after: u64) -> Result<Vec<Transition>, RecordsError> {
    let mut all: Vec<Transition> = Vec::new();
    loop {
        let after = all.last().map_or(after, |last| last.number);
        let more = records.history(run, after, BATCH).await?;
        let done = more.len() < BATCH as usize;
        all.extend(more);
        if done {
            return Ok(all);
        }
    }
}

async fn folded_task(records: &dyn Records, run: RunId, key: &TaskKey) -> Result<Option<Task>, RecordsError> {
    Ok(folded(records, run).await?.and_then(|mut run| run.tasks.swap_remove(key)))
}

async fn folded(records: &dyn Records, run: RunId) -> Result<Option<Run>, RecordsError> {
    Run::fold(&newer(records, run, 0).await?).map_err(broken)
}

fn has_task(summary: &RunSummary, key: &TaskKey) -> bool {
    summary.graph.iter().any(|spec| match (spec.fan_out, key.index) {
        (None, None) => spec.name == key.name,
        (Some(count), Some(index)) => spec.name == key.name && index < count,
        _ => false,
    })
}

fn broken(broken: BrokenHistory) -> RecordsError {
    RecordsError::corrupt(format!("history of {}", broken.run), broken)
}
