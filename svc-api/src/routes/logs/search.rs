//! `GET …/tasks/{task}/logs/search`: the lines of a log that match.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::{LogMatches, LogSearchQuery};
use futures::TryStreamExt;
use regex::bytes::{Regex, RegexBuilder};

use crate::app::App;
use crate::extract::{Params, Search};
use crate::log::lines::LineSearch;
use crate::log::place;
use crate::log::read::Log;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::{Failure, Outcome};
use crate::routes::limit::limit;
use crate::routes::place::OfTask;

const PATTERN_MAX_BYTES: usize = 1_000;
/// What a compiled pattern may take.
const COMPILED_MAX_BYTES: usize = 1024 * 1024;

/// Searches a log from its start, holding one line at a time.
pub(crate) async fn search(
    State(app): State<App>,
    Params(OfTask { project, run, task }): Params<OfTask>,
    Search(query): Search<LogSearchQuery>,
) -> Outcome<Json<LogMatches>> {
    let limit = limit(query.limit, 100, 1_000)?;
    let pattern = compile(&query.pattern)?;
    let task = app.task(&project, run, &task).await?;
    let log = Log::open(&app, &place::find(&task, query.attempt)?).await?;
    let mut search = LineSearch::new(pattern, limit as usize);
    let mut bytes = log.bytes(0..log.end);
    while let Some(piece) = bytes.try_next().await? {
        search.take(&piece);
    }
    Ok(Json(search.finish()))
}

fn compile(pattern: &str) -> Outcome<Regex> {
    let refuse = |detail: String| Failure::new(ErrorCode::RequestInvalid, detail);
    if pattern.is_empty() || pattern.len() > PATTERN_MAX_BYTES {
        return Err(refuse(format!("a pattern has 1 to {PATTERN_MAX_BYTES} bytes")));
    }
    RegexBuilder::new(pattern)
        .size_limit(COMPILED_MAX_BYTES)
        .dfa_size_limit(COMPILED_MAX_BYTES)
        .build()
        .map_err(|error| refuse(format!("the pattern is no regular expression: {error}")))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "searchLog",
        tag: "tasks",
        summary: "Search the log of a task with a regular expression",
        errors: &[
            ErrorCode::RunNotFound,
            ErrorCode::TaskNotFound,
            ErrorCode::AttemptNotFound,
            ErrorCode::StorageUnavailable,
        ],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
