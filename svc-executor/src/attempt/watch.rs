//! A running container: until it ends by itself, is told to, or has run too long.

use std::time::Duration;

use emboflow_model::{Reason, Timestamp};
use emboflow_protocol::report::Phase;

use super::{Attempt, ENGINE_PAUSE, now};
use crate::held::stopped;
use crate::journal::Entry;
use crate::log::{Archive, Pump, Source, Spool};
use crate::outcome::{self, EndOfContainer, Verdict};
use crate::runtime::{Exit, Seen};
use crate::{machine, metrics};

/// How often a running container is looked at, should its wait have broken silently.
const SWEEP: Duration = Duration::from_secs(10);

/// What is known when a container no longer runs.
pub(super) struct Watched {
    pub(super) verdict: Verdict,
    pub(super) exit: Option<Exit>,
    pub(super) log: Option<Recorded>,
}

/// A log that is whole on this machine, and its way into storage.
pub(super) struct Recorded {
    pub(super) spool: Spool,
    pub(super) archive: Archive,
}

impl Watched {
    /// Nothing ran, or nothing is left of it.
    pub(super) fn without_container(verdict: Verdict) -> Self {
        Self { verdict, exit: None, log: None }
    }
}

struct Ending {
    seen: Seen,
    asked: Option<Reason>,
    engine_restarted: bool,
}

impl Attempt {
    pub(super) async fn watch(&mut self) -> Watched {
        let recorder = self.record();
        let ending = self.until_ended().await;
        let exit = match ending.seen {
            Seen::Exited(exit) => Some(exit),
            _ => None,
        };
        let at = exit.as_ref().and_then(|exit| exit.exited_at).unwrap_or_else(now);
        self.marks.times.exited_at = Some(at);
        if let Some(started_at) = exit.as_ref().and_then(|exit| exit.started_at) {
            self.marks.times.started_at = Some(started_at);
        }
        self.report(Phase::Finishing { at });
        let log = match recorder {
            Some((pump, archive)) => pump.finish().await.map(|spool| Recorded { spool, archive }),
            None => None,
        };
        let head = log.as_ref().map_or(&[][..], |log| log.spool.head());
        let verdict = match &exit {
            Some(exit) => outcome::of_exit(EndOfContainer {
                exit,
                asked: ending.asked,
                engine_restarted: ending.engine_restarted,
                log_head: head,
                memory_bytes: self.start.spec.resources.memory_bytes,
            }),
            None => ending.asked.map_or_else(outcome::vanished, |reason| outcome::asked(reason, true)),
        };
        Watched { verdict, exit, log }
    }

    /// Starts to take the log in. Without a spool the task still runs; its end says that the log is missing.
    fn record(&self) -> Option<(Pump, Archive)> {
        let folder = self.folder();
        let spool = Spool::open(&folder, self.start.spec.log_limit_bytes);
        let spool = spool
            .inspect_err(|error| tracing::error!(attempt = %self.id, %error, "the log cannot be spooled"))
            .ok()?;
        let source = Source {
            runtime: self.executor.runtime.clone(),
            bus: self.executor.bus.clone(),
            project: self.start.project.clone(),
            attempt: self.id.clone(),
        };
        let pump = Pump::start(source, spool);
        let archive = Archive::start(self.store.clone(), self.prefix(), folder, pump.length());
        Some((pump, archive))
    }

    async fn until_ended(&mut self) -> Ending {
        let mut engine_restarted = self.marks.boot.as_ref().is_some_and(|boot| *boot != machine::boot_id());
        let mut orders = self.orders.clone();
        let asked = match self.marks.stopping {
            Some(reason) => reason,
            None => tokio::select! {
                biased;
                seen = self.until_exit(&mut engine_restarted) => {
                    return Ending { seen, asked: None, engine_restarted };
                }
                reason = stopped(&mut orders) => reason,
                () = self.overdue() => Reason::RunTimeout,
            },
        };
        self.executor.journal.append(&self.id, Entry::Stopping { reason: asked });
        Ending { seen: self.stop_container().await, asked: Some(asked), engine_restarted }
    }

    /// Sees the end in two ways: a wait that the engine answers, and a look from time to time.
    async fn until_exit(&self, engine_restarted: &mut bool) -> Seen {
        let runtime = self.executor.runtime.clone();
        loop {
            let mut wait = runtime.wait(&self.id);
            let answered = loop {
                tokio::select! {
                    answer = &mut wait => break answer,
                    () = tokio::time::sleep(SWEEP) => match runtime.observe(&self.id).await {
                        Ok(Seen::Running { .. } | Seen::Created) | Err(_) => {}
                        Ok(seen) => {
                            metrics::found_by_sweep();
                            return seen;
                        }
                    }
                }
            };
            if let Err(error) = answered {
                tracing::warn!(attempt = %self.id, %error, "the container engine went away while a task runs");
                *engine_restarted = true;
                tokio::time::sleep(ENGINE_PAUSE).await;
            }
            match self.look().await {
                Seen::Running { .. } | Seen::Created => {}
                seen => return seen,
            }
        }
    }

    /// Ends when the task has run as long as it may.
    async fn overdue(&self) {
        let Some(limit) = self.start.spec.timeouts.run_ms else { return std::future::pending().await };
        let began = match self.marks.times.started_at {
            Some(at) => at,
            None => match self.look().await {
                Seen::Running { started_at: Some(at) } => at,
                _ => now(),
            },
        };
        let ran = now().ms_since(Timestamp(began.0.min(now().0)));
        tokio::time::sleep(Duration::from_millis(limit.saturating_sub(ran))).await;
    }
}
