//! Reads what projects may use.

use std::collections::HashMap;

use emboflow_model::access::{Project, Quotas};
use emboflow_model::{ProjectName, Timestamp};
use emboflow_records::{Records, RecordsError, RunFilter};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::feeds::Signal;
use super::kept;
use crate::planner::{Input, ProjectQuotas};

/// Kind of the kept document.
pub(super) const PROJECT: &str = "project";
/// Runs of a project that are looked at for its rate; of a greater rate no more than these count after a restart.
const HISTORY: u32 = 500;

/// What projects may use, and when the newest runs of those with a limited rate were accepted.
pub(super) async fn read(records: &dyn Records) -> Result<Input, RecordsError> {
    let mut quotas = ProjectQuotas::new();
    for kept in kept::all(records, PROJECT).await? {
        match serde_json::from_str::<Project>(&kept.body) {
            Ok(project) if project.quotas == Quotas::default() => {}
            Ok(project) => drop(quotas.insert(project.name, project.quotas)),
            Err(error) => {
                tracing::error!(project = kept.name, %error, "the quotas of a project cannot be read");
            }
        }
    }
    let mut history = HashMap::new();
    for (project, quotas) in &quotas {
        if let Some(most) = quotas.runs_per_minute.filter(|most| *most > 0) {
            history.insert(project.clone(), newest_runs(records, project, most).await?);
        }
    }
    Ok(Input::Quotas { quotas, history })
}

/// When the newest runs were accepted, oldest first.
async fn newest_runs(
    records: &dyn Records,
    project: &ProjectName,
    most: u64,
) -> Result<Vec<Timestamp>, RecordsError> {
    let limit = u32::try_from(most).unwrap_or(HISTORY).min(HISTORY);
    let page = records.runs(RunFilter { limit, ..RunFilter::of(project.clone()) }).await?;
    let mut accepted: Vec<Timestamp> = page.rows.iter().map(|run| run.created_at).collect();
    accepted.sort_unstable();
    Ok(accepted)
}

/// The quotas of projects, for the driver.
pub(super) fn signal<L: Send>(records: &dyn Records) -> BoxFuture<'_, Result<Signal<L>, RecordsError>> {
    async { Ok(Signal::Input(Box::new(read(records).await?))) }.boxed()
}
