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
    listeners: Arc<[Arc<dyn Listener>]>,
    woken: Arc<Notify>,
}

/// The kept place.
#[derive(Serialize, Deserialize)]
struct Place {
    seq: u64,
}

/// All of an event that it takes to wake.
#[derive(Deserialize)]
struct Told {
    data: ToldData,
}

#[derive(Deserialize)]
struct ToldData {
    run: ToldRun,
}

#[derive(Deserialize)]
struct ToldRun {
    state: RunState,
}

impl Told {
    fn is_end(&self) -> bool {
        self.data.run.state.is_terminal()
    }
}

impl Follower {
    pub(crate) fn new(records: SharedRecords, listeners: Vec<Arc<dyn Listener>>) -> Self {
        Self { records, listeners: listeners.into(), woken: Arc::new(Notify::new()) }
    }

    /// Wakes the follower when an event says that a run has ended and somebody wants to know it, for ever.
    pub(crate) fn wake_on_events(&self, bus: Bus) -> impl Future<Output = ()> + use<> {
        let (woken, listeners) = (self.woken.clone(), self.listeners.clone());
        async move {
            let mut backoff = Backoff::new();
            loop {
                match bus.subscribe(Event::filter(None)).await {
                    Ok(mut frames) => {
                        while let Some(frame) = frames.next().await {
                            // In a burst of runs this is the only work for each, mostly none.
                            if listeners.iter().any(|listener| listener.is_listening())
                                && serde_json::from_slice::<Told>(&frame.payload)
                                    .is_ok_and(|told| told.is_end())
                            {
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
        let place = kept.and_then(|kept| serde_json::from_str::<Place>(&kept.body).ok());
        let after = place.map_or(0, |place| place.seq);
        let newest = self.records.last_seq(SHARD).await?;
        if newest <= after {
            return Ok(false);
        }
        // What ended up to here ended before this look at what is to be told.
        for listener in self.listeners.iter() {
            listener.look().await?;
        }
        if !self.is_anybody_listening() {
            self.keep(version, newest).await?;
            return Ok(false);
        }
        let mut entries = self.records.log_after(SHARD, after, BATCH).await?;
        entries.retain(|entry| entry.seq() <= newest);
        let through = entries.last().map_or(newest, LogEntry::seq);
        for run in entries.iter().filter_map(ended) {
            // A run that has been removed since has been gone for long.
            let Some(run) = fresh_run(self.records.as_ref(), run).await? else { continue };
            for listener in self.listeners.iter() {
                listener.ended(&run).await?;
            }
        }
        self.keep(version, through).await?;
        Ok(through < newest)
    }

    fn is_anybody_listening(&self) -> bool {
        self.listeners.iter().any(|listener| listener.is_listening())
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
