//! The stream table as plain data; `bus` turns it into JetStream settings.

use serde::Serialize;

const MIB: i64 = 1024 * 1024;
const DAY_S: u64 = 24 * 60 * 60;

/// Bytes of a run request at most, for NATS and HTTP alike.
pub const MAX_REQUEST_BYTES: usize = 256 * 1024;

/// When JetStream forgets a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Retention {
    /// When its one consumer has settled it. A full stream refuses new messages, so that the publisher sees it.
    WorkQueue,
    /// By age and size, oldest first.
    Limits,
}

/// One stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StreamSpec {
    /// JetStream name.
    pub name: &'static str,
    /// Subjects it stores.
    pub subjects: &'static [&'static str],
    /// What it is for.
    pub purpose: &'static str,
    /// When a message is forgotten.
    pub retention: Retention,
    /// Bytes kept at most: each stream has its own budget, so that none starves another.
    pub max_bytes: i64,
    /// Bytes of one message at most; none = the server's limit.
    pub max_message_bytes: Option<i32>,
    /// Seconds a message is kept at most; none = no limit.
    pub max_age_s: Option<u64>,
    /// Deduplication window in milliseconds. JetStream's dedup spans subjects and so projects, therefore the minimum
    /// wherever nothing is published again on purpose.
    pub dedup_ms: u64,
    /// May be acknowledged before it is on disk: only what can be rebuilt.
    pub persist_async: bool,
}

/// Run requests of everybody who may publish them.
pub const INTAKE: StreamSpec = StreamSpec {
    name: "EMBOFLOW_INTAKE",
    subjects: &["emboflow.request.>", "emboflow.decision.*"],
    purpose: "run requests, and decisions of people; a publish acknowledgement means safely taken",
    retention: Retention::WorkQueue,
    max_bytes: 512 * MIB,
    max_message_bytes: Some(MAX_REQUEST_BYTES as i32 + 4096),
    max_age_s: None,
    dedup_ms: 100,
    persist_async: false,
};

/// Commands to executors.
pub const COMMANDS: StreamSpec = StreamSpec {
    name: "EMBOFLOW_COMMANDS",
    subjects: &["emboflow.command.*.*"],
    purpose: "start, stop and release of attempts; rebuilt from the records",
    retention: Retention::WorkQueue,
    max_bytes: 256 * MIB,
    max_message_bytes: None,
    // An executor that comes back later is told again after its first heartbeat.
    max_age_s: Some(600),
    dedup_ms: 100,
    persist_async: true,
};

/// Reports of executors.
pub const REPORTS: StreamSpec = StreamSpec {
    name: "EMBOFLOW_REPORTS",
    subjects: &["emboflow.report.*.*"],
    purpose: "what became of attempts; repeated by the executor until it is told to release the attempt",
    retention: Retention::WorkQueue,
    max_bytes: 256 * MIB,
    max_message_bytes: None,
    max_age_s: None,
    dedup_ms: 100,
    persist_async: true,
};

/// Events for everyone who watches.
pub const EVENTS: StreamSpec = StreamSpec {
    name: "EMBOFLOW_EVENTS",
    subjects: &["emboflow.event.*.*", "emboflow.notification.*.*"],
    purpose: "the public form of every transition, as CloudEvents, rebuilt from the records; and notifications",
    retention: Retention::Limits,
    max_bytes: 1024 * MIB,
    max_message_bytes: None,
    max_age_s: Some(7 * DAY_S),
    dedup_ms: 120_000,
    persist_async: true,
};

/// The live tail of logs.
pub const LOGS: StreamSpec = StreamSpec {
    name: "EMBOFLOW_LOGS",
    subjects: &["emboflow.log.*.*.*.*.*"],
    purpose: "the newest log bytes, lossy: frames carry byte offsets and gaps are read from storage",
    retention: Retention::Limits,
    max_bytes: 64 * MIB,
    max_message_bytes: None,
    max_age_s: Some(600),
    dedup_ms: 100,
    persist_async: true,
};

/// What nobody could read.
pub const DEAD_LETTERS: StreamSpec = StreamSpec {
    name: "EMBOFLOW_DEAD_LETTERS",
    subjects: &[
        "emboflow.dead.>",
        "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>",
        "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>",
    ],
    purpose: "messages that could not be read or kept failing, with the reason; they can be published again",
    retention: Retention::Limits,
    max_bytes: 128 * MIB,
    max_message_bytes: None,
    max_age_s: Some(90 * DAY_S),
    dedup_ms: 100,
    persist_async: false,
};

/// Every stream.
pub const STREAMS: &[StreamSpec] = &[INTAKE, COMMANDS, REPORTS, EVENTS, LOGS, DEAD_LETTERS];

/// The consumer by which the scheduler takes requests.
pub const INTAKE_CONSUMER: &str = "scheduler-intake";
/// The consumer by which the scheduler takes reports.
pub const REPORTS_CONSUMER: &str = "scheduler-reports";

/// The stream behind the bucket of heartbeats.
pub fn bucket_stream() -> String {
    format!("KV_{EXECUTORS_BUCKET}")
}

/// The subject of a key in the bucket of heartbeats: an executor's id, or `*` for all.
pub fn heartbeat_subject(key: &str) -> String {
    format!("$KV.{EXECUTORS_BUCKET}.{key}")
}

/// The key-value bucket with one heartbeat an executor.
pub const EXECUTORS_BUCKET: &str = "emboflow_executors";
/// Seconds after which a silent executor's heartbeat leaves the bucket.
pub const EXECUTORS_MAX_AGE_S: u64 = 7 * DAY_S;
/// Milliseconds between an executor's heartbeats.
pub const HEARTBEAT_MS: u64 = 5_000;
