//! The place in the decision log up to which ended runs have been told.

use std::sync::Arc;
use std::time::Duration;

use emboflow_bus::Bus;
use emboflow_model::transition::Change;
use emboflow_model::trigger::TRIGGER_STATES;
use emboflow_model::{LogEntry, RunId, RunState};
use emboflow_protocol::event::Event;
use emboflow_records::{SharedRecords, fresh_run};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::Listener;
use crate::backoff::Backoff;

const SHARD: u32 = 0;
/// The name of the kept document with the place; its scope is the installation.
const PLACE: &str = "ended-runs";
/// Entries read at a time.
const BATCH: u32 = 500;
/// How often the log is looked at when no event wakes.
const LOOK_EACH: Duration = Duration::from_secs(10);

/// Follows the log.
pub(crate) struct Follower {
    records: SharedRecords,
    listeners: Vec<Arc<dyn Listener>>,
    woken: Arc<Notify>,
    /// The newest place at the look before, while nobody listened: whoever begins to listen misses nothing after it.
    idle_at: Option<u64>,
}

/// The kept place.
#[derive(Serialize, Deserialize)]
struct Place {
    seq: u64,
}

impl Follower {
    pub(crate) fn new(records: SharedRecords, listeners: Vec<Arc<dyn Listener>>) -> Self {
        Self { records, listeners, woken: Arc::new(Notify::new()), idle_at: None }
    }

    /// Wakes the follower when an event says that a run has ended, for ever.
    pub(crate) fn wake_on_events(&self, bus: Bus) -> impl Future<Output = ()> + use<> {
        let woken = self.woken.clone();
        async move {
            let mut backoff = Backoff::new();
            loop {
                match bus.subscribe(Event::filter(None)).await {
                    Ok(mut frames) => {
                        while let Some(frame) = frames.next().await {
                            let event = serde_json::from_slice::<Event>(&frame.payload);
                            if event.is_ok_and(|event| event.data.run.state.is_terminal()) {
                                woken.notify_one();
                            }
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "events cannot be heard; the log is looked at now and then")
                    }
                }
                backoff.wait().await;
            }
        }
    }

    /// Tells every run that ends, for ever.
    pub(crate) async fn follow(mut self) {
        let mut backoff = Backoff::new();
        loop {
            match self.look().await {
                Ok(true) => backoff.reset(),
                Ok(false) => {
                    backoff.reset();
                    let _ = tokio::time::timeout(LOOK_EACH, self.woken.notified()).await;
                }
                Err(error) => {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "ended runs cannot be told now; trying again"
                    );
                    backoff.wait().await;
                }
            }
        }
    }

    /// Tells some. Gives whether there may be more.
    async fn look(&mut self) -> anyhow::Result<bool> {
        let kept = self.records.kept(TRIGGER_STATES, "", PLACE).await?;
        let version = kept.as_ref().map(|kept| kept.version);
        let place =
            kept.and_then(|kept| serde_json::from_str::<Place>(&kept.body).ok()).map(|place| place.seq);
        let newest = self.records.last_seq(SHARD).await?;
        if !self.listeners.iter().any(|listener| listener.is_listening()) {
            // Whoever begins to listen between two looks is told from the look before on.
            let told = self.idle_at.replace(newest).or(place);
            if let Some(told) = told.filter(|told| place.is_none_or(|place| place < *told)) {
                self.keep(version, told).await?;
            }
            return Ok(false);
        }
        let after = place.or(self.idle_at).unwrap_or(0);
        self.idle_at = None;
        let entries = self.records.log_after(SHARD, after, BATCH).await?;
        let Some(last) = entries.last().map(LogEntry::seq) else {
            return Ok(false);
        };
        for run in entries.iter().filter_map(ended) {
            // A run that has been removed since has been gone for long.
            let Some(run) = fresh_run(self.records.as_ref(), run).await? else { continue };
            for listener in &self.listeners {
                listener.ended(&run).await?;
            }
        }
        self.keep(version, last).await?;
        Ok(entries.len() == BATCH as usize)
    }

    /// Keeps the place, unless another process has been quicker.
    async fn keep(&self, version: Option<u64>, seq: u64) -> anyhow::Result<()> {
        let body = serde_json::to_string(&Place { seq })?;
        self.records.keep(TRIGGER_STATES, "", PLACE, version, body).await?;
        Ok(())
    }
}

/// The run that an entry of the log ended.
fn ended(entry: &LogEntry) -> Option<RunId> {
    let LogEntry::Transition(transition) = entry else { return None };
    let is_end = |change: &Change| matches!(change, Change::Run { to, .. } if RunState::is_terminal(*to));
    transition.changes.iter().any(is_end).then_some(transition.run)
}
