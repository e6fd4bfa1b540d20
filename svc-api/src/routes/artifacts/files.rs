//! `GET …/artifacts/{task}/{name}`: the files of an artifact.

use aide::transform::TransformOperation;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use emboflow_model::artifact::ArtifactManifest;
use emboflow_model::object_key::artifact_manifest;
use emboflow_protocol::ErrorCode;

use super::find::find;
use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::Outcome;
use crate::routes::place::OfArtifact;

/// Lists the files with size and checksum. A manifest can have tens of megabytes: it is passed on as it is stored.
pub(crate) async fn files(
    State(app): State<App>,
    Params(OfArtifact { project, run, task, name }): Params<OfArtifact>,
) -> Outcome<Response> {
    let artifact = find(&app, &project, run, &task, &name).await?;
    let key = artifact_manifest(&artifact.prefix, artifact.stored_name());
    let manifest = app.objects.open(&key, None).await?;
    let mut response = Response::new(Body::from_stream(manifest.bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(manifest.size_bytes));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", artifact.manifest_sha256)) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "listArtifactFiles",
        tag: "artifacts",
        summary: "List the files of an artifact",
        errors: &[
            ErrorCode::RunNotFound,
            ErrorCode::TaskNotFound,
            ErrorCode::ArtifactNotFound,
            ErrorCode::StorageUnavailable,
        ],
    };
    let operation = operation.response_with::<200, Json<ArtifactManifest>, _>(|answer| {
        answer.description("The artifact's manifest.")
    });
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
