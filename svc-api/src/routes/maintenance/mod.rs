//! Maintenance of the installation or of a pool: shown, begun and ended.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, put_with};
use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_model::maintenance::Maintenance;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::maintenance::{MaintenanceBody, MaintenanceView};

use crate::access::By;
use crate::app::{App, now};
use crate::extract::{Body, Params};
use crate::openapi::{self, Doc, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfPool;

/// The routes of maintenance.
pub(crate) fn routes() -> ApiRouter<App> {
    ApiRouter::new()
        .api_route(
            "/api/v1/maintenance",
            get_with(show, document_show).put_with(begin, document_begin).delete_with(end, document_end),
        )
        .api_route(
            "/api/v1/maintenance/{pool}",
            put_with(begin_in_pool, document_begin_in_pool).delete_with(end_in_pool, document_end_in_pool),
        )
}

async fn show(State(app): State<App>) -> Json<MaintenanceView> {
    Json(app.maintenance.now())
}

async fn begin(
    State(app): State<App>,
    By(caller): By,
    Body { value, .. }: Body<MaintenanceBody>,
) -> Outcome<Json<MaintenanceView>> {
    app.maintenance.set(Maintenance::NAME, Some(wanted(value, caller.who.to_string())?)).await?;
    Ok(show(State(app)).await)
}

async fn begin_in_pool(
    State(app): State<App>,
    By(caller): By,
    Params(OfPool { pool }): Params<OfPool>,
    Body { value, .. }: Body<MaintenanceBody>,
) -> Outcome<Json<MaintenanceView>> {
    app.maintenance.set(&Maintenance::name_for(&pool), Some(wanted(value, caller.who.to_string())?)).await?;
    Ok(show(State(app)).await)
}

fn wanted(body: MaintenanceBody, by: String) -> Outcome<Maintenance> {
    let reason = body.reason.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > Maintenance::REASON_MAX {
        let detail = format!("reason: it has 1 to {} characters", Maintenance::REASON_MAX);
        return Err(Failure::new(ErrorCode::RequestInvalid, detail));
    }
    Ok(Maintenance { reason, since: now(), by })
}

async fn end(State(app): State<App>) -> Outcome<Json<MaintenanceView>> {
    app.maintenance.set(Maintenance::NAME, None).await?;
    Ok(show(State(app)).await)
}

async fn end_in_pool(
    State(app): State<App>,
    Params(OfPool { pool }): Params<OfPool>,
) -> Outcome<Json<MaintenanceView>> {
    app.maintenance.set(&Maintenance::name_for(&pool), None).await?;
    Ok(show(State(app)).await)
}

fn document_show(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "showMaintenance",
        tag: "system",
        summary: "Show whether the installation or a pool is in maintenance",
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

fn document_begin_in_pool(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "beginPoolMaintenance",
        tag: "system",
        summary: "Start nothing in a pool; runs are taken in, and what runs goes on to its end",
        errors: &[ErrorCode::RequestInvalid, ErrorCode::RequestPrecondition],
    };
    openapi::describe(operation, &doc, &[WRITES, WITH_BODY])
}

fn document_end_in_pool(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "endPoolMaintenance",
        tag: "system",
        summary: "Start again in a pool",
        errors: &[ErrorCode::RequestPrecondition],
    };
    openapi::describe(operation, &doc, &[WRITES])
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
