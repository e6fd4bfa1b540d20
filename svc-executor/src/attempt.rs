//! The life of one attempt, from the command to its release. What is done next is decided from the journal and a look
//! at the container, so a restart takes it up where it was.

mod claim;
mod disk_limit;
mod finish;
mod launch;
mod pass;
mod prepare;
mod progress;
mod resume;
mod right;
mod signs_of_life;
mod stage_in;
mod stage_out;
mod stop;
mod time_limit;
mod trace;
mod values;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use emboflow_model::transition::AttemptEnd;
use emboflow_model::{AttemptId, Timestamp, object_key};
use emboflow_protocol::command::Start;
use emboflow_protocol::report::{Phase, Report};
use tokio::sync::{Mutex, oneshot};

use crate::discard::discard;
use crate::executor::Executor;
use crate::fail_point::FailPoint;
use crate::held::{Orders, asked_again, released};
use crate::journal::{Entry, JournalError, Marks};
use crate::metrics;
use crate::outcome;
use crate::runtime::Seen;
use crate::secrets::HandedSecrets;
use crate::store::Store;
pub(crate) use claim::{Desk, NotGranted};
pub(crate) use pass::Pass;
use prepare::Prepared;
use resume::{Resume, resume};
pub(crate) use right::{FILE, Granted, Right};

/// Pauses between repeated reports of an end that nobody has confirmed.
const REPEAT_MIN: Duration = Duration::from_secs(5);
const REPEAT_MAX: Duration = Duration::from_secs(60);
/// Pauses between tries while the engine does not answer.
const ENGINE_PAUSE: Duration = Duration::from_secs(1);
const ENGINE_PAUSE_MAX: Duration = Duration::from_secs(5);
/// The engine tells those who wait for an end a moment before those who look.
const SETTLING: Duration = Duration::from_millis(50);

/// Says whether the command is in the journal, so that it can be acknowledged.
pub(crate) type Journaled = oneshot::Sender<Result<(), JournalError>>;

/// One attempt in hand.
pub(crate) struct Attempt {
    executor: Arc<Executor>,
    id: AttemptId,
    start: Box<Start>,
    marks: Marks,
    orders: tokio::sync::watch::Receiver<Orders>,
    journaled: Option<Journaled>,
    store: Arc<Store>,
    /// For how long it may run; none when it is not exclusive.
    right: Option<Arc<Right>>,
    /// When its inputs were there; not known of one that an earlier process has begun.
    staged_at: Option<Timestamp>,
    /// The values of its secrets, once they are known here.
    secrets: HandedSecrets,
    /// Held while a container is created and started: that is never broken off half-way.
    launching: Arc<Mutex<()>>,
}

impl Attempt {
    /// A new attempt; `journaled` is told when its command is durable.
    pub(crate) fn new(
        executor: Arc<Executor>,
        start: Box<Start>,
        orders: tokio::sync::watch::Receiver<Orders>,
        journaled: Journaled,
    ) -> Self {
        let marks = Marks { start: Some(start.clone()), ..Marks::default() };
        Self { journaled: Some(journaled), ..Self::resumed(executor, start, marks, orders) }
    }

    /// One that an earlier process has journaled.
    pub(crate) fn resumed(
        executor: Arc<Executor>,
        start: Box<Start>,
        marks: Marks,
        orders: tokio::sync::watch::Receiver<Orders>,
    ) -> Self {
        let folder = executor.attempts_folder().join(start.attempt.to_string());
        let right = Right::of(&start.spec, folder);
        let (clerk, pool) = (executor.clerk.clone(), executor.pool.clone());
        let desk = Desk::new(clerk, pool, &executor.identity, &start, right.clone());
        let store = Arc::new(Store::new(executor.storage.clone(), desk, executor.storage_patience));
        let (id, secrets, launching) = (start.attempt.clone(), HandedSecrets::default(), Arc::default());
        Self {
            executor,
            id,
            start,
            marks,
            orders,
            journaled: None,
            store,
            right,
            staged_at: None,
            secrets,
            launching,
        }
    }

    /// What every line of the log says while it is in hand.
    pub(crate) fn log_span(&self) -> tracing::Span {
        let (id, trace_id) = (&self.id, &self.start.trace_id);
        tracing::info_span!("attempt", run = %id.run, task = %id.task, attempt = %id, trace_id)
    }

    /// Carries it out, reports its end until the scheduler has it, and leaves nothing behind.
    pub(crate) async fn carry_out(mut self) {
        let mut orders = self.orders.clone();
        let ended = tokio::select! {
            biased;
            () = released(&mut orders) => Life::Released,
            life = self.until_end() => life,
        };
        match ended {
            Life::NotJournaled => self.executor.held.put_back(&self.id),
            Life::Ended(end) => {
                self.report_until_released(end).await;
                self.forget(Haste::CanWait).await;
            }
            Life::Refused => {
                self.forget(Haste::AtOnce).await;
                // Told to stop meanwhile: somebody waits for its end.
                if let Some(reason) = self.orders.borrow().stop {
                    let verdict = outcome::asked(reason, false);
                    self.executor.report_end(self.id.clone(), self.start.fence, verdict);
                }
            }
            // It may run, and nobody wants it any more.
            Life::Released => self.forget(Haste::AtOnce).await,
        }
    }

