//! From the command to a running container: claim, image, inputs, create, start.

use std::time::{Duration, Instant};

use emboflow_model::{ImagePull, Reason};
use emboflow_protocol::report::Phase;
use tokio::sync::watch;

use super::launch::{NotLaunched, launch};
use super::{Attempt, ENGINE_PAUSE, NotGranted, now, stage_in};
use crate::fail_point::FailPoint;
use crate::held::stopped;
use crate::journal::{Entry, JournalError};
use crate::metrics;
use crate::outcome::{self, Verdict};
use crate::runtime::{ContainerPlan, RuntimeError, Seen};

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
        let right = self.right.clone();
        let lapsed = async move {
            match right {
                Some(right) => right.lapsed().await,
                None => std::future::pending().await,
            }
        };
        let fetched = tokio::select! {
            biased;
            reason = stopped(&mut orders) => return self.ended_early(outcome::asked(reason, false)).await,
            () = lapsed => return self.ended_early(outcome::asked(Reason::ExecutorLost, false)).await,
            fetched = self.fetch() => fetched,
        };
        if let Err(over) = fetched {
            return over;
        }
        self.visit(FailPoint::Fetched);
        let (executor, plan, launching) = (self.executor.clone(), self.plan(), self.launching.clone());
        // A task of its own: whatever happens to this attempt, a launch is not broken off half-way.
        let launched = tokio::spawn(launch(executor, plan, self.right.clone(), launching)).await;
        let NotLaunched { error, unclear } = match launched {
            Ok(Ok(())) => return self.started(),
            Ok(Err(not_launched)) => not_launched,
            Err(error) => {
                let error = RuntimeError::Failed { doing: "starting a container", detail: error.to_string() };
                NotLaunched { error, unclear: true }
            }
        };
        // An end is reported only of what does not run.
        if unclear && matches!(self.look().await, Seen::Running { .. } | Seen::Exited(_)) {
            return self.started();
        }
        if self.has_lapsed() {
            return Prepared::Over(outcome::asked(Reason::ExecutorLost, false));
        }
        Prepared::Over(outcome::of_error(&error))
    }

    fn started(&mut self) -> Prepared {
        let at = now();
        self.marks.times.started_at = Some(at);
        self.report(Phase::Running { at, pulled_at: self.marks.times.pulled_at });
        Prepared::Started
    }

    /// It ends before anything runs. The journal still has to know the attempt.
    async fn ended_early(&mut self, verdict: Verdict) -> Prepared {
        match self.journal_intent().await {
            Ok(()) => Prepared::Over(verdict),
            Err(_) => Prepared::NotJournaled,
        }
    }

    async fn journal_intent(&mut self) -> Result<(), JournalError> {
        let Some(journaled) = self.journaled.take() else { return Ok(()) };
        self.visit(FailPoint::Commanded);
        let intent = Entry::Intent { start: self.start.clone() };
        let committed = self.executor.journal.commit(&self.id, intent).await;
        self.visit(FailPoint::Journaled);
        let _nobody_waits = journaled.send(committed.clone());
        committed
    }

    /// Everything that can be broken off and done again.
    async fn fetch(&mut self) -> Result<(), Prepared> {
        let store = self.store.clone();
        // The question goes out while the disk works.
        let with_secrets = !self.start.spec.secrets.is_empty();
        let (journaled, claimed) = tokio::join!(self.journal_intent(), store.claim(with_secrets));
        journaled.map_err(|_| Prepared::NotJournaled)?;
        let given = claimed.map_err(|not_granted| match not_granted {
            NotGranted::Refused(reason) => Prepared::Refused(reason),
            NotGranted::Denied(verdict) => Prepared::Over(verdict),
        })?;
        if with_secrets {
            // A container that an earlier process created has the values of then.
            let secrets = &self.executor.secrets;
            let kept = match secrets.find(&self.id) {
                Ok(Some(found)) => Ok(found),
                Ok(None) | Err(_) => secrets.keep(&self.id, &given),
            };
            self.secrets = kept.map_err(|why| Prepared::Over(outcome::no_place_for_secrets(&why)))?;
        }
        self.visit(FailPoint::Claimed);
        let at = now();
        self.executor.journal.append(&self.id, Entry::Claimed { at });
        self.marks.times.claimed_at = Some(at);
        self.report(Phase::Preparing { at });

        let limit = Duration::from_millis(self.start.spec.timeouts.start_ms);
        let fetched = tokio::time::timeout(limit, self.fetch_image_and_inputs()).await;
        let over = |verdict| Err(Prepared::Over(verdict));
        match fetched {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) if store.is_fenced() => over(outcome::asked(Reason::Fenced, false)),
            Ok(Err(verdict)) => over(verdict),
            Err(_) => over(outcome::not_started_in_time(limit, self.marks.times.pulled_at.is_some())),
        }
    }

    async fn fetch_image_and_inputs(&mut self) -> Result<(), Verdict> {
        let began = Instant::now();
        let digest = self.fetch_image().await.map_err(|error| outcome::of_error(&error))?;
        metrics::image_ready(began.elapsed().as_secs_f64());
        self.executor.recent.note_image(&self.start.spec.image);
        let at = now();
        self.marks.times.pulled_at = Some(at);
        self.marks.image_digest.clone_from(&digest);
        self.executor.journal.append(&self.id, Entry::ImageReady { digest, at });
        let fetch =
            stage_in::Fetch { executor: &self.executor, store: &self.store, project: &self.start.project };
        fetch.inputs(&self.start.spec.inputs, &self.inputs()).await?;
        self.staged_at = Some(now());
        Ok(())
    }

    /// Fetches the image, and shows meanwhile how far it is.
    async fn fetch_image(&self) -> Result<Option<String>, RuntimeError> {
        let newest = watch::Sender::new(None);
        let fetched = tokio::select! {
            biased;
            fetched = self.engine_fetches_image(&newest) => fetched,
            never = self.show_pulls(newest.subscribe()) => match never {},
        };
        if fetched.is_ok() && newest.borrow().is_some() {
            self.show_pull(None).await;
        }
        fetched
    }

    async fn engine_fetches_image(
        &self,
        newest: &watch::Sender<Option<ImagePull>>,
    ) -> Result<Option<String>, RuntimeError> {
        let progress = |pull: &ImagePull| {
            newest.send_replace(Some(pull.clone()));
        };
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
            secrets: self.secrets.clone(),
        }
    }
}
