//! The error catalogue: one closed list of codes for HTTP, NATS, CLI and page.

use emboflow_model::workflow;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! catalogue {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:literal, $title:literal;)+) => {
        /// A stable code: what went wrong, whoever asks. Codes of the workflow file's validator (`workflow.…`) are
        /// carried as [`ErrorCode::WorkflowInvalid`] with the exact code in each of the `errors`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $variant,)+ }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)+];

            /// The code on the wire.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// A short title that is the same every time.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

catalogue! {
    /// The body is not the JSON that the operation takes.
    RequestMalformed = "request.malformed", 400, "The request body cannot be read";
    /// A path or query parameter has the wrong form.
    RequestInvalid = "request.invalid", 400, "A parameter of the request is not valid";
    /// The body is larger than allowed.
    RequestTooLarge = "request.too_large", 413, "The request is too large";
    /// The subject has no project or no known verb.
    RequestSubject = "request.subject", 400, "The subject is not one that requests are sent to";
    /// The reply subject is not the publisher's own.
    RequestReplySubject = "request.reply_subject", 400, "The answer cannot be sent to that subject";
    /// The key was used for another body.
    RequestKeyReused = "request.key_reused", 409, "The idempotency key was used for another request";
    /// The key has the wrong form.
    RequestKeyInvalid = "request.key_invalid", 400, "The idempotency key is not valid";
    /// Too many requests.
    RequestRateLimited = "request.rate_limited", 429, "Too many requests";
    /// No such route.
    RouteNotFound = "route.not_found", 404, "There is nothing at this address";
    /// The route does not know this method.
    MethodNotAllowed = "route.method_not_allowed", 405, "The address does not take this method";
    /// No token, or a wrong one.
    AuthRequired = "auth.required", 401, "Sign-in is required";
    /// The one-time code is used or wrong.
    AuthCodeInvalid = "auth.code_invalid", 401, "The sign-in link has been used or is not valid";
    /// The token does not reach so far.
    AuthForbidden = "auth.forbidden", 403, "The token does not allow this";
    /// The workflow file or its inputs have errors.
    WorkflowInvalid = "workflow.invalid", 422, "The workflow file or its inputs are not valid";
    /// No such workflow.
    WorkflowNotFound = "workflow.not_found", 404, "There is no such workflow";
    /// No such project.
    ProjectNotFound = "project.not_found", 404, "There is no such project";
    /// No such run.
    RunNotFound = "run.not_found", 404, "There is no such run";
    /// The run's state does not allow it.
    RunStateConflict = "run.state_conflict", 409, "The run's state does not allow this";
    /// Nothing of the run could be repeated.
    RunNothingToRetry = "run.nothing_to_retry", 409, "Every task of the run ended well";
    /// No such request.
    RequestNotFound = "request.not_found", 404, "There is no request with this key";
    /// No such task.
    TaskNotFound = "task.not_found", 404, "The run has no such task";
    /// No such attempt.
    AttemptNotFound = "attempt.not_found", 404, "The task has no such attempt";
    /// No such artifact.
    ArtifactNotFound = "artifact.not_found", 404, "There is no such artifact";
    /// No such executor.
    ExecutorNotFound = "executor.not_found", 404, "There is no such executor";
    /// NATS does not answer.
    BusUnavailable = "bus.unavailable", 503, "The message bus does not answer";
    /// The records do not answer.
    RecordsUnavailable = "records.unavailable", 503, "The records do not answer";
    /// The scheduler does not answer.
    SchedulerUnavailable = "scheduler.unavailable", 503, "The scheduler does not answer";
    /// The storage gateway or its back end does not answer.
    StorageUnavailable = "storage.unavailable", 503, "The object storage does not answer";
    /// The key of an object has the wrong form.
    StorageBadKey = "storage.bad_key", 400, "The object key is not valid";
    /// No such object.
    StorageNotFound = "storage.not_found", 404, "There is no such object";
    /// No storage token, or a wrong one.
    StorageTokenInvalid = "storage.token_invalid", 401, "The storage token is missing or not valid";
    /// The storage token does not reach so far.
    StorageForbidden = "storage.forbidden", 403, "The storage token does not allow this";
    /// The range cannot be served.
    StorageRange = "storage.range", 416, "The range is outside the object";
    /// The object exists.
    StorageExists = "storage.exists", 412, "The object exists already";
    /// The bytes are not the ones announced.
    StorageChecksum = "storage.checksum", 422, "The checksum of the content does not match";
    /// The disk is full.
    StorageDiskFull = "storage.disk_full", 507, "The storage is full";
    /// An attempt to read a message failed.
    MessageUnreadable = "message.unreadable", 400, "The message cannot be read";
    /// A defect of the platform.
    Internal = "internal", 500, "Something went wrong inside EmboFlow";
}

impl ErrorCode {
    /// Whether the same request may succeed later without a change.
    pub const fn is_retryable(self) -> bool {
        matches!(self.status(), 429 | 503 | 507)
    }

    /// The code with this text.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.code() == code)
    }
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldError {
    /// Stable code.
    pub code: String,
    /// What is wrong and why.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Line in the source text, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column in the source text, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// JSON pointer to the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The line of the source text with a mark below the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
}

impl FieldError {
    /// An error without a place.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code: code.code().to_owned(), message: message.into(), ..Self::default() }
    }
}

impl From<workflow::Problem> for FieldError {
    fn from(problem: workflow::Problem) -> Self {
        Self {
            code: problem.code.to_owned(),
            message: problem.message,
            hint: problem.hint,
            line: Some(problem.line),
            column: Some(problem.column),
            pointer: Some(problem.pointer),
            snippet: problem.snippet,
        }
    }
}

/// An error answer: RFC 9457 `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// URI reference of the code's documentation.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// Short title, the same every time.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Stable code.
    pub code: String,
    /// What is wrong this time, and where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The single errors, where there are several or they have a place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Whether the same request may succeed later without a change.
    pub retryable: bool,
    /// Names this answer in the logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Problem {
    /// The error with this code.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            type_uri: format!("/docs/errors#{}", code.code()),
            title: code.title().to_owned(),
            status: code.status(),
            code: code.code().to_owned(),
            detail: Some(detail.into()),
            hint: None,
            errors: Vec::new(),
            retryable: code.is_retryable(),
            request_id: None,
        }
    }

    /// With what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With the single errors.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_spelling() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_code(code.code()), Some(*code));
            assert!((400..600).contains(&code.status()), "{}", code.code());
        }
    }
}
