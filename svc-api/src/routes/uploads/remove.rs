//! `DELETE …/uploads/{upload}` and `DELETE …/uploads/{upload}/versions/{version}`.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_protocol::ErrorCode;

use crate::app::{App, now};
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT, WRITES};
use crate::problem::Outcome;
use crate::routes::place::{OfUpload, OfUploadVersion};

/// Removes an upload with all its versions; tasks that have fetched it go on.
pub(crate) async fn remove(
    State(app): State<App>,
    Params(OfUpload { project, upload }): Params<OfUpload>,
) -> Outcome<StatusCode> {
    app.uploads.remove(&project, &upload, now()).await.map(|()| StatusCode::NO_CONTENT)
}

/// Removes a version that is not the newest.
pub(crate) async fn remove_version(
    State(app): State<App>,
    Params(OfUploadVersion { project, upload, version }): Params<OfUploadVersion>,
) -> Outcome<StatusCode> {
    app.uploads.remove_version(&project, &upload, version, now()).await.map(|()| StatusCode::NO_CONTENT)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "removeUpload",
        tag: "uploads",
        summary: "Remove an upload with all its versions",
        errors: &[
            ErrorCode::UploadNotFound,
            ErrorCode::UploadHeld,
            ErrorCode::StorageUnavailable,
            ErrorCode::RequestPrecondition,
        ],
    };
    let text = "It is gone. Tasks that have fetched it go on; those that have not will fail.";
    openapi::describe(openapi::answers(operation, 204, "", text), &doc, &[IN_PROJECT, WRITES])
}

/// Its documentation.
pub(crate) fn document_version(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "removeUploadVersion",
        tag: "uploads",
        summary: "Remove a version of an upload that is not the newest",
        errors: &[
            ErrorCode::UploadNotFound,
            ErrorCode::UploadNewest,
            ErrorCode::UploadHeld,
            ErrorCode::StorageUnavailable,
        ],
    };
    let text = "It is gone. Runs that pinned it and have not fetched it will fail.";
    openapi::describe(openapi::answers(operation, 204, "", text), &doc, &[IN_PROJECT, WRITES])
}
