//! What all attempts of an executor share, and how commands reach them.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use emboflow_bus::Bus;
use emboflow_model::transition::AttemptEnd;
use emboflow_model::{AttemptId, Device, DeviceId, PoolName, Reason, RuntimeSpec};
use emboflow_protocol::command::{Command, Start};
use emboflow_protocol::report::{Phase, Report};
use emboflow_service::{FailPoints, Tracer};
use emboflow_storage::Client;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::Instrument;

use crate::at_hand::Recent;
use crate::attempt::Attempt;
use crate::clerk::Clerk;
use crate::guard::Guard;
use crate::held::{Held, Taken};
use crate::identity::Identity;
use crate::journal::{Journal, JournalError, Marks};
use crate::kept_files::KeptFiles;
use crate::outbox::Outbox;
use crate::outcome::{self, Verdict};
use crate::removals::Removals;
use crate::runtime::Runtime;
use crate::secrets::SecretsDir;
use crate::survey::Survey;

/// Tells whether a command is in the journal.
pub(crate) type Journaling = oneshot::Receiver<Result<(), JournalError>>;

/// One executor.
pub(crate) struct Executor {
    pub(crate) identity: Identity,
    pub(crate) pool: PoolName,
    pub(crate) data_dir: PathBuf,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) journal: Journal,
    pub(crate) bus: Bus,
    pub(crate) clerk: Clerk,
    pub(crate) storage: Client,
    pub(crate) outbox: Outbox,
    pub(crate) held: Held,
    /// The devices that it offers, once they are known; until then it takes no work.
    pub(crate) devices: OnceLock<Vec<Device>>,
    pub(crate) recent: Recent,
    pub(crate) kept_files: KeptFiles,
    /// Bytes that a task may take which names no amount itself.
    pub(crate) disk_limit_bytes: u64,
    pub(crate) survey: Survey,
    pub(crate) removals: Removals,
    /// Attempts of which nobody here knows anything but their containers, until those are removed.
    pub(crate) orphans: Mutex<HashSet<AttemptId>>,
    /// Ends exclusive attempts should this process not be able to.
    pub(crate) guard: Guard,
    pub(crate) secrets: SecretsDir,
    /// How long an end waits for a storage that is away.
    pub(crate) storage_patience: Duration,
    pub(crate) tracer: Tracer,
    pub(crate) fail_points: FailPoints,
    /// Set while it takes no new work, such as when its disk is full.
    pub(crate) closed: AtomicBool,
    /// Ends all attempts' tasks, and leaves their containers as they are.
    pub(crate) stop: tokio_util::sync::CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Executor {
    /// Where attempts have their folders.
    pub(crate) fn attempts_folder(&self) -> PathBuf {
        self.data_dir.join("attempts")
    }

    /// Carries out a command. A new attempt's command may be acknowledged when the answer says that it is journaled.
    pub(crate) fn receive(self: &Arc<Self>, command: Command) -> Option<Journaling> {
        match command {
            Command::Start(start) => self.start(start),
            Command::Stop { attempt, fence, reason } => {
                tracing::info!(%attempt, fence, %reason, "told to stop an attempt");
                // Also one whose claim was refused is waited for. One that is closed is not: the report changes nothing.
                if !self.held.stop(&attempt, fence, reason) && !self.orphans().contains(&attempt) {
                    self.report_end(attempt, fence, outcome::asked(reason, false));
                }
                None
            }
            Command::Release { attempt, fence } => {
                self.held.release(&attempt, fence);
                None
            }
        }
    }

    pub(crate) fn orphans(&self) -> MutexGuard<'_, HashSet<AttemptId>> {
        self.orphans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(self: &Arc<Self>, start: Box<Start>) -> Option<Journaling> {
        let (attempt, fence) = (start.attempt.clone(), start.fence);
        match self.held.take(&attempt, fence, start.spec.resources) {
            Taken::Known(held) if held != fence => {
                tracing::warn!(%attempt, fence, held, "a command under another fence is ignored");
                None
            }
            Taken::Known(_) | Taken::Released => None,
            Taken::New(_) if self.closed.load(Ordering::Relaxed) => {
                self.held.put_back(&attempt);
                let verdict =
                    outcome::rejected(Reason::DiskFull, "The executor's disk is full: it takes no work.");
                self.report_end(attempt, fence, verdict);
                None
            }
            Taken::New(_) if let Some(device) = self.lacking_device(&start.spec) => {
                self.held.put_back(&attempt);
                let message = format!("The executor has no device {device} any more.");
                self.report_end(attempt, fence, outcome::rejected(Reason::RuntimeFailed, &message));
                None
            }
            Taken::New(orders) => {
                let (run, task, trace_id) = (&attempt.run, &attempt.task, &start.trace_id);
                tracing::info!(%run, %task, %attempt, trace_id, fence, "an attempt begins");
                let (journaled, journaling) = oneshot::channel();
                self.clone().run(Attempt::new(self.clone(), start, orders, journaled));
                Some(journaling)
            }
        }
    }

    /// A device of the spec that this executor does not offer: it hands out no other than its own.
    fn lacking_device(&self, spec: &RuntimeSpec) -> Option<DeviceId> {
        let offered = self.devices.get().map_or(&[][..], Vec::as_slice);
        spec.devices.iter().find(|wanted| !offered.iter().any(|own| own.id == **wanted)).cloned()
    }

    /// Takes up an attempt that an earlier process has journaled.
    pub(crate) fn resume(self: &Arc<Self>, marks: Marks) {
        let Some(start) = marks.start.clone() else { return };
        if let Taken::New(orders) = self.held.take(&start.attempt, start.fence, start.spec.resources) {
            self.clone().run(Attempt::resumed(self.clone(), start, marks, orders));
        }
    }

    fn run(self: Arc<Self>, attempt: Attempt) {
        let stop = self.stop.clone();
        let token: TaskTrackerToken = self.tasks.token();
        let span = attempt.log_span();
        // All that it waits for is large: on the heap at once it is moved no more.
        let life = Box::pin(attempt.carry_out());
        let life = async move {
            let _tracked = token;
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = life => {}
            }
        };
        tokio::spawn(life.instrument(span));
    }

    /// Reports the end of an attempt that this executor does not hold, so that the scheduler can go on.
    pub(crate) fn report_end(&self, attempt: AttemptId, fence: u64, verdict: Verdict) {
        let end = AttemptEnd {
            outcome: verdict.outcome,
            cause: verdict.cause,
            reason: verdict.reason,
            message: verdict.message,
            exit_code: None,
            times: Default::default(),
            log: None,
            artifacts: Vec::new(),
            values: serde_json::Map::new(),
            image_digest: None,
            unseen: false,
        };
        self.outbox.send(Report { attempt, fence, phase: Phase::Ended { end: Box::new(end) } });
    }
}
