//! Names of NATS and HTTP headers.

/// The caller's idempotency key on a NATS request.
pub const IDEMPOTENCY_KEY: &str = "Emboflow-Idempotency-Key";
/// Where the answer to a NATS request goes: a subject under `emboflow.reply.<project>.`.
pub const REPLY_TO: &str = "Emboflow-Reply-To";
/// The caller's idempotency key on an HTTP request.
pub const HTTP_IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// W3C trace context: one trace a run.
pub const TRACEPARENT: &str = "traceparent";
/// JetStream's own deduplication id; only events use it.
pub const MESSAGE_ID: &str = "Nats-Msg-Id";
/// SHA-256 in hex of an object's content, on requests and answers of the storage gateway.
pub const SHA256: &str = "x-emboflow-sha256";
/// What kind of content an object has, as the one said who put it straight into the store.
pub const OBJECT_TYPE: &str = "x-emboflow-object-type";
/// Byte offset in the attempt's log of the first byte: of a live frame, and of the answer to a request for a log.
pub const LOG_OFFSET: &str = "Emboflow-Log-Offset";
/// Byte offset behind the last byte of the answer to a request for a log; live frames go on from there.
pub const LOG_END: &str = "Emboflow-Log-End";
/// `true` on the answer to a request for a log that can no longer grow.
pub const LOG_SEALED: &str = "Emboflow-Log-Sealed";
/// Why bytes of a sealed log are missing, on the answer to a request for it.
pub const LOG_TRUNCATED: &str = "Emboflow-Log-Truncated";
/// Why a message is a dead letter.
pub const DEAD_REASON: &str = "Emboflow-Dead-Reason";
/// The subject that a dead letter was published to.
pub const DEAD_SUBJECT: &str = "Emboflow-Dead-Subject";
/// What went wrong with a dead letter, in words.
pub const DEAD_ERROR: &str = "Emboflow-Dead-Error";
/// Bytes that a dead letter had before it was cut to fit.
pub const DEAD_CUT_FROM: &str = "Emboflow-Dead-Cut-From";
