//! What is told of a forecast.

use emboflow_model::RunId;
use emboflow_protocol::forecast::{AskWhatIf, MAX_NAMED, RunForecast, RunIf, TaskAt, TaskForecast, WhatIf};

use super::{Outlook, Snapshot};

/// Tasks that an answer about a run names at most.
const TASKS: usize = 1_000;

/// When the tasks of a run start, and when it ends. A run that was not open has none, and no end.
pub(crate) fn tell_run(snapshot: &Snapshot, outlook: &Outlook, run: RunId) -> RunForecast {
    let open = snapshot.planner.run(run);
    let tasks = snapshot.planner.still_to_start(run).take(TASKS);
    let tasks = tasks.map(|task| TaskForecast { task: task.clone(), start: outlook.start(run, task) });
    RunForecast {
        run,
        at: outlook.at,
        walks: outlook.walks(),
        horizon_ms: outlook.horizon_ms(),
        tasks: tasks.collect(),
        end: open.map(|_| outlook.end(run)),
        unknown: open.map(|open| outlook.unknown(&open.run.summary.project)).unwrap_or_default(),
    }
}

/// What would be, beside what is to be expected as things are.
pub(crate) fn tell_what_if(
    snapshot: &Snapshot,
    outlook: &Outlook,
    outlook_if: &Outlook,
    question: &AskWhatIf,
) -> WhatIf {
    let planner = &snapshot.planner;
    let is_own =
        |run: RunId| planner.run(run).is_some_and(|open| open.run.summary.project == question.project);
    let (already, at_once) = (outlook.at_once(), outlook_if.at_once());
    let new: Vec<_> = at_once.difference(&already).collect();
    let own = new.iter().filter(|(run, _)| is_own(*run)).take(MAX_NAMED);
    let mut waiting: Vec<RunId> = planner
        .all_open()
        .map(|open| open.id())
        .filter(|run| is_own(*run) && planner.still_to_start(*run).next().is_some())
        .collect();
    waiting.sort();
    let runs = waiting.iter().take(MAX_NAMED).filter_map(|run| {
        Some(RunIf {
            run: *run,
            workflow: planner.run(*run)?.run.summary.workflow.clone(),
            start: outlook.first_start(*run),
            start_if: outlook_if.first_start(*run),
            end: outlook.end(*run),
            end_if: outlook_if.end(*run),
        })
    });
    WhatIf {
        at: outlook.at,
        walks: outlook_if.walks(),
        horizon_ms: outlook.horizon_ms(),
        starts_at_once: new.len() as u64,
        at_once: own.map(|(run, task)| TaskAt { run: *run, task: task.clone() }).collect(),
        all_ended: outlook.all_ended(),
        all_ended_if: outlook_if.all_ended(),
        runs: runs.collect(),
        waiting_runs: waiting.len() as u64,
        unknown: outlook_if.unknown(&question.project),
    }
}
