//! Starts that still count for a rate although their runs are over: read back at the start of the scheduler.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use emboflow_model::workflow::turn::MAX_RATE_MS;
use emboflow_model::{ProjectName, RunId, RunSummary, Timestamp};
use emboflow_records::{Records, RunFilter};

use super::recovery;
use super::workflows::Workflows;
use crate::planner::{OpenRun, Planner};

const PROJECT: &str = "project";
/// Projects read at once.
const PAGE: u32 = 500;
/// Newest runs of a project that are looked at.
const HISTORY: u32 = 500;
/// Histories read at once.
const RUNS_AT_ONCE: usize = 100;

/// Tells the planner of the starts of runs that have ended since the longest time of a rate. Errors: the records do not
/// answer, or a history does not fold.
pub(super) async fn read_back(
    records: &dyn Records,
    planner: &mut Planner,
    workflows: &mut Workflows,
    now: Timestamp,
) -> anyhow::Result<()> {
    let mut after: Option<String> = None;
    loop {
        let from = after.as_deref().map(|name| ("", name));
        let page = records.kept_page(PROJECT, Some(""), from, PAGE).await.context("listing the projects")?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.name.clone());
        for name in page.iter().filter_map(|kept| kept.name.parse::<ProjectName>().ok()) {
            of_project(records, planner, workflows, name, now).await?;
        }
    }
}

async fn of_project(
    records: &dyn Records,
    planner: &mut Planner,
    workflows: &mut Workflows,
    project: ProjectName,
    now: Timestamp,
) -> anyhow::Result<()> {
    let filter = RunFilter { limit: HISTORY, ..RunFilter::of(project) };
    let rows = records.runs(filter).await.context("listing the newest runs of a project")?.rows;
    let counts = |run: &RunSummary| {
        let ended = run.finished_at.filter(|_| run.started_at.is_some());
        ended.is_some_and(|at| at.plus_ms(MAX_RATE_MS) > now)
    };
    let mut by_digest: BTreeMap<String, Vec<RunId>> = BTreeMap::new();
    for run in rows.into_iter().filter(counts) {
        by_digest.entry(run.digest).or_default().push(run.id);
    }
    // One run of a file tells whether the others have to be read.
    let firsts: Vec<RunId> = by_digest.values().filter_map(|runs| runs.first().copied()).collect();
    let mut with_rates = BTreeSet::new();
    for runs in firsts.chunks(RUNS_AT_ONCE) {
        let folded = recovery::fold(records, runs, workflows).await?;
        with_rates.extend(folded.iter().filter(|open| open.workflow.has_rates()).map(OpenRun::id));
    }
    let is_rated = |runs: &Vec<RunId>| runs.first().is_some_and(|run| with_rates.contains(run));
    let rated: Vec<RunId> = by_digest.into_values().filter(is_rated).flatten().collect();
    for runs in rated.chunks(RUNS_AT_ONCE) {
        for ended in recovery::fold(records, runs, workflows).await? {
            planner.remember_ended(&ended);
        }
    }
    Ok(())
}
