//! Questions that are answered at once and stored nowhere.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_nats::client::{Request, RequestErrorKind};
use async_nats::{HeaderMap, Subject as NatsSubject};
use bytes::Bytes;
use emboflow_protocol::message::{Message, Subject};
use emboflow_protocol::rights::is_inbox;
use futures::{FutureExt, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::Bus;
use crate::delivery::decode;
use crate::error::BusError;
use crate::headers::{Headers, insert_text};
use crate::publish::to_json;

/// Calls in work at the same time for one [`Bus::serve`]; more wait.
const MAX_CALLS: usize = 64;
/// Of several processes that serve the same subject, one gets a call.
const QUEUE_GROUP: &str = "emboflow";
/// ADR-32 of NATS: an answer with this header is an error.
const ERROR: &str = "Nats-Service-Error";
const ERROR_CODE: &str = "Nats-Service-Error-Code";

impl Bus {
    /// Asks, and waits for the answer. Errors: [`BusError::NoResponder`] at once when nobody serves the subject,
    /// [`BusError::Refused`] when the answer is an error, [`BusError::Timeout`].
    pub async fn call<M, A>(&self, question: &M, timeout: Duration) -> Result<A, BusError>
    where
        M: Message,
        A: DeserializeOwned,
    {
        let subject = question.subject();
        let body = to_json(subject.as_str(), question)?;
        let bytes = body.len();
        self.ready().await?;
        let request = Request::new().payload(body).timeout(Some(timeout));
        let sent = self.inner.client.send_request(subject.to_string(), request);
        // The timeout of a request begins only when it is on its way.
        let doing = || format!("calling {subject}");
        let answer = match tokio::time::timeout(timeout, Self::unless_lost(self.line(), doing, sent)).await {
            Ok(answer) => answer?,
            Err(_) => return Err(self.call_timeout(&subject, timeout)),
        };
        let answer = answer.map_err(|error| match error.kind() {
            RequestErrorKind::TimedOut => self.call_timeout(&subject, timeout),
            RequestErrorKind::NoResponders => BusError::NoResponder { subject: subject.to_string() },
            RequestErrorKind::MaxPayloadExceeded => {
                BusError::TooLarge { subject: subject.to_string(), bytes, detail: error.to_string() }
            }
            _ => BusError::server(format!("calling {subject}"), &error),
        })?;
        let headers = Headers::new(answer.headers);
        if let Some(detail) = headers.get(ERROR) {
            let code = headers.get(ERROR_CODE).and_then(|code| code.parse().ok()).unwrap_or(500);
            return Err(BusError::Refused { subject: subject.to_string(), code, detail: detail.to_owned() });
        }
        serde_json::from_slice(&answer.payload)
            .map_err(|source| BusError::Decode { subject: subject.to_string(), source })
    }

    fn call_timeout(&self, subject: &Subject, timeout: Duration) -> BusError {
        if !self.is_connected() {
            return self.disconnected();
        }
        let after_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        BusError::Timeout { doing: format!("calling {subject}"), after_ms }
    }

    /// Answers calls until `shutdown`, many at a time, then waits for those in work. What cannot be read, or comes
    /// on another subject than its own, is answered with an error and becomes a dead letter; so is a panic of the
    /// handler, which ends nothing else. The handler's own error goes to the caller as [`BusError::Refused`] 500.
    pub async fn serve<M, A, F, Fut>(
        &self,
        filter: Subject,
        shutdown: CancellationToken,
        handler: F,
    ) -> Result<(), BusError>
    where
        M: Message + Send + 'static,
        A: Serialize + Send + 'static,
        F: Fn(M) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<A, String>> + Send + 'static,
    {
        let client = &self.inner.client;
        let mut calls = client
            .queue_subscribe(filter.to_string(), QUEUE_GROUP.to_owned())
            .await
            .map_err(|error| BusError::server(format!("serving {filter}"), &error))?;
        let handler = Arc::new(handler);
        let permits = Arc::new(Semaphore::new(MAX_CALLS));
        let tasks = TaskTracker::new();
        let ended = loop {
            let permit = permits.clone().acquire_owned().await.expect("the semaphore is never closed");
            let message = tokio::select! {
                () = shutdown.cancelled() => break Ok(()),
                message = calls.next() => message,
            };
            let Some(message) = message else {
                break Err(BusError::Server {
                    doing: format!("serving {filter}"),
                    code: 0,
                    status: 503,
                    detail: "the subscription ended".to_owned(),
                });
            };
            let (bus, handler) = (self.clone(), handler.clone());
            tasks.spawn(async move {
                bus.answer(message, handler.as_ref()).await;
                drop(permit);
            });
        };
        drop(calls);
        tasks.close();
        tasks.wait().await;
        ended
    }

    async fn answer<M, A, F, Fut>(&self, message: async_nats::Message, handler: &F)
    where
        M: Message,
        A: Serialize,
        F: Fn(M) -> Fut,
        Fut: Future<Output = Result<A, String>>,
    {
        let subject = message.subject.to_string();
        let reply = message.reply.clone();
        let question: M = match decode(&subject, &message.payload) {
            Ok(question) => question,
            Err(error) => {
                let text = error.to_string();
                self.refuse(reply, 400, &text).await;
                self.bury_quietly("unreadable_call", &subject, message.payload, &text).await;
                return;
            }
        };
        // Making the future may panic as well as running it.
        let work = AssertUnwindSafe(async { handler(question).await }).catch_unwind().await;
        match work {
            Ok(Ok(answer)) => match to_json(&subject, &answer) {
                Ok(body) => self.respond(reply, HeaderMap::new(), body).await,
                Err(error) => self.refuse(reply, 500, &error.to_string()).await,
            },
            Ok(Err(why)) => self.refuse(reply, 500, &why).await,
            Err(_) => {
                tracing::error!(subject, "the handler of a call panicked");
                self.refuse(reply, 500, "the call could not be carried out: internal error").await;
                self.bury_quietly("panicked_call", &subject, message.payload, "the handler panicked").await;
            }
        }
    }

    async fn refuse(&self, reply: Option<NatsSubject>, code: u16, why: &str) {
        let mut headers = HeaderMap::new();
        insert_text(&mut headers, ERROR, why);
        headers.insert(ERROR_CODE, code.to_string());
        let body = json!({ "error": { "code": code, "detail": why } }).to_string();
        self.respond(reply, headers, Bytes::from(body)).await;
    }

    async fn respond(&self, reply: Option<NatsSubject>, headers: HeaderMap, body: Bytes) {
        let Some(reply) = reply else { return };
        // Whoever asks may name any subject; we answer where we may publish, and he perhaps may not.
        if !is_inbox(&reply) {
            return tracing::warn!(%reply, "a question wants its answer outside of an inbox; it gets none");
        }
        if let Err(error) = self.inner.client.publish_with_headers(reply, headers, body).await {
            tracing::warn!(%error, "an answer could not be sent");
        }
    }
}
