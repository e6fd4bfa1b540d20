//! Reads what projects may use: at the start, when somebody says that a project has changed, and now and then.

use std::collections::HashMap;
use std::time::Duration;

use emboflow_model::access::{Project, Quotas};
use emboflow_model::{ProjectName, Timestamp};
use emboflow_records::{Records, RecordsError, RunFilter, SharedRecords};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::feeds::Signal;
use super::world::World;
use crate::planner::{Input, ProjectQuotas};

const PROJECT: &str = "project";
/// Projects read at once.
const PAGE: u32 = 500;
/// Notices can be lost.
const LOOK_EACH: Duration = Duration::from_secs(30);
/// Notices that come together are one.
const TOGETHER: Duration = Duration::from_millis(50);
/// Runs of a project that are looked at for its rate; of a greater rate no more than these count after a restart.
const HISTORY: u32 = 500;

/// What projects may use, and when the newest runs of those with a limited rate were accepted.
pub(super) async fn read(records: &dyn Records) -> Result<Input, RecordsError> {
    let mut quotas = ProjectQuotas::new();
    let mut after: Option<String> = None;
    loop {
        let from = after.as_deref().map(|name| ("", name));
        let page = records.kept_page(PROJECT, Some(""), from, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.name.clone());
        for kept in &page {
            match serde_json::from_str::<Project>(&kept.body) {
                Ok(project) if project.quotas == Quotas::default() => {}
                Ok(project) => {
                    quotas.insert(project.name, project.quotas);
                }
                Err(error) => {
                    tracing::error!(project = kept.name, %error, "the quotas of a project cannot be read");
                }
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

/// Tells the planner what has changed, until `stop`.
pub(super) async fn follow<W: World>(
    records: SharedRecords,
    world: W,
    signals: mpsc::Sender<Signal<W::Letter>>,
    stop: CancellationToken,
) {
    let mut notices = world.notices(PROJECT).await;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            Some(_) = notices.next() => world.pause(TOGETHER).await,
            () = world.pause(LOOK_EACH) => {}
        }
        match read(&*records).await {
            Ok(input) => {
                if signals.send(Signal::Input(Box::new(input))).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::warn!(%error, "the quotas of projects cannot be read; the old ones hold"),
        }
    }
}
