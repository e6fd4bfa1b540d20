//! The idempotency keys of the runs that a trigger starts: whatever is repeated after a crash is the same request.

use sha2::{Digest as _, Sha256};

use crate::{RunId, Timestamp};

/// Why a trigger starts a run, as far as two reasons can be the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason<'a> {
    /// A time of its table.
    Time(Timestamp),
    /// A message of a stream. Sequences start over when a stream is made anew, so that its birth belongs to it.
    StreamMessage {
        /// The stream.
        stream: &'a str,
        /// When the stream was made, in the server's words.
        created: &'a str,
        /// The message's place in it.
        sequence: u64,
    },
    /// A message or a request that names itself.
    Named(&'a str),
    /// A CloudEvent, which is unique by its source and its id.
    CloudEvent {
        /// The source.
        source: &'a str,
        /// The id.
        id: &'a str,
    },
    /// The end of a run.
    RunFinished(RunId),
    /// A content of an object, as the store names it, put at a moment.
    Object {
        /// The object's key.
        key: &'a str,
        /// What tells this content from another one: a checksum, or the store's own mark.
        version: &'a str,
        /// Its size.
        size_bytes: u64,
        /// When it was put, by the store's clock: a content that comes back is a new one.
        modified_at: Timestamp,
    },
    /// Somebody tries the trigger out.
    Fired(&'a str),
}

/// The key of the run that the trigger with this id starts for a reason. Fit for the intake: visible ASCII, short.
pub fn idempotency_key(trigger: &str, reason: &Reason<'_>) -> String {
    match reason {
        Reason::Time(time) => format!("trigger/{trigger}/{}", seconds(*time)),
        Reason::StreamMessage { stream, created, sequence } => {
            let key = format!("trigger/{trigger}/{stream}@{}:{sequence}", compact(created));
            // The names of streams may be long.
            if key.len() <= 200 {
                key
            } else {
                format!("trigger/{trigger}/{}:{sequence}", digest(&[stream, created]))
            }
        }
        Reason::Named(name) => format!("trigger/{trigger}/id/{}", digest(&[name])),
        Reason::CloudEvent { source, id } => format!("trigger/{trigger}/ce/{}", digest(&[source, id])),
        Reason::RunFinished(run) => format!("trigger/{trigger}/run/{run}"),
        Reason::Object { key, version, size_bytes, modified_at } => {
            let parts = [*key, *version, &size_bytes.to_string(), &seconds(*modified_at)];
            format!("trigger/{trigger}/object/{}", digest(&parts))
        }
        Reason::Fired(token) => format!("trigger/{trigger}/fire/{}", digest(&[token])),
    }
}

/// A moment to the second, which is what tables are exact to.
fn seconds(time: Timestamp) -> String {
    let text = time.to_string();
    text.strip_suffix(".000Z").map(|whole| format!("{whole}Z")).unwrap_or(text)
}

/// What a server says about a moment, without what a key cannot hold.
fn compact(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic()).take(40).collect()
}

/// Names of any length and characters, told apart; 128 bits.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..16])
}
