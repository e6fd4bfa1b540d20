//! `GET …/artifacts/{task}/{name}`: the files of an artifact.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use emboflow_model::artifact::ArtifactManifest;
use emboflow_model::object_key::artifact_manifest;
use emboflow_protocol::ErrorCode;

use super::find::find;
use crate::app::App;
use crate::extract::Params;
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::problem::{Failure, Outcome};
use crate::routes::place::OfArtifact;

/// A manifest of a hundred thousand files has about 20 MB.
const MANIFEST_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Lists the files with size and checksum.
pub(crate) async fn files(
    State(app): State<App>,
    Params(OfArtifact { project, run, task, name }): Params<OfArtifact>,
) -> Outcome<Json<ArtifactManifest>> {
    let artifact = find(&app, &project, run, &task, &name).await?;
    let key = artifact_manifest(&artifact.prefix, &artifact.name);
    let bytes = app.objects.whole(&key, MANIFEST_MAX_BYTES).await?;
    let manifest = serde_json::from_slice(&bytes).map_err(|error| {
        Failure::behind(ErrorCode::Internal, format!("the manifest {key} cannot be read: {error}"))
    })?;
    Ok(Json(manifest))
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
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
