//! Maintenance of the installation: shown, begun and ended.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_model::maintenance::Maintenance;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::maintenance::{MaintenanceBody, MaintenanceView};

use crate::access::By;
use crate::app::{App, now};
use crate::extract::Body;
use crate::openapi::{self, Doc, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};

/// The routes of maintenance.
pub(crate) fn routes() -> ApiRouter<App> {
    ApiRouter::new().api_route(
        "/api/v1/maintenance",
        get_with(show, document_show).put_with(begin, document_begin).delete_with(end, document_end),
    )
}

async fn show(State(app): State<App>) -> Json<MaintenanceView> {
    Json(MaintenanceView { maintenance: app.maintenance.now() })
}

async fn begin(
    State(app): State<App>,
    By(caller): By,
    Body { value, .. }: Body<MaintenanceBody>,
) -> Outcome<Json<MaintenanceView>> {
    let reason = value.reason.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > Maintenance::REASON_MAX {
        let detail = format!("reason: it has 1 to {} characters", Maintenance::REASON_MAX);
        return Err(Failure::new(ErrorCode::RequestInvalid, detail));
    }
    let wanted = Maintenance { reason, since: now(), by: caller.who.to_string() };
    app.maintenance.set(Some(wanted)).await?;
    Ok(show(State(app)).await)
}

async fn end(State(app): State<App>) -> Outcome<Json<MaintenanceView>> {
    app.maintenance.set(None).await?;
    Ok(show(State(app)).await)
}

fn document_show(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "showMaintenance",
        tag: "system",
        summary: "Show whether the installation is in maintenance",
        errors: &[],
    };
    openapi::describe(operation, &doc, &[])
}

fn document_begin(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "beginMaintenance",
        tag: "system",
        summary: "Take nothing in and start nothing; what runs goes on to its end",
        errors: &[ErrorCode::RequestInvalid, ErrorCode::RequestPrecondition],
    };
    openapi::describe(operation, &doc, &[WRITES, WITH_BODY])
}

fn document_end(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "endMaintenance",
        tag: "system",
        summary: "Take in and start again",
        errors: &[ErrorCode::RequestPrecondition],
    };
    openapi::describe(operation, &doc, &[WRITES])
}
