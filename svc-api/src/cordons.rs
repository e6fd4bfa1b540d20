//! The executors that operators keep work away from: the documents are kept here, what is left to do is asked of the
//! scheduler.

use std::collections::BTreeMap;
use std::time::Duration;

use emboflow_bus::Bus;
use emboflow_model::ExecutorId;
use emboflow_model::cordon::Cordon;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::call::{AskCordons, CordonFigures};
use emboflow_protocol::http::cordon::CordonView;
use emboflow_protocol::notice::Notice;
use emboflow_records::SharedRecords;

use crate::problem::{Failure, Outcome};

/// Cordons read at once.
const PAGE: u32 = 500;
/// How long the scheduler is waited for: without its answer nobody knows what is left to do.
const WAIT: Duration = Duration::from_secs(2);
/// Times that a change is tried while others change the same cordon.
const TRIES: usize = 8;

/// All of them.
pub(crate) struct Cordons {
    records: SharedRecords,
    bus: Bus,
}

impl Cordons {
    pub(crate) fn new(records: SharedRecords, bus: Bus) -> Self {
        Self { records, bus }
    }

    /// All of them by executor, with what is left to do.
    pub(crate) async fn all(&self) -> Outcome<BTreeMap<ExecutorId, CordonView>> {
        let mut cordons = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let from = after.as_deref().map(|name| ("", name));
            let page = self.records.kept_page(Cordon::KIND, Some(""), from, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.name.clone());
            let read =
                page.iter().filter_map(|kept| Some((kept.name.parse().ok()?, Cordon::read(&kept.body))));
            cordons.extend(read);
        }
        if cordons.is_empty() {
            return Ok(BTreeMap::new());
        }
        let figures = self.figures().await;
        let view = |(executor, cordon): (ExecutorId, Cordon)| {
            // A scheduler that does not name it does not know of the cordon yet, and may still give it work.
            let open_attempts = figures.open_attempts.get(&executor).copied();
            (executor, CordonView { cordon, open_attempts, drained: open_attempts == Some(0) })
        };
        Ok(cordons.into_iter().map(view).collect())
    }

    /// Keeps work away from an executor, or changes why and how. Since when it is so stays as it was.
    pub(crate) async fn set(&self, executor: &ExecutorId, wanted: Cordon) -> Outcome<()> {
        for _ in 0..TRIES {
            let found = self.records.kept(Cordon::KIND, "", executor.as_str()).await?;
            let since = found.as_ref().map_or(wanted.since, |kept| Cordon::read(&kept.body).since);
            let body = serde_json::to_string(&Cordon { since, ..wanted.clone() })
                .map_err(|error| Failure::behind(ErrorCode::Internal, error))?;
            let expected = found.map(|kept| kept.version);
            if self.records.keep(Cordon::KIND, "", executor.as_str(), expected, body).await?.is_some() {
                self.tell(executor).await;
                return Ok(());
            }
        }
        Err(changed_all_the_time(executor))
    }

    /// Gives an executor work again; nothing happens when it is given some.
    pub(crate) async fn remove(&self, executor: &ExecutorId) -> Outcome<()> {
        for _ in 0..TRIES {
            let Some(kept) = self.records.kept(Cordon::KIND, "", executor.as_str()).await? else {
                return Ok(());
            };
            if self.records.drop_kept(Cordon::KIND, "", executor.as_str(), kept.version).await? {
                self.tell(executor).await;
                return Ok(());
            }
        }
        Err(changed_all_the_time(executor))
    }

    async fn tell(&self, executor: &ExecutorId) {
        let notice = Notice::new(Cordon::KIND, "", executor.as_str());
        let _readers_look_by_themselves = self.bus.publish_live(&notice).await;
    }

    async fn figures(&self) -> CordonFigures {
        let answer = self.bus.call::<_, CordonFigures>(&AskCordons {}, WAIT).await;
        answer.unwrap_or_else(|error| {
            tracing::debug!(%error, "nobody tells of the cordoned executors");
            CordonFigures::default()
        })
    }
}

fn changed_all_the_time(executor: &ExecutorId) -> Failure {
    let detail = format!("others change the cordon of executor '{executor}' all the time");
    Failure::new(ErrorCode::RequestPrecondition, detail)
}
