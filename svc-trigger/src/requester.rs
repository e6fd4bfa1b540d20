//! From a trigger and what it was waiting for to a run request that is safely taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use emboflow_bus::{Bus, BusError, OutgoingRequest};
use emboflow_model::trigger::{Chain, Reason, Start, StartResult, idempotency_key};
use emboflow_model::workflow::{MappingError, map_inputs};
use emboflow_model::{ProjectName, RunId};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::request::{RunBody, SubmitBody, Verb};
use serde_json::Value;

use crate::answers::Answers;
use crate::journal::Journal;
use crate::kept::{Trigger, now};

/// The label with the name of the trigger that started a run.
pub(crate) const TRIGGER_LABEL: &str = "emboflow/trigger";

/// Publishes requests. Clones share it.
#[derive(Clone)]
pub(crate) struct Requester {
    bus: Bus,
    answers: Answers,
    journal: Journal,
    /// Requests after which the process dies; for tests.
    lives: Option<Arc<AtomicU64>>,
}

/// Why no request is taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    /// No inputs can be made of what came, or the request is too large: the same again changes nothing.
    #[error("{1}")]
    Never(ErrorCode, String),
    /// NATS is away or full: the same may succeed later.
    #[error(transparent)]
    Later(BusError),
}

impl From<MappingError> for NotTaken {
    fn from(error: MappingError) -> Self {
        Self::Never(ErrorCode::TriggerMapping, error.to_string())
    }
}

/// What a start is for.
pub(crate) struct For<'a> {
    /// What tells it from others.
    pub(crate) reason: Reason<'a>,
    /// The same in words, for the history.
    pub(crate) cause: String,
    /// What the expressions read.
    pub(crate) event: Value,
    /// Its place among runs that lead to each other.
    pub(crate) chain: Chain,
}

impl Requester {
    pub(crate) fn new(bus: Bus, answers: Answers, journal: Journal, die_after: Option<u64>) -> Self {
        Self { bus, answers, journal, lives: die_after.map(|left| Arc::new(AtomicU64::new(left))) }
    }

    /// Publishes the request and waits until it is safely taken; its answer goes into the history when it comes. Gives
    /// its key and what is to be noted. Errors: [`NotTaken`]; nothing is noted of either.
    pub(crate) async fn request(&self, trigger: &Trigger, what: For<'_>) -> Result<Start, NotTaken> {
        let spec = &trigger.document.spec;
        let key = idempotency_key(&trigger.document.id, &what.reason);
        let mut labels = indexmap::IndexMap::from([(TRIGGER_LABEL.to_owned(), trigger.name.to_string())]);
        labels.extend(what.chain.labels());
        let body = SubmitBody {
            source: None,
            workflow: Some(spec.workflow.to_string()),
            inputs: map_inputs(spec.on.inputs(), &what.event)?,
            labels,
            ..SubmitBody::default()
        };
        let start = Start {
            at: now(),
            cause: what.cause,
            result: StartResult::Requested,
            key: Some(key.clone()),
            run: None,
            code: None,
            message: None,
        };
        let reply_to = self.answers.expect(trigger, &start);
        let body = serde_json::to_vec(&body)
            .map_err(|error| NotTaken::Never(ErrorCode::Internal, error.to_string()))?;
        self.publish(&trigger.project, Verb::Submit, key, Some(reply_to), body).await?;
        self.die_if_it_is_time();
        Ok(start)
    }

    /// As [`Requester::request`], for what is not repeated from a watermark: notes the start, or why there was none.
    pub(crate) async fn start(&self, trigger: &Trigger, what: For<'_>) -> Result<Option<String>, BusError> {
        let cause = what.cause.clone();
        match self.request(trigger, what).await {
            Ok(start) => {
                let key = start.key.clone();
                self.journal.note(trigger, start);
                Ok(key)
            }
            Err(NotTaken::Later(error)) => Err(error),
            Err(NotTaken::Never(code, message)) => {
                self.journal.note(trigger, refused(code, cause, message));
                Ok(None)
            }
        }
    }

    /// Asks for the end of a run that another one replaces.
    pub(crate) async fn replace(&self, trigger: &Trigger, run: RunId, key: &str) -> Result<(), NotTaken> {
        let reason = Some(format!("replaced by the next run of trigger {}", trigger.name));
        let body = serde_json::to_vec(&RunBody { reason, ..RunBody::of(run) })
            .map_err(|error| NotTaken::Never(ErrorCode::Internal, error.to_string()))?;
        self.publish(&trigger.project, Verb::Cancel, format!("{key}/replace"), None, body).await
    }

    async fn publish(
        &self,
        project: &ProjectName,
        verb: Verb,
        key: String,
        reply_to: Option<String>,
        body: Vec<u8>,
    ) -> Result<(), NotTaken> {
        let project = project.clone();
        let request =
            OutgoingRequest { project, verb, key: Some(key), reply_to, traceparent: None, body: body.into() };
        self.bus.publish_request(request).await.map_err(|error| match error {
            BusError::TooLarge { .. } => NotTaken::Never(ErrorCode::RequestTooLarge, error.to_string()),
            BusError::Invalid { .. } | BusError::Encode { .. } => {
                NotTaken::Never(ErrorCode::RequestInvalid, error.to_string())
            }
            later => NotTaken::Later(later),
        })
    }

    fn die_if_it_is_time(&self) {
        if self.lives.as_ref().is_some_and(|lives| lives.fetch_sub(1, Ordering::SeqCst) == 1) {
            // No destructor, no flush, no message: as after SIGKILL.
            std::process::abort();
        }
    }
}

/// A start that nothing came of.
pub(crate) fn failed(cause: String, message: String) -> Start {
    let message = Some(message.chars().take(1_000).collect());
    Start { at: now(), cause, result: StartResult::Failed, key: None, run: None, code: None, message }
}

/// The same, with the stable code of what was wrong.
pub(crate) fn refused(code: ErrorCode, cause: String, message: String) -> Start {
    Start { code: Some(code.code().to_owned()), ..failed(cause, message) }
}
