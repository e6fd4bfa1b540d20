//! `GET /api/v1/events`: everything that changes, as server-sent events over one connection.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use emboflow_model::access::Caller;
use emboflow_model::{AttemptId, RunId};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::EventQuery;
use emboflow_protocol::log::live_subject;

use crate::access::{By, Client};
use crate::app::App;
use crate::extract::Search;
use crate::limits::Asker;
use crate::live::ears::Ears;
use crate::live::listener::{self, LiveLog, Wish};
use crate::openapi::{self, Doc};
use crate::problem::{Failure, Outcome};

/// Opens the stream.
pub(crate) async fn stream(
    State(app): State<App>,
    By(caller): By,
    asker: Asker,
    client: Client,
    headers: HeaderMap,
    Search(query): Search<EventQuery>,
) -> Outcome<Response> {
    let after = last_event_id(&headers).or(query.after);
    let project = query.project.as_deref().map(|name| app.project(&caller, name)).transpose()?;
    let run = query.run.as_deref().map(str::parse::<RunId>).transpose().map_err(invalid)?;
    let attempt = query.log.as_deref().map(str::parse::<AttemptId>).transpose().map_err(invalid)?;
    let log = match attempt {
        Some(attempt) => Some(live_log(&app, &caller, attempt).await?),
        None => None,
    };
    let open = app.buckets.open_stream(&asker)?;
    let listener = Ears::new(caller, client, &headers);
    let body = listener::open(app, listener, Wish { project, run, log, after }, open);
    let kind = (header::CONTENT_TYPE, "text/event-stream");
    let keep = (header::CACHE_CONTROL, "no-store");
    // Nginx would hold messages back until its buffer is full.
    let buffering = (header::HeaderName::from_static("x-accel-buffering"), "no");
    Ok(([kind, keep, buffering], body).into_response())
}

async fn live_log(app: &App, caller: &Caller, attempt: AttemptId) -> Outcome<LiveLog> {
    let summary = emboflow_records::fresh_run(app.records.as_ref(), attempt.run).await?;
    let detail = format!("there is no run {}", attempt.run);
    let no_attempt = format!("there is no attempt {attempt}");
    let project = summary.map(|summary| summary.project).filter(|project| caller.sees(project));
    let project = project.ok_or_else(|| Failure::new(ErrorCode::RunNotFound, detail))?;
    let task = app.task(&project, attempt.run, &attempt.task).await?;
    let known = task.attempts.iter().find(|known| known.number == attempt.number);
    let executor = &known.ok_or_else(|| Failure::new(ErrorCode::AttemptNotFound, no_attempt))?.executor;
    let frames = app.bus.subscribe(live_subject(&project, &attempt, executor)).await?;
    // Before the caller reads the stored log: frames from then on are not missed.
    app.bus.flush().await;
    Ok(LiveLog { project, attempt, frames })
}

/// Where a browser's stream broke. An id that is none of ours says nothing of what was seen: everything was missed.
fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    let id = headers.get("last-event-id")?.to_str().unwrap_or_default().trim();
    if id.is_empty() { None } else { Some(id.parse().unwrap_or(0)) }
}

fn invalid(error: emboflow_model::id::NotAnId) -> Failure {
    Failure::new(ErrorCode::RequestInvalid, error.to_string())
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "streamEvents",
        tag: "events",
        summary: "Everything that changes, as server-sent events",
        errors: &[
            ErrorCode::ProjectNotFound,
            ErrorCode::RunNotFound,
            ErrorCode::TaskNotFound,
            ErrorCode::AttemptNotFound,
            ErrorCode::RequestRateLimited,
            ErrorCode::RecordsUnavailable,
            ErrorCode::BusUnavailable,
        ],
    };
    let operation = operation.description(
        "First `hello`; then `run` (a CloudEvent, its id is the place in the decision log), `executor`, `log` (when \
         asked for), `progress` (how far an attempt's preparation is, never repeated), `changed` (a list of users, projects, secrets … has changed, never repeated) and `resync`, after which everything has to be read again. With `Last-Event-ID` or `after`, what \
         was missed comes first.",
    );
    let resumed = "The id of the last message that was seen.";
    let operation = openapi::takes_header(operation, "Last-Event-ID", resumed);
    let operation =
        openapi::answers(operation, 200, "text/event-stream", "The stream; it ends with the connection.");
    openapi::describe(operation, &doc, &[])
}
