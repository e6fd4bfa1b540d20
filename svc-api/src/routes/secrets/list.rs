//! `GET …/secrets`: the names of a project's secrets.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_model::SecretName;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::Page;
use emboflow_protocol::http::secret::SecretView;

use crate::app::App;
use crate::extract::{Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::paged::Paged;
use crate::problem::Outcome;
use crate::routes::limit::{NameQuery, by_name};
use crate::routes::place::InProject;

/// Lists secrets by name.
pub(crate) async fn list(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
    Search(query): Search<NameQuery>,
) -> Outcome<Paged<SecretView>> {
    let read =
        async |after: Option<SecretName>, limit| app.secrets.page(&project, after.as_ref(), limit).await;
    let (items, next) = by_name(query, read, |last: &SecretView| last.name.clone()).await?;
    Ok(Paged(Page { items, next }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "listSecrets",
        tag: "secrets",
        summary: "List the secrets of a project by name, without their values",
        errors: &[ErrorCode::AuthForbidden],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
