//! Starts that still count for a rate although their runs are over: read back at the start of the scheduler.

use std::collections::BTreeMap;

use anyhow::Context;
use emboflow_model::workflow::turn::MAX_RATE_MS;
use emboflow_model::{ProjectName, RunId, RunSummary, Timestamp};
use emboflow_records::{Records, RunFilter};

use super::recovery;
use super::workflows::Workflows;
use crate::planner::Planner;

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
    let mut rated = Vec::new();
    for runs in by_digest.into_values() {
        // One run of a file tells whether the others have to be read.
        let first = recovery::fold(records, &runs[..1], workflows).await?;
        if first.iter().any(|open| open.workflow.has_rates()) {
            rated.extend(runs);
        }
    }
    for runs in rated.chunks(RUNS_AT_ONCE) {
        for ended in recovery::fold(records, runs, workflows).await? {
            planner.remember_ended(&ended);
        }
    }
    Ok(())
}
