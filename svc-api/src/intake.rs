//! The one way in: a request goes to NATS like anybody's, and its answer comes back over one inbox a process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::body::Bytes;
use emboflow_bus::{Bus, BusError, OutgoingRequest, Subscription};
use emboflow_model::ProjectName;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::request::{Answer, Verb, reply_filter, reply_subject};
use emboflow_service::Shutdown;
use tokio::sync::oneshot;

use crate::problem::{Failure, Outcome};

/// How long a caller is kept waiting for the scheduler.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// Publishes requests and hands their answers out.
pub(crate) struct Intake {
    bus: Bus,
    listener: String,
    next: AtomicU64,
    waiting: Waiting,
}

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Answer>>>>;

/// A request as it came over HTTP.
pub(crate) struct Asked {
    pub(crate) project: ProjectName,
    pub(crate) verb: Verb,
    pub(crate) key: String,
    pub(crate) traceparent: Option<String>,
    pub(crate) body: Bytes,
}

impl Intake {
    /// Opens the inbox.
    pub(crate) async fn start(bus: Bus, shutdown: &Shutdown) -> Result<Self> {
        let listener = format!("api-{}", uuid::Uuid::new_v4().simple());
        let waiting = Waiting::default();
        let inbox = bus.subscribe(reply_filter(&listener)).await.context("opening the inbox for answers")?;
        let (stop, to) = (shutdown.token(), waiting.clone());
        shutdown.spawn("answers of the scheduler", async move {
            tokio::select! { () = stop.cancelled() => {}, () = hand_out(inbox, to) => {} }
        });
        Ok(Self { bus, listener, next: AtomicU64::new(0), waiting })
    }

    /// Publishes a request and waits for its answer; none when it is safely taken but the scheduler is silent.
    pub(crate) async fn ask(&self, asked: Asked) -> Outcome<Option<Answer>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        lock(&self.waiting).insert(number, sender);
        let _forgets = Forget { number, waiting: &self.waiting };

        let reply_to = reply_subject(&asked.project, &format!("{}.{number}", self.listener));
        let request = OutgoingRequest {
            project: asked.project,
            verb: asked.verb,
            key: Some(asked.key),
            reply_to: Some(reply_to.to_string()),
            traceparent: asked.traceparent,
            body: asked.body,
        };
        self.bus.publish_request(request).await.map_err(Failure::from)?;
        Ok(tokio::time::timeout(ANSWER_WAIT, answer).await.ok().and_then(Result::ok))
    }
}

/// Gives each answer to the request that waits for it; one that came too late is found in the records.
async fn hand_out(mut inbox: Subscription, waiting: Waiting) {
    while let Some(frame) = inbox.next().await {
        let number = frame.subject.rsplit('.').next().and_then(|number| number.parse().ok());
        let Some(sender) = number.and_then(|number: u64| lock(&waiting).remove(&number)) else { continue };
        match serde_json::from_slice(&frame.payload) {
            // The caller may have gone away.
            Ok(answer) => drop(sender.send(answer)),
            Err(error) => tracing::warn!(%error, subject = frame.subject, "an answer cannot be read"),
        }
    }
}

/// Takes a request out of the list however its caller ends.
struct Forget<'a> {
    number: u64,
    waiting: &'a Waiting,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        lock(self.waiting).remove(&self.number);
    }
}

fn lock(waiting: &Waiting) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Answer>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<BusError> for Failure {
    fn from(error: BusError) -> Self {
        let code = match &error {
            BusError::Full { .. } => ErrorCode::RequestRateLimited,
            BusError::TooLarge { .. } => ErrorCode::RequestTooLarge,
            BusError::Invalid { .. } => ErrorCode::RequestInvalid,
            _ if error.is_unavailable() => ErrorCode::BusUnavailable,
            _ => ErrorCode::Internal,
        };
        Failure::behind(code, error)
    }
}
