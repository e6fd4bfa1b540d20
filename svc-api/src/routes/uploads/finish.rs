//! `PUT …/uploads/{upload}/versions/{version}`: the bytes are there, and the version is complete.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::upload::{UploadDone, UploadView};

use crate::access::By;
use crate::app::{App, now};
use crate::extract::{Body, Params};
use crate::openapi::{self, Doc, IN_PROJECT, WITH_BODY, WRITES};
use crate::problem::Outcome;
use crate::routes::place::OfUploadVersion;

/// Looks at the bytes, and makes them the newest version.
pub(crate) async fn finish(
    State(app): State<App>,
    Params(OfUploadVersion { project, upload, version }): Params<OfUploadVersion>,
    By(caller): By,
    Body { value, .. }: Body<UploadDone>,
) -> Outcome<Json<UploadView>> {
    let by = caller.who.to_string();
    app.uploads.finish(&project, (&upload, version), value, by, now()).await.map(Json)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "finishUpload",
        tag: "uploads",
        summary: "Say that the bytes of an upload are there: runs that begin from now on use this version",
        errors: &[
            ErrorCode::UploadNotFound,
            ErrorCode::UploadIncomplete,
            ErrorCode::StorageChecksum,
            ErrorCode::StorageUnavailable,
            ErrorCode::RequestPrecondition,
        ],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT, WRITES, WITH_BODY])
}
