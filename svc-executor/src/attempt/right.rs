//! The right to run an exclusive attempt: good for a while from the sending of a claim that was granted, renewed by the
//! same claim, and kept in a file, so that the next start of this executor and its guard know it. When it is over, the
//! attempt is ended before anybody else may have it (`emboflow_model::fencing`).
//!
//! Times are those of the machine's own count since its start: nobody can set it, it is the same for every process, and
//! it goes on while a process or the whole machine is stopped.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use emboflow_model::fencing::{Fencing, renewed_each_ms};
use emboflow_model::{AttemptId, RuntimeSpec};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::Attempt;
use super::claim::Desk;
use crate::machine;
use crate::metrics;
use crate::runtime::{Runtime, Seen};

/// Its file, in the attempt's folder.
pub(crate) const FILE: &str = "right.json";
/// How long nobody looks at the clock at most.
const LOOK: Duration = Duration::from_millis(500);
/// How soon a renewal that had no answer is tried again, at the latest.
const AGAIN: Duration = Duration::from_secs(1);
const KILL: &str = "SIGKILL";

/// A claim that was granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Granted {
    /// The start of the machine in which it was.
    boot: String,
    /// When it was sent, in milliseconds since that start.
    pub(crate) sent_ms: u64,
    good_for_ms: u64,
    /// How long the program may take to end.
    grace_ms: u64,
}

impl Granted {
    fn fencing(&self) -> Fencing {
        Fencing::of(self.good_for_ms, self.grace_ms)
    }

    /// How long until the program is asked to end.
    fn stops_in(&self) -> Duration {
        self.left(self.fencing().stop_ms)
    }

    /// How long until it is killed.
    pub(crate) fn killed_in(&self) -> Duration {
        self.left(self.fencing().kill_ms)
    }

    /// A machine that does not tell its time, or was started again, leaves no time.
    fn left(&self, after_ms: u64) -> Duration {
        let now_ms = machine::uptime_ms().filter(|_| self.boot == machine::boot_id()).unwrap_or(u64::MAX);
        Duration::from_millis(self.sent_ms.saturating_add(after_ms).saturating_sub(now_ms))
    }

    /// Reads the file in an attempt's folder; none: there is none that can be read.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(folder.join(FILE)).ok()?).ok()
    }
}

/// The right of one attempt.
pub(crate) struct Right {
    folder: PathBuf,
    grace_ms: u64,
    newest: Mutex<Option<Granted>>,
    lapsed: CancellationToken,
}

impl Right {
    /// The right of an attempt with this folder; none when it is not exclusive.
    pub(crate) fn of(spec: &RuntimeSpec, folder: PathBuf) -> Option<Arc<Self>> {
        spec.class.is_exclusive().then(|| {
            let newest = Mutex::new(Granted::read(&folder));
            let right =
                Self { folder, grace_ms: spec.stop.grace_ms, newest, lapsed: CancellationToken::new() };
            right.look();
            Arc::new(right)
        })
    }

    /// A claim that was sent then was granted. One that comes too late brings nothing back.
    pub(super) fn renew(&self, sent_ms: u64, good_for_ms: u64) {
        let boot = machine::boot_id().to_owned();
        let granted = Granted { boot, sent_ms, good_for_ms, grace_ms: self.grace_ms };
        if self.newest().as_ref().is_some_and(|newest| newest.sent_ms >= sent_ms) {
            return;
        }
        // The guard would act too early, and a next start: that is the safe side.
        if let Err(error) = self.write(&granted) {
            tracing::warn!(%error, folder = %self.folder.display(), "the right to run cannot be kept on disk");
        }
        *self.newest() = Some(granted);
    }

    fn write(&self, granted: &Granted) -> io::Result<()> {
        if self.newest().is_none() {
            std::fs::create_dir_all(&self.folder)?;
        }
        let fresh = self.folder.join("right.new");
        std::fs::write(&fresh, serde_json::to_vec(granted)?)?;
        std::fs::rename(&fresh, self.folder.join(FILE))
    }

    fn newest(&self) -> MutexGuard<'_, Option<Granted>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is over. Once it is, it stays so: what was begun to be ended is ended.
    pub(crate) fn look(&self) -> bool {
        if self.newest().as_ref().is_some_and(|newest| newest.stops_in().is_zero()) {
            self.lapsed.cancel();
        }
        self.lapsed.is_cancelled()
    }

    /// Ends when it is over.
    pub(super) async fn lapsed(&self) {
        self.lapsed.cancelled().await;
    }

    /// How long the program may still take to end.
    pub(super) fn killed_in(&self) -> Option<Duration> {
        self.newest().as_ref().map(Granted::killed_in)
    }

