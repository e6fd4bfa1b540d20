//! `POST …/uploads`: a token for the bytes of a new version.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::upload::{NewUpload, UploadTicket};

use super::quota;
use crate::access::By;
use crate::app::{App, now};
use crate::extract::{Body, Params};
use crate::openapi::{self, Doc, IN_PROJECT, WITH_BODY, WRITES};
use crate::problem::Outcome;
use crate::routes::place::InProject;

/// Gives a place and a token. Nothing is there before the version is said to be complete.
pub(crate) async fn ask(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
    By(caller): By,
    Body { value, .. }: Body<NewUpload>,
) -> Outcome<(StatusCode, Json<UploadTicket>)> {
    app.maintenance.refuse()?;
    let (quota, by) = (quota(&app, &project), caller.who.to_string());
    let ticket = app.uploads.ask(&project, value, quota, &by, now()).await?;
    Ok((StatusCode::CREATED, Json(ticket)))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "askForUpload",
        tag: "uploads",
        summary: "Ask for the upload of a file: its bytes are then put to `url` with `token`",
        errors: &[ErrorCode::UploadTooMany, ErrorCode::StorageUnavailable, ErrorCode::SystemMaintenance],
    };
    let operation = operation.response_with::<201, Json<UploadTicket>, _>(|answer| {
        answer.description("Where the bytes go, and the token for them; good for ten minutes.")
    });
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES, WITH_BODY])
}
