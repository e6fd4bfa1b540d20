//! Where messages go that nobody could read or carry out: stored with the reason, and fit to be published again.

use async_nats::HeaderMap;
use bytes::Bytes;
use emboflow_model::{ProjectName, Timestamp};
use emboflow_protocol::dead_letter::{dead_subject, project_of_subject};
use emboflow_protocol::header;
use emboflow_protocol::stream::DEAD_LETTERS;
use serde_json::Value;

use crate::bus::Bus;
use crate::error::BusError;
use crate::headers::{Headers, insert_text};
use crate::metrics;

/// Bytes of a letter that are kept when all of it does not fit into one message.
const KEPT_OF_TOO_LARGE: usize = 256 * 1024;
/// Headers that a message needs to mean the same when it is published again.
const KEPT_HEADERS: [&str; 3] = [header::IDEMPOTENCY_KEY, header::REPLY_TO, header::TRACEPARENT];

/// A stored dead letter.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Its place in the stream.
    pub sequence: u64,
    /// When it was buried, by NATS' clock.
    pub buried_at: Timestamp,
    /// The project that the message named.
    pub project: Option<ProjectName>,
    /// Short token of the reason.
    pub reason: String,
    /// What went wrong, in words.
    pub error: String,
    /// Where the message had been published.
    pub subject: String,
    /// The message's headers that matter, among ours.
    pub headers: Headers,
    /// The message.
    pub payload: Bytes,
}

impl Bus {
    /// Stores a message that cannot be used. Without a project, the one that `subject` names is taken. `reason` is a
    /// short token for counting, `error` says it in words.
    pub async fn dead_letter(
        &self,
        project: Option<&ProjectName>,
        reason: &str,
        subject: &str,
        payload: Bytes,
        error: &str,
    ) -> Result<(), BusError> {
        self.bury_with_headers(project, reason, subject, payload, error, None).await
    }

    pub(crate) async fn bury_with_headers(
        &self,
        project: Option<&ProjectName>,
        reason: &str,
        subject: &str,
        payload: Bytes,
        error: &str,
        original: Option<HeaderMap>,
    ) -> Result<(), BusError> {
        let named = project.cloned().or_else(|| project_of_subject(subject));
        let letter_subject = dead_subject(named.as_ref(), reason);
        let mut headers = HeaderMap::new();
        let original = Headers::new(original);
        for name in KEPT_HEADERS {
            if let Some(value) = original.get(name) {
                insert_text(&mut headers, name, value);
            }
        }
        insert_text(&mut headers, header::DEAD_REASON, reason);
        insert_text(&mut headers, header::DEAD_ERROR, error);
        insert_text(&mut headers, header::DEAD_SUBJECT, subject);
        let stored = match self.publish_raw(letter_subject.as_str(), headers.clone(), payload.clone()).await {
            Err(BusError::TooLarge { .. }) if payload.len() > KEPT_OF_TOO_LARGE => {
                headers.insert(header::DEAD_CUT_FROM, payload.len().to_string());
                self.publish_raw(letter_subject.as_str(), headers, payload.slice(..KEPT_OF_TOO_LARGE)).await
            }
            other => other,
        };
        if stored.is_ok() {
            metrics::DEAD_LETTERS.with_label_values(&[reason]).inc();
            tracing::warn!(reason, subject, error, "a message became a dead letter");
        }
        stored
    }

    /// For messages that nobody waits for: what cannot be stored is at least logged.
    pub(crate) async fn bury_quietly(&self, reason: &str, subject: &str, payload: Bytes, error: &str) {
        if let Err(failure) = self.dead_letter(None, reason, subject, payload, error).await {
            tracing::error!(reason, subject, error, %failure, "a dead letter could not be stored");
        }
    }

    /// The newest dead letters, newest first; JetStream's own advisories among them are left out.
    pub async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, BusError> {
        self.ready().await?;
        let doing = || "reading the dead letters".to_owned();
        let info: Value =
            self.api(&format!("STREAM.INFO.{}", DEAD_LETTERS.name), &Value::Null, doing()).await?;
        let place = |field: &str| info.pointer(field).and_then(Value::as_u64).unwrap_or(0);
        let (first, last) = (place("/state/first_seq"), place("/state/last_seq"));
        let stream = self
            .inner
            .jetstream
            .get_stream_no_info(DEAD_LETTERS.name)
            .await
            .map_err(|error| BusError::server(doing(), &error))?;
        let mut letters = Vec::new();
        for sequence in (first.max(1)..=last).rev() {
            if letters.len() == limit {
                break;
            }
            // A gap is a letter that was removed.
            let Ok(message) = stream.direct_get(sequence).await else { continue };
            if message.subject.starts_with("emboflow.dead.") {
                letters.push(letter(message));
            }
        }
        Ok(letters)
    }
}

fn letter(message: async_nats::jetstream::message::StreamMessage) -> DeadLetter {
    let headers = Headers::new(Some(message.headers));
    let text = |name: &str| headers.get(name).unwrap_or_default().to_owned();
    let buried_ms = message.time.unix_timestamp_nanos() / 1_000_000;
    DeadLetter {
        sequence: message.sequence,
        buried_at: Timestamp(i64::try_from(buried_ms).unwrap_or(i64::MAX)),
        project: project_of_subject(&message.subject).filter(|project| project.as_str() != "unknown"),
        reason: text(header::DEAD_REASON),
        error: text(header::DEAD_ERROR),
        subject: text(header::DEAD_SUBJECT),
        payload: message.payload,
        headers,
    }
}