    fn renewed_each(&self) -> Option<Duration> {
        self.newest().as_ref().map(|newest| Duration::from_millis(renewed_each_ms(newest.good_for_ms)))
    }

    /// Renews it as long as it can; `refused` ends when the scheduler has given the attempt up.
    async fn renew_with(&self, desk: &Desk, refused: &CancellationToken) {
        let desk = desk.again();
        loop {
            let Some(each) = self.renewed_each() else {
                // The first claim is not granted yet.
                tokio::time::sleep(LOOK).await;
                continue;
            };
            let pause = match desk.ask_once().await {
                Ok(Ok(_)) => each,
                Ok(Err(_)) => return refused.cancel(),
                Err(error) => {
                    tracing::warn!(%error, "the right to run an exclusive attempt is not renewed");
                    each.min(AGAIN)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Ends when nothing of the attempt runs any more although its right is over. Whatever the attempt is at, its program
    /// is killed in time.
    async fn enforce(&self, runtime: &dyn Runtime, attempt: &AttemptId) {
        while !self.look() {
            let left = self.newest().as_ref().map_or(LOOK, Granted::stops_in);
            tokio::time::sleep(left.min(LOOK)).await;
        }
        metrics::fenced();
        tracing::warn!(%attempt, "the claim could not be renewed: an exclusive attempt is ended");
        loop {
            match self.killed_in() {
                Some(left) if !left.is_zero() => tokio::time::sleep(left.min(LOOK)).await,
                _ => match runtime.observe(attempt).await {
                    Ok(Seen::Running { .. }) | Err(_) => {
                        if let Err(error) = runtime.signal(attempt, KILL).await {
                            tracing::error!(%attempt, %error, "an exclusive attempt cannot be killed yet");
                        }
                        tokio::time::sleep(LOOK).await;
                    }
                    Ok(_) => return,
                },
            }
        }
    }
}

/// Keeps the right of an attempt until it is dropped.
pub(super) struct Keeping(Option<tokio::task::JoinHandle<()>>);

impl Drop for Keeping {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl Attempt {
    /// Renews the right of an exclusive attempt, and ends the attempt when that fails, beside whatever else it is at.
    pub(super) fn keep_right(&self) -> Keeping {
        let Some(right) = self.right.clone() else { return Keeping(None) };
        self.executor.guard.stand();
        let (desk, refused) = (self.store.desk().clone(), self.store.refused().clone());
        let (runtime, attempt) = (self.executor.runtime.clone(), self.id.clone());
        let keeps = async move {
            tokio::select! {
                () = right.renew_with(&desk, &refused) => right.enforce(&*runtime, &attempt).await,
                () = right.enforce(&*runtime, &attempt) => {}
            }
        };
        Keeping(Some(tokio::spawn(keeps)))
    }

    /// Ends when an exclusive attempt may not run any more.
    pub(super) async fn lapsed(&self) {
        match &self.right {
            Some(right) => right.lapsed().await,
            None => std::future::pending().await,
        }
    }

    /// Whether an exclusive attempt may not run any more.
    pub(super) fn has_lapsed(&self) -> bool {
        self.right.as_ref().is_some_and(|right| right.look())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(folder: &Path) -> Arc<Right> {
        let spec = serde_json::json!({
            "image": "i", "resources": {}, "class": "exclusive", "log_limit_bytes": 1,
        });
        Right::of(&serde_json::from_value(spec).unwrap(), folder.to_owned()).unwrap()
    }

    #[test]
    fn a_right_lapses_by_the_time_of_sending_and_comes_back_by_no_late_answer() {
        let folder = tempfile::tempdir().unwrap();
        let (own, now_ms) = (right(folder.path()), machine::uptime_ms().unwrap());
        assert!(!own.look(), "nothing was granted yet, so nothing is over");
        own.renew(now_ms, 3_600_000);
        assert!(!own.look() && own.killed_in().unwrap() > Duration::from_secs(3_000));
        own.renew(now_ms.saturating_sub(1), 1);
        assert!(!own.look(), "an older claim takes nothing away");

        let late = right(&folder.path().join("late"));
        late.renew(0, 1);
        assert!(late.look() && late.killed_in().unwrap().is_zero());
        late.renew(now_ms, 3_600_000);
        assert!(late.look(), "its end has begun");
    }

    #[test]
    fn the_next_start_knows_the_right_and_another_start_of_the_machine_has_none() {
        let folder = tempfile::tempdir().unwrap();
        right(folder.path()).renew(machine::uptime_ms().unwrap(), 3_600_000);
        assert!(!right(folder.path()).look());
        let granted = Granted::read(folder.path()).unwrap();
        let elsewhere = Granted { boot: "another".to_owned(), ..granted };
        assert!(elsewhere.stops_in().is_zero());
    }
}
