//! The stream table as JetStream settings, made and kept.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::jetstream::context::RequestErrorKind;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{
    Config as StreamConfig, DiscardPolicy, Info, PersistenceMode, RetentionPolicy, StorageType,
};
use emboflow_protocol::stream::{EXECUTORS_BUCKET, EXECUTORS_MAX_AGE_S, Retention, STREAMS, StreamSpec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bus::Bus;
use crate::error::BusError;

/// Bytes of all heartbeats at most.
pub(crate) const EXECUTORS_MAX_BYTES: i64 = 64 * 1024 * 1024;

/// What a stream is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamState {
    /// When it was made, in the server's words: another one after NATS was emptied.
    pub made_at: String,
    /// Messages in it.
    pub messages: u64,
}

impl Bus {
    /// Makes every stream of `emboflow_protocol::stream::STREAMS` and the bucket of heartbeats, or brings their
    /// settings up to date; repeatable. Afterwards this process makes them again by itself when they vanish: after a
    /// reconnect, and when a publish or a consumer misses one. Errors: NATS is away, or refuses a setting.
    pub async fn ensure_streams(&self) -> Result<(), BusError> {
        let seen = self.inner.streams_ensured.load(Ordering::Acquire);
        self.inner.owns_streams.store(true, Ordering::Relaxed);
        self.ensure_streams_since(seen).await
    }

    /// Whether this process makes streams by itself.
    pub(crate) fn owns_streams(&self) -> bool {
        self.inner.owns_streams.load(Ordering::Relaxed)
    }

    /// The number of finished rounds, for [`Bus::ensure_streams_since`].
    pub(crate) fn streams_round(&self) -> u64 {
        self.inner.streams_ensured.load(Ordering::Acquire)
    }

    /// As [`Bus::ensure_streams`], unless another caller has finished a round after the `seen`th.
    pub(crate) async fn ensure_streams_since(&self, seen: u64) -> Result<(), BusError> {
        self.ready().await?;
        let _one_at_a_time = self.inner.making_streams.lock().await;
        if self.streams_round() > seen {
            return Ok(());
        }
        for spec in STREAMS {
            self.ensure_stream(settings(spec)).await?;
        }
        self.ensure_stream(bucket_settings()).await?;
        self.inner.streams_ensured.fetch_add(1, Ordering::Release);
        Ok(())
    }

