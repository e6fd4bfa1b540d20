//! From the command to a running container: claim, image, inputs, create, start.

use std::sync::Arc;
use std::time::{Duration, Instant};

use emboflow_model::Reason;
use emboflow_protocol::report::Phase;
use tokio::sync::Mutex;

use super::{Attempt, ENGINE_PAUSE, now, stage_in};
use crate::executor::Executor;
use crate::held::stopped;
use crate::journal::{Entry, JournalError};
use crate::outcome::{self, Verdict};
use crate::runtime::{ContainerPlan, RuntimeError, Seen};
use crate::{machine, metrics};

/// How long an engine may be away before a start is given up.
const LAUNCH_PATIENCE: Duration = Duration::from_secs(60);

/// What became of the preparation.
pub(super) enum Prepared {
    /// The container was started.
    Started,
    /// It never will be.
    Over(Verdict),
    /// The scheduler wants it forgotten.
    Refused(String),
    /// The journal did not take the command.
    NotJournaled,
}

impl Attempt {
    pub(super) async fn prepare(&mut self) -> Prepared {
        let mut orders = self.orders.clone();
        let fetched = tokio::select! {
            biased;
            reason = stopped(&mut orders) => return self.stopped_early(reason).await,
            fetched = self.fetch() => fetched,
        };
        if let Err(over) = fetched {
            return over;
        }
        let (executor, plan, launching) = (self.executor.clone(), self.plan(), self.launching.clone());
        // A task of its own: whatever happens to this attempt, a launch is not broken off half-way.
        let launched = tokio::spawn(launch(executor, plan, launching)).await;
        let error = match launched {
            Ok(Ok(())) => {
                self.marks.times.started_at = Some(now());
                self.report(Phase::Running { at: now() });
                return Prepared::Started;
            }
            Ok(Err(error)) => error,
            Err(error) => RuntimeError::Failed { doing: "starting a container", detail: error.to_string() },
        };
        Prepared::Over(outcome::of_error(&error))
    }

    /// Told to end before anything runs. The journal still has to know the attempt.
    async fn stopped_early(&mut self, reason: Reason) -> Prepared {
        match self.journal_intent().await {
            Ok(()) => Prepared::Over(outcome::asked(reason, false)),
            Err(_) => Prepared::NotJournaled,
        }
    }

    async fn journal_intent(&mut self) -> Result<(), JournalError> {
        let Some(journaled) = self.journaled.take() else { return Ok(()) };
        let intent = Entry::Intent { start: self.start.clone() };
        let committed = self.executor.journal.commit(&self.id, intent).await;
        let _nobody_waits = journaled.send(committed.clone());
        committed
    }

    /// Everything that can be broken off and done again.
    async fn fetch(&mut self) -> Result<(), Prepared> {
        let store = self.store.clone();
        // The question goes out while the disk works.
        let (journaled, claimed) = tokio::join!(self.journal_intent(), store.claim());
        journaled.map_err(|_| Prepared::NotJournaled)?;
        claimed.map_err(Prepared::Refused)?;
        let at = now();
        self.executor.journal.append(&self.id, Entry::Claimed { at });
        self.marks.times.claimed_at = Some(at);
        self.report(Phase::Preparing { at });

        let limit = Duration::from_millis(self.start.spec.timeouts.start_ms);
        let fetched = tokio::time::timeout(limit, self.fetch_image_and_inputs()).await;
        let over = |verdict| Err(Prepared::Over(verdict));
        match fetched {
            Ok(Ok(())) => Ok(()),
            Ok(Err(verdict)) => over(verdict),
            Err(_) => over(outcome::asked(Reason::StartTimeout, false)),
        }
    }

    async fn fetch_image_and_inputs(&mut self) -> Result<(), Verdict> {
        let began = Instant::now();
        let digest = self.fetch_image().await.map_err(|error| outcome::of_error(&error))?;
        metrics::image_ready(began.elapsed().as_secs_f64());
        let at = now();
        self.marks.times.pulled_at = Some(at);
        self.marks.image_digest.clone_from(&digest);
        self.executor.journal.append(&self.id, Entry::ImageReady { digest, at });
        stage_in::fetch(&self.store, &self.start.spec.inputs, &self.inputs()).await
    }

    async fn fetch_image(&self) -> Result<Option<String>, RuntimeError> {
        let progress = |status: &str| tracing::debug!(attempt = %self.id, status, "fetching the image");
        loop {
            match self.executor.runtime.prepare_image(&self.start.spec, &progress).await {
                Err(error @ RuntimeError::Unreachable { .. }) => {
                    tracing::warn!(attempt = %self.id, %error, "waiting for the container engine");
                    tokio::time::sleep(ENGINE_PAUSE).await;
                }
                other => return other,
            }
        }
    }

    fn plan(&self) -> ContainerPlan {
        ContainerPlan {
            attempt: self.id.clone(),
            fence: self.start.fence,
            project: self.start.project.clone(),
            trace_id: self.start.trace_id.clone(),
            spec: self.start.spec.clone(),
            workspace: self.workspace(),
            inputs: self.inputs(),
        }
    }
}

/// Creates the container and starts it, if it never was. After an unclear answer the container itself is looked at.
async fn launch(
    executor: Arc<Executor>,
    plan: ContainerPlan,
    launching: Arc<Mutex<()>>,
) -> Result<(), RuntimeError> {
    let _launching = launching.lock().await;
    let until = Instant::now() + LAUNCH_PATIENCE;
    loop {
        match launch_once(&executor, &plan).await {
            Err(error @ RuntimeError::Unreachable { .. }) if Instant::now() < until => {
                tracing::warn!(attempt = %plan.attempt, %error, "waiting for the container engine");
                tokio::time::sleep(ENGINE_PAUSE).await;
            }
            other => return other,
        }
    }
}

async fn launch_once(executor: &Executor, plan: &ContainerPlan) -> Result<(), RuntimeError> {
    let (runtime, attempt) = (&executor.runtime, &plan.attempt);
    runtime.create(plan).await?;
    if runtime.observe(attempt).await? != Seen::Created {
        return Ok(());
    }
    mark_start(executor, plan).await?;
    let Err(error) = runtime.start(attempt).await else { return Ok(()) };
    match runtime.observe(attempt).await? {
        Seen::Running { .. } | Seen::Exited(_) => Ok(()),
        Seen::Created | Seen::Absent => Err(error),
    }
}

/// A container that outlives this process is started only after the disk knows of it: if it vanishes, that is told
/// apart from one that never was.
async fn mark_start(executor: &Executor, plan: &ContainerPlan) -> Result<(), RuntimeError> {
    let entry = Entry::Starting { boot: machine::boot_id() };
    if !executor.runtime.outlives_executor() {
        executor.journal.append(&plan.attempt, entry);
        return Ok(());
    }
    let marked = executor.journal.commit(&plan.attempt, entry).await;
    marked.map_err(|error| RuntimeError::DiskFull { detail: error.to_string() })
}
