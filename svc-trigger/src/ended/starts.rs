//! Triggers on the end of runs.

use std::sync::Arc;

use emboflow_model::RunSummary;
use emboflow_model::trigger::{Chain, ChainEnd, Event, Reason, TriggerKind};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::event::RunRow;
use emboflow_records::SharedRecords;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::Listener;
use crate::journal::Journal;
use crate::kept::{self, Trigger, Triggers};
use crate::requester::{For, Requester, refused};

/// Starts the runs of all triggers on the end of runs.
pub(crate) struct RunFinished {
    pub(crate) records: SharedRecords,
    pub(crate) triggers: Triggers,
    pub(crate) requester: Requester,
    pub(crate) journal: Journal,
}

impl RunFinished {
    fn waiting(&self) -> impl Iterator<Item = Arc<Trigger>> {
        let is_one = |trigger: &Arc<Trigger>| matches!(trigger.document.spec.on, TriggerKind::RunFinished(_));
        self.triggers.active().into_iter().filter(is_one)
    }

    async fn start(
        &self,
        trigger: &Trigger,
        run: &RunSummary,
        chain: Result<Chain, ChainEnd>,
    ) -> anyhow::Result<()> {
        let cause = format!("run {} ended as {}", run.id, run.state);
        let chain = match chain {
            Ok(chain) => chain,
            Err(end) => {
                self.journal.note(trigger, refused(ErrorCode::TriggerChain, cause, end.to_string()));
                return Ok(());
            }
        };
        let time = run.finished_at.unwrap_or(run.created_at);
        let event = Event::plain("run_finished", time, serde_json::to_value(RunRow::from(run))?);
        let event =
            event.with("subject", run.id.to_string()).with("source", format!("/projects/{}", run.project));
        let what = For { reason: Reason::RunFinished(run.id), cause, event: event.into_value(), chain };
        self.requester.start(trigger, what).await?;
        Ok(())
    }
}

impl Listener for RunFinished {
    fn name(&self) -> &'static str {
        "triggers"
    }

    fn is_listening(&self) -> bool {
        self.waiting().next().is_some()
    }

    fn look(&self) -> BoxFuture<'_, anyhow::Result<()>> {
        async move {
            self.triggers.replace(kept::read_all(self.records.as_ref()).await?.triggers);
            Ok(())
        }
        .boxed()
    }

    fn ended<'a>(&'a self, run: &'a RunSummary) -> BoxFuture<'a, anyhow::Result<()>> {
        async move {
            let meant: Vec<_> = self.waiting().filter(|trigger| is_meant(trigger, run)).collect();
            let places = Chain::of(|label| run.labels.get(label).map(String::as_str)).next(meant.len());
            for (trigger, place) in meant.iter().zip(places) {
                self.start(trigger, run, place).await?;
            }
            Ok(())
        }
        .boxed()
    }
}

fn is_meant(trigger: &Trigger, run: &RunSummary) -> bool {
    let TriggerKind::RunFinished(spec) = &trigger.document.spec.on else { return false };
    trigger.project == run.project
        && spec.workflow == run.workflow.as_str()
        && spec.states.contains(&run.state)
        && run.finished_at.is_some_and(|ended| ended >= trigger.document.counts_from)
}