    async fn ensure_stream(&self, wanted: StreamConfig) -> Result<(), BusError> {
        let doing = format!("looking at stream {}", wanted.name);
        let found: Result<Info, BusError> =
            self.api(&format!("STREAM.INFO.{}", wanted.name), &Value::Null, doing).await;
        match found {
            Ok(info) if same(&info.config, &wanted) => Ok(()),
            Ok(_) => {
                tracing::info!(stream = wanted.name, "bringing the settings of a stream up to date");
                let doing = format!("updating stream {}", wanted.name);
                let subject = format!("STREAM.UPDATE.{}", wanted.name);
                self.api::<_, Value>(&subject, &wanted, doing).await.map(|_| ())
            }
            Err(error) if error.is_not_found() => {
                let doing = format!("making stream {}", wanted.name);
                self.api::<_, Value>(&format!("STREAM.CREATE.{}", wanted.name), &wanted, doing).await?;
                tracing::info!(stream = wanted.name, "made a stream");
                self.inner.streams_made.send_modify(|count| *count += 1);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// What a stream is now. Errors: there is none, or NATS is away.
    pub async fn stream_state(&self, stream: &StreamSpec) -> Result<StreamState, BusError> {
        self.ready().await?;
        let doing = format!("looking at stream {}", stream.name);
        let info: Value = self.api(&format!("STREAM.INFO.{}", stream.name), &Value::Null, doing).await?;
        Ok(StreamState {
            made_at: info.get("created").and_then(Value::as_str).unwrap_or_default().to_owned(),
            messages: info.pointer("/state/messages").and_then(Value::as_u64).unwrap_or(0),
        })
    }

    /// Messages that a stream holds now. Errors: NATS is away.
    pub async fn stored_messages(&self, stream: &StreamSpec) -> Result<u64, BusError> {
        match self.stream_state(stream).await {
            Ok(state) => Ok(state.messages),
            // A stream that was never made holds nothing.
            Err(error) if error.is_not_found() => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// One request to JetStream's own API.
    pub(crate) async fn api<T, V>(&self, subject: &str, body: &T, doing: String) -> Result<V, BusError>
    where
        T: Serialize + ?Sized,
        V: DeserializeOwned,
    {
        let sent = self.inner.jetstream.request::<_, T, Response<V>>(subject.to_owned(), body);
        let answer = Self::unless_lost(self.line(), || doing.clone(), sent).await?;
        match answer {
            Ok(Response::Ok(value)) => Ok(value),
            Ok(Response::Err { error }) => Err(BusError::of_jetstream(doing, &error)),
            Err(error) => Err(match error.kind() {
                RequestErrorKind::TimedOut => self.timeout(doing),
                RequestErrorKind::NoResponders => {
                    BusError::NoResponder { subject: format!("$JS.API.{subject}") }
                }
                _ => BusError::server(doing, &error),
            }),
        }
    }
}

/// JetStream's settings of one stream.
fn settings(spec: &StreamSpec) -> StreamConfig {
    let (retention, discard) = match spec.retention {
        Retention::WorkQueue => (RetentionPolicy::WorkQueue, DiscardPolicy::New),
        Retention::Limits => (RetentionPolicy::Limits, DiscardPolicy::Old),
    };
    StreamConfig {
        name: spec.name.to_owned(),
        description: Some(spec.purpose.to_owned()),
        subjects: spec.subjects.iter().map(|subject| (*subject).to_owned()).collect(),
        retention,
        discard,
        max_bytes: spec.max_bytes,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        max_message_size: spec.max_message_bytes.unwrap_or(-1),
        max_age: Duration::from_secs(spec.max_age_s.unwrap_or(0)),
        duplicate_window: Duration::from_millis(spec.dedup_ms),
        storage: StorageType::File,
        num_replicas: 1,
        allow_direct: true,
        persist_mode: persist_mode(spec.persist_async),
        ..StreamConfig::default()
    }
}

/// JetStream's settings of the bucket of heartbeats: a key-value bucket is a stream of a certain form.
fn bucket_settings() -> StreamConfig {
    StreamConfig {
        name: format!("KV_{EXECUTORS_BUCKET}"),
        description: Some("the newest heartbeat of each executor".to_owned()),
        subjects: vec![format!("$KV.{EXECUTORS_BUCKET}.>")],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        max_bytes: EXECUTORS_MAX_BYTES,
        max_messages: -1,
        max_messages_per_subject: 1,
        max_consumers: -1,
        max_message_size: -1,
        max_age: Duration::from_secs(EXECUTORS_MAX_AGE_S),
        duplicate_window: Duration::from_millis(100),
        storage: StorageType::File,
        num_replicas: 1,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        persist_mode: persist_mode(true),
        ..StreamConfig::default()
    }
}

fn persist_mode(may_lag: bool) -> Option<PersistenceMode> {
    may_lag.then_some(PersistenceMode::Async)
}

/// Whether the server has what is wanted, in the fields that we set.
fn same(found: &StreamConfig, wanted: &StreamConfig) -> bool {
    found.subjects == wanted.subjects
        && found.description == wanted.description
        && found.retention == wanted.retention
        && found.discard == wanted.discard
        && found.max_bytes == wanted.max_bytes
        && found.max_messages_per_subject == wanted.max_messages_per_subject
        && found.max_message_size.max(0) == wanted.max_message_size.max(0)
        && found.max_age == wanted.max_age
        && found.duplicate_window == wanted.duplicate_window
        && found.allow_direct == wanted.allow_direct
        && is_async(found) == is_async(wanted)
}

/// Whether a stream is as the table says.
#[cfg(test)]
pub(crate) fn is_up_to_date(found: &StreamConfig, spec: &StreamSpec) -> bool {
    same(found, &settings(spec))
}

fn is_async(config: &StreamConfig) -> bool {
    config.persist_mode == Some(PersistenceMode::Async)
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_protocol::stream::{EVENTS, INTAKE};

    #[test]
    fn a_full_intake_refuses_and_old_events_make_room() {
        assert_eq!(settings(&INTAKE).discard, DiscardPolicy::New);
        assert_eq!(settings(&EVENTS).discard, DiscardPolicy::Old);
    }

    #[test]
    fn what_cannot_be_rebuilt_is_never_acknowledged_before_it_is_on_disk() {
        assert_eq!(settings(&INTAKE).persist_mode, None);
        assert_eq!(settings(&EVENTS).persist_mode, Some(PersistenceMode::Async));
    }
}
