//! Queues: listed, shown, set and removed.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_model::QueueName;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::Page;
use emboflow_protocol::http::queue::{QueueBody, QueueView};

use crate::app::App;
use crate::extract::{Body, Params, Search};
use crate::openapi::{self, Doc, WITH_BODY, WRITES};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::limit::{NameQuery, by_name};
use crate::routes::place::OfQueue;

/// The routes of queues.
pub(crate) fn routes() -> ApiRouter<App> {
    ApiRouter::new().api_route("/api/v1/queues", get_with(list, document_list)).api_route(
        "/api/v1/queues/{queue}",
        get_with(show, document_show).put_with(set, document_set).delete_with(remove, document_remove),
    )
}

async fn list(State(app): State<App>, Search(query): Search<NameQuery>) -> Outcome<Paged<QueueView>> {
    let read = async |after: Option<QueueName>, limit: u32| {
        let all = app.queues.all().await?.into_iter();
        let wanted = all.skip_while(|queue| after.as_ref().is_some_and(|after| queue.name <= *after));
        Ok(wanted.take(limit as usize).collect())
    };
    let (items, next) = by_name(query, read, |last: &QueueView| last.name.to_string()).await?;
    Ok(Paged(Page { items, next }))
}

async fn show(
    State(app): State<App>,
    Params(OfQueue { queue }): Params<OfQueue>,
) -> Outcome<Json<QueueView>> {
    app.queues.one(&queue).await.map(Json)
}

async fn set(
    State(app): State<App>,
    Params(OfQueue { queue }): Params<OfQueue>,
    Body { value, .. }: Body<QueueBody>,
) -> Outcome<Json<QueueView>> {
    app.queues.set(&queue, &value.into()).await?;
    app.queues.one(&queue).await.map(Json)
}

async fn remove(State(app): State<App>, Params(OfQueue { queue }): Params<OfQueue>) -> Outcome<StatusCode> {
    app.queues.remove(&queue).await.map(|()| StatusCode::NO_CONTENT)
}

fn document_list(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "listQueues",
        tag: "queues",
        summary: "List the queues, with what they hold and wait for",
        errors: &[ErrorCode::RecordsUnavailable],
    };
    openapi::describe(operation, &doc, &[])
}

fn document_show(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "showQueue",
        tag: "queues",
        summary: "Show a queue, with what it holds and waits for",
        errors: &[ErrorCode::QueueNotFound, ErrorCode::RecordsUnavailable],
    };
    openapi::describe(operation, &doc, &[])
}

fn document_set(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "setQueue",
        tag: "queues",
        summary: "Give a queue its rules; make it when there is none",
        errors: &[ErrorCode::QueueInvalid, ErrorCode::RequestPrecondition, ErrorCode::RecordsUnavailable],
    };
    openapi::describe(operation, &doc, &[WRITES, WITH_BODY])
}

fn document_remove(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "removeQueue",
        tag: "queues",
        summary: "Remove a queue; `default` gets its usual rules again",
        errors: &[ErrorCode::QueueNotFound, ErrorCode::RequestPrecondition, ErrorCode::RecordsUnavailable],
    };
    let operation = openapi::answers(operation, 204, "", "It is gone. What waits in it goes on.");
    openapi::describe(operation, &doc, &[WRITES])
}
