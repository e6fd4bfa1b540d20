//! After a container's end: its log into storage and sealed, its outputs stored, and the report of it all.

use std::time::Duration;

use emboflow_model::transition::AttemptEnd;
use emboflow_model::{ArtifactSummary, Cause, LogSeal, Outcome, Reason};
use serde_json::{Map, Value};

use super::watch::{Recorded, Watched};
use super::{Attempt, now, stage_out, values};
use crate::fail_point::FailPoint;
use crate::held::stopped;
use crate::log::{Cut, seal};
use crate::metrics;
use crate::outcome::{self, Verdict};
use crate::store::Trouble;

/// How long the log of an attempt that was told to end waits for a storage that is away: somebody waits for the end.
const STOPPED_PATIENCE: Duration = Duration::from_secs(10);

impl Attempt {
    pub(super) async fn finish(&mut self, watched: Watched) -> AttemptEnd {
        let Watched { verdict, exit, log } = watched;
        let lost_log = exit.is_some() && log.is_none();
        let (log, stored) = tokio::join!(self.keep_log(log), self.keep_outputs(verdict));
        let (mut verdict, Outputs { mut artifacts, mut values }) = stored;
        let missing = match &log {
            Err(trouble) => Some(format!("Its log could not be stored: {trouble}.")),
            Ok(None) if lost_log => Some("Its log could not be read.".to_owned()),
            Ok(Some(seal)) if seal.truncated.as_deref() == Some(Cut::Lost.word()) && exit.is_some() => {
                Some("The end of its log could not be read from the container engine.".to_owned())
            }
            Ok(_) => None,
        };
        if let Some(missing) = missing {
            tracing::warn!(attempt = %self.id, missing, "an attempt ends without its log");
            verdict.message =
                Some(verdict.message.map_or(missing.clone(), |message| format!("{message} {missing}")));
            // "Succeeded" promises a sealed and readable log.
            if verdict.outcome == Outcome::Succeeded {
                verdict.outcome = Outcome::Failed;
                verdict.cause = Cause::Infra;
                verdict.reason = Some(Reason::StageOutFailed);
                artifacts.clear();
                values.clear();
            }
        }
        if self.store.is_fenced() && verdict.outcome != Outcome::Cancelled {
            let code = verdict.exit_code;
            verdict = Verdict { exit_code: code, ..outcome::asked(Reason::Fenced, true) };
            artifacts.clear();
            values.clear();
        }
        if let Ok(Some(LogSeal { truncated: Some(why), .. })) = &log {
            metrics::log_cut(why);
        }
        let mut times = self.marks.times;
        times.stored_at = exit.is_some().then(now);
        AttemptEnd {
            outcome: verdict.outcome,
            cause: verdict.cause,
            reason: verdict.reason,
            message: verdict.message,
            exit_code: verdict.exit_code,
            times,
            log: log.ok().flatten(),
            artifacts,
            values,
            image_digest: self.marks.image_digest.clone(),
            unseen: false,
        }
    }

    async fn keep_log(&self, log: Option<Recorded>) -> Result<Option<LogSeal>, Trouble> {
        let Some(Recorded { spool, archive }) = log else { return Ok(None) };
        let sum = spool.sum();
        let prefix = self.prefix();
        let kept = async {
            archive.finish().await?;
            seal(&self.store, &prefix, &sum).await
        };
        let mut orders = self.orders.clone();
        let impatient = async {
            stopped(&mut orders).await;
            tokio::time::sleep(STOPPED_PATIENCE).await;
        };
        tokio::select! {
            biased;
            kept = kept => kept.map(|seal| {
                self.visit(FailPoint::Sealed);
                Some(seal)
            }),
            () = impatient => {
                let waited = STOPPED_PATIENCE.as_secs();
                Err(Trouble::Passing(format!("the storage was away for {waited} s after it was told to end")))
            }
        }
    }

    /// Stores the outputs of an attempt that went well, unless it is told to end meanwhile.
    async fn keep_outputs(&self, verdict: Verdict) -> (Verdict, Outputs) {
        if verdict.outcome != Outcome::Succeeded || self.start.spec.outputs.is_empty() {
            return (verdict, Outputs::default());
        }
        let mut orders = self.orders.clone();
        tokio::select! {
            kept = self.values_and_artifacts() => match kept {
                Ok(outputs) => (verdict, outputs),
                Err(refused) => (Verdict { exit_code: verdict.exit_code, ..refused }, Outputs::default()),
            },
            reason = stopped(&mut orders) => (outcome::asked(reason, true), Outputs::default()),
        }
    }

    async fn values_and_artifacts(&self) -> Result<Outputs, Verdict> {
        let (outputs, workspace) = (self.start.spec.outputs.clone(), self.workspace());
        let values = match outputs.iter().any(|output| output.value) {
            true => {
                let mask = self.mask().map_err(|why| {
                    outcome::stage_out(&format!("Its values may show secrets: {why}."), false)
                })?;
                let workspace = workspace.clone();
                let read = move || values::read(&outputs, &workspace, &mask);
                let read = tokio::task::spawn_blocking(read).await;
                let read = read.unwrap_or_else(|error| Err(error.to_string()));
                read.map_err(|detail| outcome::stage_out(&detail, true))?
            }
            false => Map::new(),
        };
        let artifacts =
            stage_out::store(&self.store, &self.start.spec.outputs, &workspace, &self.prefix()).await?;
        Ok(Outputs { artifacts, values })
    }
}

/// What an attempt that went well has made.
#[derive(Default)]
struct Outputs {
    artifacts: Vec<ArtifactSummary>,
    values: Map<String, Value>,
}
