//! A running container: until it ends by itself, is told to, or has run too long.

use std::time::{Duration, Instant};

use emboflow_model::{CodeRange, Reason};
use emboflow_protocol::report::Phase;
use tokio_util::sync::CancellationToken;

use super::signs_of_life::LogLength;
use super::{Attempt, ENGINE_PAUSE, SETTLING, now};
use crate::fail_point::FailPoint;
use crate::held::stopped;
use crate::journal::{Entry, Stopping};
use crate::log::{Archive, Cut, Mask, Pump, Source, Spool};
use crate::outcome::{self, EndOfContainer, Verdict};
use crate::runtime::{Exit, RuntimeError, Seen};
use crate::{machine, metrics};

/// How often a running container is looked at, should its wait have broken silently.
const SWEEP: Duration = Duration::from_secs(10);
/// How long the engine may take to note that the memory limit was reached, after the end.
const FLAG_WITHIN: Duration = Duration::from_secs(2);
/// With less free than this on the executor's disk, programs cannot write what they have to.
const NO_ROOM_BYTES: u64 = 1 << 20;
/// Exit code of a process that was killed (SIGKILL).
const KILLED: i64 = 137;

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
    asked: Option<Stopping>,
    engine_restarted: bool,
    /// Its right to run was over by then.
    lapsed: bool,
}

impl Attempt {
    pub(super) async fn watch(&mut self) -> Watched {
        let recorder = self.record().await;
        let disk_full = recorder.as_ref().map(|(pump, _)| pump.disk_full()).unwrap_or_default();
        self.store.wait_without_end(true);
        let log = recorder.as_ref().map(|(pump, _)| pump.length());
        let ending = self.until_ended(disk_full, log).await;
        self.store.wait_without_end(false);
        self.visit(FailPoint::Exited);
        let exit = match &ending.seen {
            Seen::Exited(exit) => Some(exit.clone()),
            _ => None,
        };
        let failed = |exit: &Exit| !outcome::completes(exit.code, &self.start.spec.complete_codes);
        let disk_is_full = exit.as_ref().is_some_and(failed)
            && machine::is_full(machine::disk(&self.executor.data_dir), NO_ROOM_BYTES);
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
        let verdict = self.verdict(ending, exit.as_ref(), log.as_ref(), disk_is_full);
        Watched { verdict, exit, log }
    }

    fn verdict(
        &self,
        ending: Ending,
        exit: Option<&Exit>,
        log: Option<&Recorded>,
        disk_is_full: bool,
    ) -> Verdict {
        let Ending { asked, engine_restarted, lapsed, .. } = ending;
        let (asked, detail) = asked.map_or((None, None), |asked| (Some(asked.reason), asked.detail));
        if let Some(detail) = detail {
            return outcome::disk_limit(&detail, exit.map(|exit| exit.code));
        }
        let Some(exit) = exit else {
            return asked.map_or_else(outcome::vanished, |reason| outcome::asked(reason, true));
        };
        let complete_codes = &self.start.spec.complete_codes;
        let cut = log.and_then(|log| log.spool.cut());
        let had_no_room = disk_is_full || cut == Some(Cut::DiskFull);
        if asked.is_none() && had_no_room && !outcome::completes(exit.code, complete_codes) {
            return outcome::failed_without_room(exit.code);
        }
        outcome::of_exit(EndOfContainer {
            exit,
            asked: asked
                .or_else(|| lost_its_log(exit, complete_codes, cut))
                .or_else(|| lost_its_right(exit, lapsed)),
            engine_restarted,
            complete_codes,
            log_head: log.map_or(&[][..], |log| log.spool.head()),
            memory_bytes: self.start.spec.resources.memory_bytes,
        })
    }

    /// Starts to take the log in. Without a spool the task still runs; its end says that the log is missing.
    async fn record(&self) -> Option<(Pump, Archive)> {
        let (folder, limit) = (self.folder(), self.start.spec.log_limit_bytes);
        let opened = match Spool::is_in(&folder) {
            // What an earlier process left is read to its end: that can be much.
            true => {
                let left = folder.clone();
                let opened = tokio::task::spawn_blocking(move || Spool::open(&left, limit)).await;
                opened.unwrap_or_else(|error| Err(std::io::Error::other(error)))
            }
            false => Spool::open(&folder, limit),
        };
        let mut spool = opened
            .inspect_err(|error| tracing::error!(attempt = %self.id, %error, "the log cannot be spooled"))
            .ok()?;
        let mask = self.mask().unwrap_or_else(|why| {
            tracing::error!(attempt = %self.id, why, "the log could show secrets: the rest of it is not kept");
            spool.give_up(Cut::Lost);
            Mask::default()
        });
        let source = Source {
            runtime: self.executor.runtime.clone(),
            bus: self.executor.bus.clone(),
            project: self.start.project.clone(),
            attempt: self.id.clone(),
            executor: self.executor.identity.executor.clone(),
            mask,
        };
        let pump = Pump::start(source, spool);
        let archive = Archive::start(self.store.clone(), self.prefix(), folder, pump.length());
        Some((pump, archive))
    }

