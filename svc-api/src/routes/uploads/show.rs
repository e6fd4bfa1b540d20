//! `GET …/uploads/{upload}`: an upload with its versions.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::upload::UploadDetail;

use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::OfUpload;

/// Shows it.
pub(crate) async fn show(
    State(app): State<App>,
    Params(OfUpload { project, upload }): Params<OfUpload>,
) -> Outcome<Json<UploadDetail>> {
    app.uploads.show(&project, &upload).await.map(Json)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "showUpload",
        tag: "uploads",
        summary: "Show an upload with the versions that lie in storage",
        errors: &[ErrorCode::UploadNotFound, ErrorCode::StorageUnavailable],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
