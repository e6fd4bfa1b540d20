//! `GET …/tasks/{task}/logs`: the log, or a part of it, as it was written.

use aide::transform::TransformOperation;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::header::{LOG_END, LOG_OFFSET, LOG_SEALED, LOG_TRUNCATED};
use emboflow_protocol::http::LogQuery;

use crate::access::{By, Client};
use crate::app::App;
use crate::extract::{Params, Search};
use crate::limits::Asker;
use crate::live::ears::Ears;
use crate::log::follow::{self, Part, Reader};
use crate::log::place;
use crate::log::read::Log;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfTask;

const TAIL_MAX_LINES: u32 = 100_000;

/// Streams a log.
pub(crate) async fn stream(
    State(app): State<App>,
    By(caller): By,
    asker: Asker,
    client: Client,
    shown: HeaderMap,
    Params(OfTask { project, run, task }): Params<OfTask>,
    Search(query): Search<LogQuery>,
) -> Outcome<Response> {
    check(&query)?;
    // First listen, then look: an attempt that ends in between is seen to end.
    let changes = app.feed.subscribe();
    let task = app.task(&project, run, &task).await?;
    let place = place::find(&task, query.attempt)?;
    let log = Log::open(&app, &place).await?;
    let from = match query.tail {
        Some(lines) => log.tail_start(lines).await?,
        None => query.from.unwrap_or(0),
    };
    let goes_on = query.follow == Some(true) && !log.is_sealed;
    let end = query.to.map_or(log.end, |to| to.min(log.end)).max(from.min(log.end));
    let from = if goes_on { from } else { from.min(log.end) };

    let mut headers = vec![
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (name(LOG_OFFSET), from.to_string()),
        (name(LOG_SEALED), log.is_sealed.to_string()),
    ];
    headers.extend(log.truncated.clone().map(|why| (name(LOG_TRUNCATED), why)));
    let body = if goes_on {
        headers.push((HeaderName::from_static("x-accel-buffering"), "no".to_owned()));
        let reader =
            Reader { ears: Ears::new(caller, client, &shown), open: app.buckets.open_stream(&asker)? };
        follow::body(app, reader, Part { place, log, from, last: query.to }, changes)
    } else {
        // A stream that storage breaks off is then shorter than announced, and the caller sees it.
        headers.push((header::CONTENT_LENGTH, (end - from).to_string()));
        headers.push((name(LOG_END), end.to_string()));
        Body::from_stream(log.bytes(from..end))
    };
    let mut response = Response::new(body);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

fn check(query: &LogQuery) -> Outcome<()> {
    let refuse = |detail: &str| Err(Failure::new(ErrorCode::RequestInvalid, detail));
    match (query.tail, query.from, query.to) {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => refuse("tail does not go together with from and to"),
        (Some(lines), ..) if lines > TAIL_MAX_LINES => {
            refuse(&format!("tail is at most {TAIL_MAX_LINES} lines; take from and to for more"))
        }
        (_, Some(from), Some(to)) if to < from => refuse("to is before from"),
        _ => Ok(()),
    }
}

fn name(text: &str) -> HeaderName {
    HeaderName::from_bytes(text.as_bytes()).expect("our header names are valid")
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "readLog",
        tag: "tasks",
        summary: "Read, or follow, the log of a task",
        errors: &[
            ErrorCode::RunNotFound,
            ErrorCode::TaskNotFound,
            ErrorCode::AttemptNotFound,
            ErrorCode::RequestRateLimited,
            ErrorCode::StorageUnavailable,
        ],
    };
    let operation = operation.description(
        "The bytes as the program wrote them. `Emboflow-Log-Offset` is the offset of the first one, `Emboflow-Log-End` \
         that behind the last one, `Emboflow-Log-Sealed` whether the log can still grow.",
    );
    let operation =
        openapi::answers(operation, 200, "text/plain", "The log, or the part that was asked for.");
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
