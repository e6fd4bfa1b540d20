//! How an operation fails: a code of the catalogue, which becomes an RFC 9457 answer.

use std::fmt;

use aide::OperationOutput;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use emboflow_protocol::{ErrorCode, FieldError, Problem};

/// The media type of every error answer.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";
/// Seconds after which a caller may try again.
const RETRY_AFTER_S: u32 = 2;

/// The failure of an operation.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Box<Problem>);

/// What handlers give back.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A failure with what is wrong this time.
    pub(crate) fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem::new(code, detail)))
    }

    /// A word that is none of those that are known.
    pub(crate) fn unknown(what: &str, word: &str, known: &[&str]) -> Self {
        let shown: String = word.chars().take(80).collect();
        let there = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let detail = format!("'{shown}' is no {what}; there is {there}");
        match emboflow_model::workflow::nearest(word, known.iter().copied()) {
            Some(nearest) => {
                Self::new(ErrorCode::RequestInvalid, detail).with_hint(format!("did you mean `{nearest}`?"))
            }
            None => Self::new(ErrorCode::RequestInvalid, detail),
        }
    }

    /// A failure of something behind the API. The cause goes to the logs only: it may name hosts, files and users that
    /// are none of the caller's business.
    pub(crate) fn behind(code: ErrorCode, cause: impl fmt::Display) -> Self {
        let cause = format!("{cause:#}");
        tracing::warn!(code = code.code(), cause, "a request failed: {}", code.title());
        Self::new(code, format!("{}; the logs of the API have the cause", code.title()))
    }

    /// A refusal with single errors; code and status are those of the first.
    pub(crate) fn rejected(errors: Vec<FieldError>) -> Self {
        let code = errors.first().map_or(ErrorCode::WorkflowInvalid, |error| code_of(&error.code));
        let detail = match errors.as_slice() {
            [] => code.title().to_owned(),
            [only] => only.message.clone(),
            [first, rest @ ..] => format!("{} (and {} more)", first.message, rest.len()),
        };
        let hint = errors.first().and_then(|error| error.hint.clone());
        let mut problem = Problem::new(code, detail).with_errors(errors);
        problem.hint = hint;
        Self(Box::new(problem))
    }

    /// With what to do about it.
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self(Box::new(self.0.with_hint(hint)))
    }

    /// With the single errors.
    pub(crate) fn with_errors(self, errors: Vec<FieldError>) -> Self {
        Self(Box::new(self.0.with_errors(errors)))
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &str {
        &self.0.code
    }

    /// What is wrong this time.
    pub(crate) fn detail(&self) -> &str {
        self.0.detail.as_deref().unwrap_or(&self.0.title)
    }

    /// The problem as it is sent, but for the request's id.
    #[cfg(test)]
    pub(crate) fn problem(&self) -> &Problem {
        &self.0
    }
}

/// The catalogue's code for the code of a single error; the validator's own codes all mean an invalid workflow.
fn code_of(code: &str) -> ErrorCode {
    ErrorCode::from_code(code).unwrap_or(ErrorCode::WorkflowInvalid)
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.0.retryable {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"emboflow\""));
        }
        // The body is written by `seal`, where the request's id is known.
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the body of a failed answer, with the id of its request.
pub(crate) fn seal(response: Response, request_id: &str) -> Response {
    let (mut parts, body) = response.into_parts();
    let Some(Failure(mut problem)) = parts.extensions.remove::<Failure>() else {
        return Response::from_parts(parts, body);
    };
    problem.request_id = Some(request_id.to_owned());
    let bytes = serde_json::to_vec(&problem).expect("a problem is plain data");
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(bytes))
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::behind(ErrorCode::StorageUnavailable, error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail())
    }
}

impl std::error::Error for Failure {}

// Each operation names its codes by itself (`openapi::describe`).
impl OperationOutput for Failure {
    type Inner = Problem;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_takes_its_status_from_the_first_error() {
        let reused = FieldError::new(ErrorCode::RequestKeyReused, "another body");
        let unknown = FieldError { code: "workflow.unknown_field".into(), ..FieldError::default() };
        assert_eq!(Failure::rejected(vec![reused.clone()]).problem().status, 409);
        assert_eq!(Failure::rejected(vec![unknown.clone(), reused]).problem().status, 422);
        assert_eq!(Failure::rejected(vec![]).problem().code, "workflow.invalid");
        assert_eq!(Failure::rejected(vec![unknown]).problem().errors.len(), 1);
    }

    #[tokio::test]
    async fn a_failed_answer_names_its_request_and_when_to_try_again() {
        let response = seal(Failure::new(ErrorCode::BusUnavailable, "gone").into_response(), "abc");
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(response.headers()["content-type"], PROBLEM_JSON);
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let problem: Problem = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem.request_id.as_deref(), Some("abc"));
        assert!(problem.retryable);
    }
}