    /// What log and values must not show. An attempt that an earlier process began has its values in memory still, unless the
    /// machine was started again. Errors: why they are not known.
    pub(super) fn mask(&self) -> Result<Mask, String> {
        if self.start.spec.secrets.is_empty() {
            return Ok(Mask::default());
        }
        let found = match self.secrets.values() {
            [] => self.executor.secrets.find(&self.id).map_err(|error| error.to_string())?,
            _ => Some(self.secrets.clone()),
        };
        let secrets = found.ok_or("the values of its secrets are gone from memory")?;
        Mask::new(secrets.values())
    }

    async fn until_ended(&mut self, disk_full: CancellationToken, log: Option<LogLength>) -> Ending {
        let mut engine_restarted = self.marks.boot.as_ref().is_some_and(|boot| *boot != machine::boot_id());
        let mut orders = self.orders.clone();
        let (reason, detail) = match self.marks.stopping.clone() {
            Some(Stopping { reason, detail }) => (reason, detail),
            None => tokio::select! {
                biased;
                seen = self.until_exit(&mut engine_restarted) => {
                    let seen = self.with_memory_flag(seen).await;
                    return Ending { seen, asked: None, engine_restarted, lapsed: self.has_lapsed() };
                }
                reason = stopped(&mut orders) => (reason, None),
                () = self.overdue() => (Reason::RunTimeout, None),
                () = self.silent(log) => (Reason::HeartbeatLost, None),
                () = disk_full.cancelled() => (Reason::DiskFull, None),
                detail = self.overfull() => (Reason::DiskFull, Some(detail)),
                () = self.store.fenced() => (Reason::Fenced, None),
                () = self.lapsed() => (Reason::ExecutorLost, None),
            },
        };
        self.executor.journal.append(&self.id, Entry::Stopping { reason, detail: detail.clone() });
        self.visit(FailPoint::Stopping);
        // One that goes on writing would fill the disk in its grace.
        let seen = self.stop_container(detail.is_some()).await;
        Ending { seen, asked: Some(Stopping { reason, detail }), engine_restarted, lapsed: false }
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
                        Ok(Seen::Running { .. }) | Err(_) => {}
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
            match self.look_through(engine_restarted).await {
                // The engine may tell the waiting a moment before it tells those who look.
                Seen::Running { .. } => tokio::time::sleep(SETTLING).await,
                seen => return seen,
            }
        }
    }

    /// The engine hears of the memory limit on another way than of the end, and may note it a moment later. The container's
    /// control group, which knows too, is gone by then. So one that was killed by nobody whom we know is looked at for a
    /// while longer.
    async fn with_memory_flag(&self, mut seen: Seen) -> Seen {
        let is_limited = self.start.spec.resources.memory_bytes > 0;
        let until = Instant::now() + FLAG_WITHIN;
        while is_limited && is_killed_untold(&seen) && Instant::now() < until {
            tokio::time::sleep(SETTLING).await;
            match self.executor.runtime.observe(&self.id).await {
                Ok(later @ Seen::Exited(_)) => seen = later,
                _ => return seen,
            }
        }
        seen
    }

    /// Looks at the container as soon as the engine answers, and notes when it did not at first.
    async fn look_through(&self, engine_restarted: &mut bool) -> Seen {
        match self.executor.runtime.observe(&self.id).await {
            Ok(seen) => seen,
            Err(error) => {
                *engine_restarted |= matches!(error, RuntimeError::Unreachable { .. });
                self.look().await
            }
        }
    }
}

/// Whether its first process was killed, and the engine does not say why.
fn is_killed_untold(seen: &Seen) -> bool {
    matches!(seen, Seen::Exited(exit) if exit.code == KILLED && !exit.oom_killed)
}

/// "Succeeded" promises a log that is whole but for its limit: one that ended well before it could be stopped for the
/// full disk counts as stopped.
fn lost_its_log(exit: &Exit, complete_codes: &[CodeRange], cut: Option<Cut>) -> Option<Reason> {
    (outcome::completes(exit.code, complete_codes) && cut == Some(Cut::DiskFull)).then_some(Reason::DiskFull)
}

/// Its guard may have killed it, or this executor while it was at something else.
fn lost_its_right(exit: &Exit, lapsed: bool) -> Option<Reason> {
    (exit.code != 0 && lapsed).then_some(Reason::ExecutorLost)
}
