//! `POST` and `DELETE /api/v1/services/{service}/tokens`: gives a token out, and takes all of them back.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::service::{NewServiceToken, ServiceTokenMade};

use crate::access::By;
use crate::access::services::MOST_DAYS;
use crate::app::App;
use crate::extract::{Body, Params};
use crate::openapi::{self, Doc, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfService;

/// Signs a token.
pub(crate) async fn make(
    State(app): State<App>,
    By(caller): By,
    Params(OfService { service }): Params<OfService>,
    Body { value, .. }: Body<NewServiceToken>,
) -> Outcome<(StatusCode, Json<ServiceTokenMade>)> {
    let days = value.expires_in_days;
    if !(1..=MOST_DAYS).contains(&days) {
        let detail = format!("`expires_in_days` is 1 to {MOST_DAYS}, not {days}");
        return Err(Failure::new(ErrorCode::RequestInvalid, detail));
    }
    if !caller.may_give(&app.access.services.expect(&service).await?.body.powers) {
        let detail = format!("a key or a service signs no token for '{service}', which may more than it");
        return Err(Failure::new(ErrorCode::AuthForbidden, detail).with_hint("sign in as a person"));
    }
    let (token, expires_at) = app.access.services.sign(&service, days).await?;
    Ok((StatusCode::CREATED, Json(ServiceTokenMade { token, expires_at })))
}

/// Takes back every token that was given out until now.
pub(crate) async fn revoke(
    State(app): State<App>,
    Params(OfService { service }): Params<OfService>,
) -> Outcome<StatusCode> {
    app.access.services.revoke(&service).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Documentation of the first.
pub(crate) fn document_make(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "makeServiceToken",
        tag: "keys",
        summary: "Sign a token of a service; it is shown this once",
        errors: &[ErrorCode::ServiceNotFound, ErrorCode::RecordsUnavailable],
    };
    let operation =
        operation.response_with::<201, Json<ServiceTokenMade>, _>(|answer| answer.description("The token."));
    openapi::describe(operation, &doc, &[WITH_BODY, WRITES])
}

/// Documentation of the second.
pub(crate) fn document_revoke(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "revokeServiceTokens",
        tag: "keys",
        summary: "Take back every token of a service",
        errors: &[ErrorCode::ServiceNotFound, ErrorCode::RecordsUnavailable],
    };
    let operation = openapi::answers(operation, 204, "", "Taken back.");
    openapi::describe(operation, &doc, &[WRITES])
}
