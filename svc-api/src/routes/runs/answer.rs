//! What the scheduler's answer to a request is in HTTP.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use emboflow_model::{ProjectName, RunId, RunSummary};
use emboflow_protocol::http::RequestStatus;
use emboflow_protocol::request::Answer;
use emboflow_protocol::{ErrorCode, FieldError};
use emboflow_records::{RequestOutcome, RequestRecord};
use serde_json::Value;

use crate::app::App;
use crate::problem::{Failure, Outcome};

/// The answer when a request made, or was to make, a new run.
pub(super) async fn of_new_run(
    app: &App,
    project: &ProjectName,
    key: &str,
    answer: Option<Answer>,
) -> Outcome<Response> {
    match answer {
        None => Ok(pending(project, key)),
        Some(Answer::Rejected { errors }) => Err(Failure::rejected(errors)),
        Some(Answer::Accepted { run_id, repeated, run }) => {
            let run = summary(app, project, run_id, run).await?;
            let status = if repeated { StatusCode::OK } else { StatusCode::CREATED };
            Ok((status, [(header::LOCATION, location(project, run_id))], Json(run)).into_response())
        }
    }
}

/// The answer when a request changed a run. Until it is decided, the run itself tells.
pub(crate) async fn of_changed_run(
    app: &App,
    project: &ProjectName,
    run: RunId,
    answer: Option<Answer>,
) -> Outcome<Response> {
    match answer {
        None => Ok(taken(location(project, run))),
        Some(Answer::Rejected { errors }) => Err(Failure::rejected(errors)),
        Some(Answer::Accepted { run_id, run, .. }) => {
            Ok(Json(summary(app, project, run_id, run).await?).into_response())
        }
    }
}

/// The answer to a request whose key has been decided before.
pub(super) async fn of_known_key(
    app: &App,
    project: &ProjectName,
    known: RequestRecord,
    body_sha256: &str,
) -> Outcome<Response> {
    if known.body_sha256 != body_sha256 {
        let detail = format!("the key '{}' came with another body before", known.key);
        return Err(
            Failure::new(ErrorCode::RequestKeyReused, detail).with_hint("use a new key for a new request")
        );
    }
    match known.outcome {
        RequestOutcome::Rejected(errors) => Err(Failure::rejected(field_errors(errors))),
        RequestOutcome::Accepted(run) => {
            let summary = app.run(project, run).await?;
            Ok((StatusCode::OK, [(header::LOCATION, location(project, run))], Json(summary)).into_response())
        }
    }
}

/// Errors as the records keep them; what has no such form is shown as it is.
fn field_errors(errors: Vec<Value>) -> Vec<FieldError> {
    let read = |error: Value| {
        let text = error.to_string();
        serde_json::from_value(error).unwrap_or_else(|_| FieldError::new(ErrorCode::WorkflowInvalid, text))
    };
    errors.into_iter().map(read).collect()
}

async fn summary(
    app: &App,
    project: &ProjectName,
    run: RunId,
    told: Option<Box<RunSummary>>,
) -> Outcome<RunSummary> {
    match told {
        Some(told) => Ok(*told),
        None => app.run(project, run).await,
    }
}

fn location(project: &ProjectName, run: RunId) -> String {
    format!("/api/v1/projects/{project}/runs/{run}")
}

fn pending(project: &ProjectName, key: &str) -> Response {
    taken(request_address(project, key))
}

/// Where a request tells what became of it.
pub(crate) fn request_address(project: &ProjectName, key: &str) -> String {
    format!("/api/v1/projects/{project}/requests/{}", url_segment(key))
}

/// Safely taken, not decided yet.
fn taken(location: String) -> Response {
    (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(RequestStatus::Pending)).into_response()
}

/// Percent-encodes all but unreserved characters.
fn url_segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                segment.push(char::from(byte))
            }
            _ => segment.push_str(&format!("%{byte:02X}")),
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_an_address_is_one_segment() {
        assert_eq!(url_segment("a/b?c%[1]~x"), "a%2Fb%3Fc%25%5B1%5D~x");
    }

    #[test]
    fn kept_errors_read_back_even_when_they_have_another_form() {
        let kept = serde_json::json!([{"code": "workflow.cycle", "message": "a -> a", "line": 3}, "odd"]);
        let errors = field_errors(kept.as_array().unwrap().clone());
        assert_eq!((errors[0].code.as_str(), errors[0].line), ("workflow.cycle", Some(3)));
        assert_eq!(errors[1].message, "\"odd\"");
    }
}
