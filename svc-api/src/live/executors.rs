//! Who carries out attempts, by their heartbeats.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use emboflow_bus::{Bus, Garbage, HeartbeatChange, Heartbeats};
use emboflow_model::executor::{ExecutorState, Heartbeat};
use emboflow_model::{ExecutorId, Timestamp};
use emboflow_protocol::http::ExecutorView;
use emboflow_protocol::stream::HEARTBEAT_MS;
use emboflow_service::Shutdown;

use super::feed::Feed;
use super::frame::Frame;
use crate::app::now;

/// A heartbeat is fresh for so long: two may be lost.
const FRESH_MS: u64 = 3 * HEARTBEAT_MS;

/// The executors that have been heard of. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Executors(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table(BTreeMap<ExecutorId, Seen>);

struct Seen {
    heartbeat: Heartbeat,
    at: Timestamp,
    /// Listeners have been told that it is silent.
    is_silent: bool,
}

impl Executors {
    /// Watches the heartbeats, and tells listeners of each and of each that fails to come.
    pub(crate) async fn start(bus: &Bus, feed: Feed, shutdown: &Shutdown) -> Result<Self> {
        let executors = Self::default();
        let heartbeats = bus
            .watch_heartbeats(Garbage::PassOver, Duration::MAX)
            .await
            .context("watching the executors' heartbeats")?;
        let (own, stop) = (executors.clone(), shutdown.token());
        shutdown.spawn("heartbeats of executors", async move {
            tokio::select! { () = stop.cancelled() => {}, () = own.watch(heartbeats, feed) => {} }
        });
        Ok(executors)
    }

    /// All of them by id.
    pub(crate) fn all(&self) -> Vec<ExecutorView> {
        let now = now();
        self.lock().0.values().map(|seen| seen.view(now)).collect()
    }

    async fn watch(&self, mut heartbeats: Heartbeats, feed: Feed) {
        loop {
            let wait = self.lock().next_silence(now()).unwrap_or(Duration::MAX);
            let change = tokio::select! {
                change = heartbeats.next() => match change {
                    Some(change) => Some(change),
                    None => return,
                },
                () = tokio::time::sleep(wait) => None,
            };
            let views = match change {
                Some(change) => self.lock().take(change, now()).into_iter().collect(),
                None => self.lock().fall_silent(now()),
            };
            for view in views {
                feed.send(Frame::for_admins_and_others("executor", &view, &without_attempts(view.clone())));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An executor, without what it does for single projects.
pub(crate) fn without_attempts(mut view: ExecutorView) -> ExecutorView {
    view.heartbeat.attempts.clear();
    view
}

impl Table {
    /// Takes a change; gives what listeners are to be told.
    fn take(&mut self, change: HeartbeatChange, now: Timestamp) -> Option<ExecutorView> {
        match change {
            HeartbeatChange::Gone(executor) => {
                let mut seen = self.0.remove(&executor)?;
                seen.heartbeat.state = ExecutorState::Stopped;
                Some(ExecutorView { forgotten: true, ..seen.view(now) })
            }
            HeartbeatChange::Seen(heartbeat) => {
                let at = match self.0.get(&heartbeat.executor) {
                    Some(known) if known.heartbeat == *heartbeat => return None,
                    Some(_) => now,
                    // The first one may have waited in NATS: only its own clock tells for how long.
                    None => heartbeat.sent_at.min(now),
                };
                let executor = heartbeat.executor.clone();
                let mut seen = Seen { heartbeat: *heartbeat, at, is_silent: false };
                seen.is_silent = !seen.is_fresh(now);
                let view = seen.view(now);
                self.0.insert(executor, seen);
                Some(view)
            }
        }
    }

    /// How long until the next heartbeat is overdue.
    fn next_silence(&self, now: Timestamp) -> Option<Duration> {
        let awaited = self.0.values().filter(|seen| !seen.is_silent);
        let next = awaited.map(|seen| seen.at.plus_ms(FRESH_MS + 1)).min()?;
        Some(Duration::from_millis(next.ms_since(now)))
    }

    /// Those whose heartbeat is overdue for the first time.
    fn fall_silent(&mut self, now: Timestamp) -> Vec<ExecutorView> {
        let overdue = self.0.values_mut().filter(|seen| !seen.is_silent && !seen.is_fresh(now));
        overdue
            .map(|seen| {
                seen.is_silent = true;
                seen.view(now)
            })
            .collect()
    }
}

impl Seen {
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.ms_since(self.at) <= FRESH_MS
    }

    fn view(&self, now: Timestamp) -> ExecutorView {
        let is_here = self.heartbeat.state != ExecutorState::Stopped;
        ExecutorView {
            online: is_here && self.is_fresh(now),
            suspect: is_here && !self.is_fresh(now),
            age_ms: now.ms_since(self.at),
            heartbeat: self.heartbeat.clone(),
            cordon: None,
            forgotten: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(sent_at: i64) -> HeartbeatChange {
        let heartbeat = serde_json::json!({
            "executor": "e1", "pool": "default", "incarnation": "i", "journal": "j", "state": "online",
            "capacity": {}, "slots": 1, "runtime": "simulated", "version": "1", "sent_at": Timestamp(sent_at),
            "disk": {"free_bytes": 1, "total_bytes": 2},
        });
        HeartbeatChange::Seen(Box::new(serde_json::from_value(heartbeat).unwrap()))
    }

    #[test]
    fn an_executor_is_online_while_its_heartbeats_come_and_is_told_offline_once() {
        let mut table = Table::default();
        assert!(table.take(seen(1_000), Timestamp(1_000)).unwrap().online);
        assert!(table.take(seen(1_000), Timestamp(2_000)).is_none(), "told again after a reconnect");
        assert!(table.take(seen(6_000), Timestamp(6_000)).unwrap().online);
        assert_eq!(table.next_silence(Timestamp(6_000)), Some(Duration::from_millis(FRESH_MS + 1)));
        assert!(table.fall_silent(Timestamp(20_000)).is_empty());
        let silent = table.fall_silent(Timestamp(21_001));
        assert!(!silent[0].online && silent[0].suspect && silent[0].age_ms == 15_001);
        assert!(
            table.fall_silent(Timestamp(30_000)).is_empty()
                && table.next_silence(Timestamp(30_000)).is_none()
        );
        let back = table.take(seen(31_000), Timestamp(31_000)).unwrap();
        assert!(back.online && !back.suspect);
    }

    #[test]
    fn a_heartbeat_that_waited_in_nats_is_old() {
        let mut table = Table::default();
        assert!(!table.take(seen(1_000), Timestamp(100_000)).unwrap().online);
        let gone =
            table.take(HeartbeatChange::Gone(ExecutorId::new("e1").unwrap()), Timestamp(100_001)).unwrap();
        assert!(gone.forgotten && !gone.online && table.0.is_empty());
    }
}