    async fn until_end(&mut self) -> Life {
        if let Some(end) = self.marks.end.take() {
            return Life::Ended(end);
        }
        // What may not run any more is ended before anything else is done.
        let keeping = self.keep_right();
        let seen = if self.journaled.is_some() { Seen::Absent } else { self.look().await };
        let result = match resume(&self.marks, &seen) {
            Resume::Prepare => match self.prepare().await {
                Prepared::Started => self.watch().await,
                Prepared::Over(verdict) => watch::Watched::without_container(verdict),
                Prepared::Refused(reason) => {
                    tracing::info!(attempt = %self.id, reason, "the claim was refused: the attempt is forgotten");
                    return Life::Refused;
                }
                Prepared::NotJournaled => return Life::NotJournaled,
            },
            Resume::Watch => {
                metrics::adopted();
                if let Seen::Running { started_at } = seen {
                    let (at, pulled_at) = (started_at.unwrap_or_else(now), self.marks.times.pulled_at);
                    self.report(Phase::Running { at, pulled_at });
                }
                self.watch().await
            }
            Resume::Vanished => watch::Watched::without_container(outcome::vanished()),
        };
        // Nothing of it runs any more: what is left to be done takes the time that it takes.
        drop(keeping);
        let end = Box::new(self.finish(result).await);
        self.visit(FailPoint::Stored);
        self.executor.journal.append(&self.id, Entry::Ended { end: end.clone() });
        self.visit(FailPoint::Ended);
        metrics::attempt_ended(&end);
        trace::tell(&self.executor.tracer, &self.start, &end.times, self.staged_at);
        Life::Ended(end)
    }

    async fn report_until_released(&mut self, end: Box<AttemptEnd>) {
        self.executor.held.ended(&self.id);
        let mut orders = self.orders.clone();
        let mut pause = REPEAT_MIN;
        loop {
            let asked = self.orders.borrow().asked_again;
            self.report(Phase::Ended { end: end.clone() });
            tokio::select! {
                biased;
                () = released(&mut orders) => return,
                () = asked_again(&mut self.orders, asked) => {}
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(REPEAT_MAX),
            }
        }
    }

    /// Removes the container, running or not, and the folder; the journal keeps that it is done with.
    async fn forget(&self, haste: Haste) {
        self.visit(FailPoint::Released);
        let _no_launch = self.launching.lock().await;
        let engine_is_real = self.executor.runtime.outlives_executor();
        let turn = match haste {
            Haste::CanWait if engine_is_real => Some(self.executor.removals.turn().await),
            Haste::CanWait | Haste::AtOnce => None,
        };
        self.remove_container().await;
        drop(turn);
        self.visit(FailPoint::Removed);
        self.discard_folder().await;
        if !self.start.spec.secrets.is_empty() {
            self.executor.secrets.forget(&self.id);
        }
        self.visit(FailPoint::Discarded);
        self.executor.journal.append(&self.id, Entry::Released { fence: self.start.fence });
        self.executor.held.forget(&self.id);
    }

    /// Removes what the attempt has on disk, if it has anything.
    async fn discard_folder(&self) {
        let folder = self.folder();
        if !folder.try_exists().unwrap_or(true) {
            return;
        }
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || discard(&folder)).await {
            tracing::warn!(attempt = %self.id, %error, "the attempt's folder could not be removed");
        }
    }

    /// Removes the container, as soon as the engine answers.
    async fn remove_container(&self) {
        let mut pause = ENGINE_PAUSE;
        while let Err(error) = self.executor.runtime.remove(&self.id).await {
            tracing::warn!(attempt = %self.id, %error, "a container could not be removed; trying again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(REPEAT_MAX);
        }
    }

    /// Looks at the container, as soon as the engine answers.
    async fn look(&self) -> Seen {
        let mut pause = ENGINE_PAUSE;
        loop {
            match self.executor.runtime.observe(&self.id).await {
                Ok(seen) => return seen,
                Err(error) => {
                    tracing::warn!(attempt = %self.id, %error, "a container cannot be looked at yet")
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(ENGINE_PAUSE_MAX);
        }
    }

    fn visit(&self, place: FailPoint) {
        self.executor.fail_points.visit(place);
    }

    fn report(&self, phase: Phase) {
        self.executor.outbox.send(Report { attempt: self.id.clone(), fence: self.start.fence, phase });
    }

    fn prefix(&self) -> String {
        object_key::attempt_prefix(&self.start.project, &self.id)
    }

    fn folder(&self) -> PathBuf {
        self.executor.attempts_folder().join(self.id.to_string())
    }

    fn workspace(&self) -> PathBuf {
        self.folder().join("workspace")
    }

    fn inputs(&self) -> PathBuf {
        self.folder().join("inputs")
    }
}

/// How soon a container has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Haste {
    AtOnce,
    /// It has ended, and takes no more than its place on the disk.
    CanWait,
}

/// What an attempt has come to.
enum Life {
    /// It is over and must be reported.
    Ended(Box<AttemptEnd>),
    /// It is to be forgotten.
    Released,
    /// The scheduler does not let it begin.
    Refused,
    /// The journal could not take it; the command will come again.
    NotJournaled,
}

/// Now, by this machine's clock: for reports, never for decisions.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
