//! Makes streams for messages of other systems, when an operator asks for one. Services never do.

use async_nats::jetstream::stream::{Config as StreamConfig, DiscardPolicy, RetentionPolicy, StorageType};
use serde_json::{Value, json};
use std::time::Duration;

use crate::bus::Bus;
use crate::error::BusError;

/// A stream for other systems' messages, kept on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignStream {
    /// Its name.
    pub name: String,
    /// What it stores; may have `*` and `>`.
    pub subjects: Vec<String>,
    /// Bytes at most.
    pub max_bytes: i64,
    /// How long a message stays; none = as long as there is room.
    pub max_age: Option<Duration>,
    /// Each message stays until somebody has settled it, and a full stream refuses new ones. Otherwise the oldest makes
    /// room, settled or not.
    pub is_queue: bool,
}

impl Bus {
    /// Makes a stream. False: there is one of this name, which stays as it is. Errors: NATS is away, does not let us, or
    /// has another stream of these subjects, or no room.
    pub async fn make_foreign(&self, wanted: &ForeignStream) -> Result<bool, BusError> {
        self.ready().await?;
        let (name, looking) = (&wanted.name, format!("looking at stream {}", wanted.name));
        let found: Result<Value, BusError> =
            self.api(&format!("STREAM.INFO.{name}"), &json!({}), looking).await;
        match found {
            Err(error) if error.is_not_found() => {
                let (subject, doing) = (format!("STREAM.CREATE.{name}"), format!("making stream {name}"));
                self.api::<_, Value>(&subject, &settings(wanted), doing).await.map(|_| true)
            }
            found => found.map(|_| false),
        }
    }
}

fn settings(wanted: &ForeignStream) -> StreamConfig {
    let (retention, discard) = match wanted.is_queue {
        true => (RetentionPolicy::WorkQueue, DiscardPolicy::New),
        false => (RetentionPolicy::Limits, DiscardPolicy::Old),
    };
    StreamConfig {
        name: wanted.name.clone(),
        subjects: wanted.subjects.clone(),
        retention,
        discard,
        max_bytes: wanted.max_bytes,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        max_message_size: -1,
        max_age: wanted.max_age.unwrap_or_default(),
        storage: StorageType::File,
        num_replicas: 1,
        ..StreamConfig::default()
    }
}
