//! Results that are taken over no more: cleared, and listed.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_model::clearing::Clearing;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::Page;
use emboflow_protocol::http::clearing::{ClearingBody, ClearingView};

use crate::access::By;
use crate::app::{App, now};
use crate::clearings;
use crate::extract::{OptionalBody, Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT, WITH_BODY, WRITES};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::limit::{NameQuery, by_name};
use crate::routes::place::InProject;

/// Its routes.
pub(crate) fn routes() -> ApiRouter<App> {
    let both = get_with(list, document_list).post_with(clear, document_clear);
    ApiRouter::new().api_route("/api/v1/projects/{project}/cache/clearings", both)
}

async fn list(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
    Search(query): Search<NameQuery>,
) -> Outcome<Paged<ClearingView>> {
    let read = async |after: Option<String>, limit| {
        clearings::page(app.records.as_ref(), &project, after.as_deref(), limit).await
    };
    let name = |last: &ClearingView| Clearing::name_for(last.workflow.as_ref());
    let (items, next) = by_name(query, read, name).await?;
    Ok(Paged(Page { items, next }))
}

async fn clear(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
    By(caller): By,
    OptionalBody(body): OptionalBody<ClearingBody>,
) -> Outcome<Json<ClearingView>> {
    let wanted = Clearing { at: now(), by: caller.who.to_string() };
    clearings::clear(app.records.as_ref(), &project, body.workflow, wanted).await.map(Json)
}

fn document_list(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "listClearings",
        tag: "artifacts",
        summary: "List which results were cleared last, by whom, for the project and its workflows",
        errors: &[],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}

fn document_clear(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "clearResults",
        tag: "artifacts",
        summary: "Take over no result any more that was begun by now; runs, artifacts and logs stay",
        errors: &[ErrorCode::AuthForbidden, ErrorCode::RequestPrecondition],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES, WITH_BODY])
}
