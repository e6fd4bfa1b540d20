//! What can go wrong between a service and NATS.

use async_nats::jetstream::ErrorCode;

/// A failed operation on the bus. Nothing is known about a publish that ended in [`BusError::Timeout`]: it may have
/// been stored.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// There is no connection, and none came back in time.
    #[error("no connection to NATS at {url}")]
    Disconnected {
        /// The addresses, without credentials.
        url: String,
    },
    /// The server did not answer in time.
    #[error("NATS did not answer within {after_ms} ms: {doing}")]
    Timeout {
        /// What was asked for.
        doing: String,
        /// How long it was waited.
        after_ms: u64,
    },
    /// No stream stores the subject, although the streams were ensured.
    #[error("no stream takes {subject}")]
    NoStream {
        /// The subject.
        subject: String,
    },
    /// The stream is full and refuses new messages.
    #[error("the stream of {subject} is full: {detail}")]
    Full {
        /// The subject.
        subject: String,
        /// The server's words.
        detail: String,
    },
    /// The message is larger than the stream or the server takes.
    #[error("the message of {bytes} bytes on {subject} is too large: {detail}")]
    TooLarge {
        /// The subject.
        subject: String,
        /// Bytes of the payload.
        bytes: usize,
        /// The server's or the client's words.
        detail: String,
    },
    /// Nobody answers calls on the subject now.
    #[error("nobody answers on {subject}")]
    NoResponder {
        /// The subject.
        subject: String,
    },
    /// The called service answered with an error.
    #[error("the answer on {subject} is error {code}: {detail}")]
    Refused {
        /// The subject.
        subject: String,
        /// 400 = the call could not be read, 500 = it could not be carried out.
        code: u16,
        /// The service's words.
        detail: String,
    },
    /// The value cannot be written as JSON.
    #[error("a message for {subject} cannot be written as JSON: {source}")]
    Encode {
        /// The subject.
        subject: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The payload is not the JSON that is expected there.
    #[error("the message on {subject} cannot be read: {source}")]
    Decode {
        /// The subject.
        subject: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The body belongs to another subject than the one it came on: the sender speaks for somebody else.
    #[error("the body of a message on {subject} belongs to {own_subject}")]
    ForeignSubject {
        /// Where it came.
        subject: String,
        /// Where it belongs.
        own_subject: String,
    },
    /// The value cannot be a header or a part of a subject.
    #[error("{what} is not valid: {why}")]
    Invalid {
        /// What was given, such as `reply subject`.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The configuration cannot be used.
    #[error("NATS configuration: {why}")]
    Config {
        /// What is wrong with it.
        why: String,
    },
    /// The server refused.
    #[error("NATS refused ({code}): {doing}: {detail}")]
    Server {
        /// What was asked for.
        doing: String,
        /// JetStream's error code; 0 if there is none.
        code: u64,
        /// HTTP-like status; 503 = later perhaps.
        status: usize,
        /// The server's words.
        detail: String,
    },
}

impl BusError {
    /// Whether the same may succeed later: NATS or the called service is away. A full stream is not meant.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Disconnected { .. }
            | Self::Timeout { .. }
            | Self::NoStream { .. }
            | Self::NoResponder { .. } => true,
            Self::Server { status, .. } => *status == 503,
            _ => false,
        }
    }

    /// JetStream's words, or a plain failure of the client without any.
    pub(crate) fn server(doing: impl Into<String>, error: &(dyn std::error::Error + 'static)) -> Self {
        let doing = doing.into();
        match jetstream_error(error) {
            Some(error) => Self::of_jetstream(doing, error),
            None => Self::Server { doing, code: 0, status: 0, detail: words(error) },
        }
    }

    pub(crate) fn of_jetstream(doing: impl Into<String>, error: &async_nats::jetstream::Error) -> Self {
        Self::Server {
            doing: doing.into(),
            code: error.error_code().0,
            status: error.code(),
            detail: error.to_string(),
        }
    }

    /// Whether the stream or the consumer that was spoken of is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        let gone = [ErrorCode::STREAM_NOT_FOUND.0, ErrorCode::CONSUMER_NOT_FOUND.0];
        matches!(self, Self::Server { code, .. } if gone.contains(code))
            || matches!(self, Self::NoStream { .. })
    }
}

/// The JetStream error inside of a client error.
pub(crate) fn jetstream_error<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a async_nats::jetstream::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<async_nats::jetstream::Error>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// An error and what caused it, in one line.
fn words(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}
