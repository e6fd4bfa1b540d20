//! The one way in: a request goes to NATS like anybody's, and its answer comes back over one inbox a process.

mod inbox;
mod pack;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::body::Bytes;
use emboflow_bus::{Bus, BusError, OutgoingRequest};
use emboflow_model::ProjectName;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::request::{Answer, Verb, reply_filter};
use emboflow_service::Shutdown;
use futures::future::try_join_all;
use tokio::sync::{mpsc, oneshot};

use crate::maintenance::MaintenanceBook;
use crate::problem::{Failure, Outcome};
use inbox::{Inbox, Place};

/// How long a caller is kept waiting for the scheduler.
const ANSWER_WAIT: Duration = Duration::from_secs(2);
/// Callers whose requests for runs wait for their publish at most; beyond it they wait to be let in.
const QUEUE: usize = 4_096;

/// Publishes requests and hands their answers out.
pub(crate) struct Intake {
    post: Arc<Post>,
    maintenance: MaintenanceBook,
    queue: mpsc::Sender<Vec<Queued>>,
}

/// What it takes to publish a request and to hear of it.
struct Post {
    bus: Bus,
    inbox: Inbox,
}

/// A request as it came over HTTP.
pub(crate) struct Asked {
    pub(crate) project: ProjectName,
    pub(crate) verb: Verb,
    pub(crate) key: String,
    pub(crate) traceparent: Option<String>,
    pub(crate) body: Bytes,
}

/// A request for a run on its way out, and its caller.
struct Queued {
    asked: Asked,
    answer: oneshot::Sender<Answer>,
    /// Told when the request is safely taken; the place keeps the answer findable.
    taken: oneshot::Sender<Outcome<Arc<Place>>>,
}

impl Intake {
    /// Opens the inbox.
    pub(crate) async fn start(bus: Bus, maintenance: MaintenanceBook, shutdown: &Shutdown) -> Result<Self> {
        let listener = format!("api-{}", uuid::Uuid::new_v4().simple());
        let frames = bus.subscribe(reply_filter(&listener)).await.context("opening the inbox for answers")?;
        let inbox = Inbox::new(listener);
        let (stop, to, letters) = (shutdown.token(), inbox.clone(), bus.clone());
        shutdown.spawn("answers of the scheduler", async move {
            tokio::select! { () = stop.cancelled() => {}, () = to.hand_out(frames, &letters) => {} }
        });
        let post = Arc::new(Post { bus, inbox });
        let (queue, queued) = mpsc::channel(QUEUE);
        tokio::spawn(pack::publish_packed(post.clone(), queued));
        Ok(Self { post, maintenance, queue })
    }

    /// Publishes a request and waits for its answer; none when it is safely taken but the scheduler is silent.
    /// Requests for runs that come while others are being stored share a message.
    pub(crate) async fn ask(&self, asked: Asked) -> Outcome<Option<Answer>> {
        if asked.verb == Verb::Submit {
            return self.ask_for_runs(vec![asked]).await.map(|mut answers| answers.pop().flatten());
        }
        self.maintenance.refuse()?;
        let (sender, answer) = oneshot::channel();
        let _place = self.post.publish(asked, sender).await?;
        Ok(in_time(answer).await)
    }

    /// The same for several requests for runs, in their order; those of one project share a message as far as it holds
    /// them. Fails when one of them is not taken.
    pub(crate) async fn ask_for_runs(&self, asked: Vec<Asked>) -> Outcome<Vec<Option<Answer>>> {
        self.maintenance.refuse()?;
        let (queued, waiting): (Vec<_>, Vec<_>) = asked.into_iter().map(Queued::new).unzip();
        self.queue.send(queued).await.map_err(|_| no_longer_published())?;
        try_join_all(waiting.into_iter().map(Waiting::answered)).await
    }
}

impl Queued {
    fn new(asked: Asked) -> (Self, Waiting) {
        let ((answer, answered), (taken, told)) = (oneshot::channel(), oneshot::channel());
        (Self { asked, answer, taken }, Waiting { told, answered })
    }
}

/// The caller of a queued request.
struct Waiting {
    told: oneshot::Receiver<Outcome<Arc<Place>>>,
    answered: oneshot::Receiver<Answer>,
}

impl Waiting {
    async fn answered(self) -> Outcome<Option<Answer>> {
        let _place = self.told.await.map_err(|_| no_longer_published())??;
        Ok(in_time(self.answered).await)
    }
}

async fn in_time(answer: oneshot::Receiver<Answer>) -> Option<Answer> {
    tokio::time::timeout(ANSWER_WAIT, answer).await.ok().and_then(Result::ok)
}

fn no_longer_published() -> Failure {
    Failure::new(ErrorCode::Internal, "requests are no longer published")
}

impl Post {
    /// Publishes one request in a message of its own.
    async fn publish(&self, asked: Asked, answer: oneshot::Sender<Answer>) -> Outcome<Arc<Place>> {
        let place = self.inbox.wait_for_one(answer);
        let request = OutgoingRequest {
            reply_to: Some(place.subject(&asked.project)),
            project: asked.project,
            verb: asked.verb,
            key: Some(asked.key),
            traceparent: asked.traceparent,
            body: asked.body,
        };
        let published = match request.verb {
            Verb::Decide => self.bus.publish_decision(request).await,
            _ => self.bus.publish_request(request).await,
        };
        published.map_err(Failure::from)?;
        Ok(place)
    }
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
