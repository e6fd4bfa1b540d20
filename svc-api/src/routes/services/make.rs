//! `POST /api/v1/services`: a new service.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_model::access::ServiceAccount;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::service::{NewService, ServiceView};

use super::list::view;
use crate::access::By;
use crate::app::{App, now};
use crate::extract::Body;
use crate::openapi::{self, Doc, WITH_BODY, WRITES};
use crate::problem::Outcome;
use crate::routes::users::powers;

/// Makes a service.
pub(crate) async fn make(
    State(app): State<App>,
    By(caller): By,
    Body { value, .. }: Body<NewService>,
) -> Outcome<(StatusCode, Json<ServiceView>)> {
    powers::check(&app, &caller, &value.powers)?;
    let now = now();
    let service =
        ServiceAccount { name: value.name, powers: value.powers, created_at: now, tokens_since: now };
    app.access.services.make(&service).await?;
    Ok((StatusCode::CREATED, Json(view(service))))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let errors = &[ErrorCode::ServiceExists, ErrorCode::RecordsUnavailable];
    let doc = Doc { id: "makeService", tag: "keys", summary: "Make a service", errors };
    let operation =
        operation.response_with::<201, Json<ServiceView>, _>(|answer| answer.description("The service."));
    openapi::describe(operation, &doc, &[WITH_BODY, WRITES])
}
