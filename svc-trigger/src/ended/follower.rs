//! The places in the decision log up to which ended runs, and those that ask people, have been told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use emboflow_bus::Bus;
use emboflow_model::transition::Change;
use emboflow_model::trigger::TRIGGER_STATES;
use emboflow_model::{LogEntry, RunId, RunState, RunSummary, TaskKey, Transition};
use emboflow_protocol::event::Event;
use emboflow_records::{RecordsError, SharedRecords, fresh_run};
use futures::future::join_all;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::Listener;
use crate::backoff::Backoff;
use crate::measure;

const SHARD: u32 = 0;
/// The name of the kept document with the places; its scope is the installation.
const PLACE: &str = "ended-runs";
/// Entries read at a time.
const BATCH: u32 = 500;
/// Times that a place is written while others are.
const TRIES: usize = 20;
/// How often the log is looked at when no event wakes.
const LOOK_EACH: Duration = Duration::from_secs(10);

/// Follows the log for each listener by itself: what one cannot take now holds up no other.
pub(crate) struct Follower {
    records: SharedRecords,
    ways: Arc<[Way]>,
}

/// A listener, and what wakes it.
struct Way {
    listener: Arc<dyn Listener>,
    woken: Notify,
}

/// How far runs have been told.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Places {
    /// Up to here to all: an earlier version goes on there, and whoever has no place of its own.
    seq: u64,
    /// By the names of listeners.
    #[serde(default)]
    of: BTreeMap<String, u64>,
}

impl Places {
    fn of(&self, name: &str) -> u64 {
        self.of.get(name).copied().unwrap_or(self.seq)
    }

    /// Moves a listener forward; `all` are those whose places count.
    fn advance(&mut self, name: &str, to: u64, all: &[&'static str]) {
        self.of.insert(name.to_owned(), self.of(name).max(to));
        self.seq = all.iter().map(|name| self.of(name)).min().unwrap_or(self.seq);
    }
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
    #[serde(default)]
    approvals: Vec<IgnoredAny>,
}

impl Told {
    /// It ended, or people are asked: since this event or an earlier one.
    fn may_be_news(&self) -> bool {
        self.data.run.state.is_terminal() || !self.data.run.approvals.is_empty()
    }
}

impl Follower {
    pub(crate) fn new(records: SharedRecords, listeners: Vec<Arc<dyn Listener>>) -> Self {
        let way = |listener| Way { listener, woken: Notify::new() };
        Self { records, ways: listeners.into_iter().map(way).collect() }
    }

    /// Wakes whoever wants to know it when an event says that a run has ended or asks people, for ever.
    pub(crate) fn wake_on_events(&self, bus: Bus) -> impl Future<Output = ()> + use<> {
        let ways = self.ways.clone();
        async move {
            let mut backoff = Backoff::new();
            loop {
                match bus.subscribe(Event::filter(None)).await {
                    Ok(mut frames) => {
                        while let Some(frame) = frames.next().await {
                            wake(&ways, &frame.payload);
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

    /// Tells every run that ends or asks people, for ever.
    pub(crate) async fn follow(self) {
        join_all(self.ways.iter().map(|way| self.follow_for(way))).await;
    }

    async fn follow_for(&self, way: &Way) {
        let mut backoff = Backoff::new();
        loop {
            match self.look(&*way.listener).await {
                Ok(true) => backoff.reset(),
                Ok(false) => {
                    backoff.reset();
                    let _ = tokio::time::timeout(LOOK_EACH, way.woken.notified()).await;
                }
                Err(error) => {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        listener = way.listener.name(),
                        "what became of runs cannot be told now; trying again"
                    );
                    backoff.wait().await;
                }
            }
        }
    }

    /// Tells a listener some. Gives whether there may be more.
    async fn look(&self, listener: &dyn Listener) -> anyhow::Result<bool> {
        let after = self.places().await?.1.of(listener.name());
        let newest = self.records.last_seq(SHARD).await?;
        if newest <= after {
            return Ok(false);
        }
        // What ended up to here ended before this look at what is to be told.
        listener.look().await?;
        if !listener.is_listening() {
            self.keep(listener, newest).await?;
            return Ok(false);
        }
        let mut entries = self.records.log_after(SHARD, after, BATCH).await?;
        entries.retain(|entry| entry.seq() <= newest);
        let through = entries.last().map_or(newest, LogEntry::seq);
        for transition in entries.iter().filter_map(is_news) {
            let Some(run) = self.run(transition.run).await? else { continue };
            for task in asked(transition) {
                listener.asked(&run, task, transition.at).await?;
            }
            if is_end(transition) {
                listener.ended(&run).await?;
            }
        }
        self.keep(listener, through).await?;
        Ok(through < newest)
    }

    /// A run that there is news of; none when nobody can be told of it.
    async fn run(&self, run: RunId) -> anyhow::Result<Option<RunSummary>> {
        match fresh_run(self.records.as_ref(), run).await {
            // What has been removed since has been gone for long.
            Ok(found) => Ok(found),
            // It will not become readable, and all that ended after it waits.
            Err(error @ RecordsError::Corrupt { .. }) => {
                measure::count_failure("unreadable");
                tracing::error!(%run, %error, "a run cannot be read; nobody is told of its end or of what it asks");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn places(&self) -> anyhow::Result<(Option<u64>, Places)> {
        let kept = self.records.kept(TRIGGER_STATES, "", PLACE).await?;
        let places = kept.as_ref().and_then(|kept| serde_json::from_str(&kept.body).ok());
        Ok((kept.map(|kept| kept.version), places.unwrap_or_default()))
    }

    /// Keeps how far a listener has been told. Others write the same document.
    async fn keep(&self, listener: &dyn Listener, through: u64) -> anyhow::Result<()> {
        let all: Vec<_> = self.ways.iter().map(|way| way.listener.name()).collect();
        for _ in 0..TRIES {
            let (version, mut places) = self.places().await?;
            places.advance(listener.name(), through, &all);
            let body = serde_json::to_string(&places)?;
            if self.records.keep(TRIGGER_STATES, "", PLACE, version, body).await?.is_some() {
                return Ok(());
            }
        }
        anyhow::bail!("others change the place all the time")
    }
}

/// In a burst of runs this is the only work for each, mostly none.
fn wake(ways: &[Way], event: &[u8]) {
    let mut listening = ways.iter().filter(|way| way.listener.is_listening()).peekable();
    if listening.peek().is_some()
        && serde_json::from_slice::<Told>(event).is_ok_and(|told| told.may_be_news())
    {
        listening.for_each(|way| way.woken.notify_one());
    }
}

/// The entry if its run ended or asked people by it.
fn is_news(entry: &LogEntry) -> Option<&Transition> {
    let LogEntry::Transition(transition) = entry else { return None };
    (is_end(transition) || asked(transition).next().is_some()).then_some(transition)
}

fn is_end(transition: &Transition) -> bool {
    let ends = |change: &Change| matches!(change, Change::Run { to, .. } if RunState::is_terminal(*to));
    transition.changes.iter().any(ends)
}

/// The tasks on which people were asked to decide by it.
fn asked(transition: &Transition) -> impl Iterator<Item = &TaskKey> {
    transition.changes.iter().filter_map(|change| match change {
        Change::ApprovalAsked { task, .. } => Some(task),
        _ => None,
    })
}

#[cfg(test)]
#[path = "follower_tests.rs"]
mod tests;
