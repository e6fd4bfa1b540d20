//! How long tasks take: learned from each attempt that ends, and after a start from the newest runs in the records.

use std::collections::HashMap;
use std::sync::Arc;

use emboflow_model::transition::Change;
use emboflow_model::{LogEntry, ProjectName, RunState, RunSummary, Task, Timestamp};
use emboflow_records::{Records, RecordsError, RunFilter, RunSort, RunSortKey, TaskFilter};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Surroundings;
use super::feeds::Signal;
use super::world::World;
use crate::forecast::{Durations, Lasted, Learned, TaskOf};
use crate::planner::Decisions;

const PROJECT: &str = "project";
/// Projects read at once.
const PAGE: u32 = 500;
/// Newest ended runs of a project that are read.
const RUNS_OF_PROJECT: u32 = 100;
/// Runs that are read in all.
const RUNS: usize = 2_000;
/// Tasks of a run that are read.
const TASKS_OF_RUN: u32 = 200;

/// Learns from the attempts that a tick has ended.
pub(super) fn learn(durations: &mut Durations, decisions: &Decisions) {
    let transitions = decisions.entries.iter().filter_map(|entry| match entry {
        LogEntry::Transition(transition) => Some(transition),
        LogEntry::Rejection(_) => None,
    });
    let closed: Vec<_> = transitions
        .flat_map(|transition| {
            transition.changes.iter().filter_map(|change| match change {
                Change::AttemptClosed { task, number, .. } => Some((transition.run, task, *number)),
                _ => None,
            })
        })
        .collect();
    if closed.is_empty() {
        return;
    }
    let runs: HashMap<_, &RunSummary> = decisions.runs.iter().map(|run| (run.id, run)).collect();
    let tasks: HashMap<_, &Task> = decisions.tasks.iter().map(|task| ((task.run, &task.key), task)).collect();
    for (run, key, number) in closed {
        let (Some(run), Some(task)) = (runs.get(&run), tasks.get(&(run, key))) else { continue };
        let attempt = task.attempts.iter().find(|attempt| attempt.number == number);
        if let Some(lasted) = attempt.and_then(Lasted::of) {
            durations.learn(task_of(run, task), lasted);
        }
    }
}

fn task_of(run: &RunSummary, task: &Task) -> TaskOf {
    TaskOf { project: run.project.clone(), workflow: run.workflow.clone(), task: task.key.name.clone() }
}

/// Tells the driver what was learned before it `began`. Until then, and without the records, less is known.
pub(super) async fn read_back<W: World>(
    surroundings: Arc<Surroundings<W>>,
    signals: mpsc::Sender<Signal<W::Letter>>,
    began: Timestamp,
    stop: CancellationToken,
) {
    let learned = tokio::select! {
        biased;
        () = stop.cancelled() => return,
        learned = read(&*surroundings.records, began) => learned,
    };
    match learned {
        // Nobody listens any more when this fails.
        Ok(learned) => drop(signals.send(Signal::Learned(learned)).await),
        Err(error) => tracing::warn!(%error, "how long tasks took before the start cannot be read"),
    }
}

async fn read(records: &dyn Records, began: Timestamp) -> Result<Vec<Learned>, RecordsError> {
    let (mut learned, mut runs_left) = (Vec::new(), RUNS);
    let mut after: Option<String> = None;
    while runs_left > 0 {
        let from = after.as_deref().map(|name| ("", name));
        let page = records.kept_page(PROJECT, Some(""), from, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.name.clone());
        for name in page.iter().filter_map(|kept| kept.name.parse::<ProjectName>().ok()) {
            let runs = newest(records, name, runs_left).await?;
            runs_left = runs_left.saturating_sub(runs.len());
            for run in &runs {
                let filter = TaskFilter { limit: TASKS_OF_RUN, ..TaskFilter::default() };
                for task in records.tasks(run.id, filter).await? {
                    learned.extend(ends(run, &task, began));
                }
            }
        }
    }
    Ok(learned)
}

/// The runs of a project that ended last.
async fn newest(
    records: &dyn Records,
    project: ProjectName,
    most: usize,
) -> Result<Vec<RunSummary>, RecordsError> {
    let filter = RunFilter {
        states: RunState::ALL.iter().copied().filter(|state| state.is_terminal()).collect(),
        sort: RunSort { by: RunSortKey::Finished, descending: true },
        limit: RUNS_OF_PROJECT.min(u32::try_from(most).unwrap_or(u32::MAX)),
        ..RunFilter::of(project)
    };
    Ok(records.runs(filter).await?.rows)
}

fn ends<'t>(run: &'t RunSummary, task: &'t Task, began: Timestamp) -> impl Iterator<Item = Learned> + 't {
    task.attempts.iter().filter_map(move |attempt| {
        let at = attempt.closed_at.filter(|at| *at < began)?;
        Some(Learned { at, of: task_of(run, task), lasted: Lasted::of(attempt)? })
    })
}
