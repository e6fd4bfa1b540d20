//! `GET …/secrets`: the names of a project's secrets.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_model::SecretName;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::Page;
use emboflow_protocol::http::secret::SecretView;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::extract::{Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::paged::Paged;
use crate::problem::{Failure, Outcome};
use crate::routes::limit::limit;
use crate::routes::place::InProject;

/// Query of a list of secrets.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretQuery {
    /// Secrets a page, 1 to 500; 100 by default.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
    /// Cursor of the page, from `next` of the one before.
    cursor: Option<String>,
}

/// Lists secrets by name.
pub(crate) async fn list(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
    Search(query): Search<SecretQuery>,
) -> Outcome<Paged<SecretView>> {
    let limit = limit(query.limit, 100, 500)?;
    let after = query.cursor.filter(|cursor| !cursor.is_empty()).map(SecretName::new).transpose();
    let after = after.map_err(|error| {
        Failure::new(ErrorCode::RequestInvalid, format!("the cursor is not one of this list: {error}"))
    })?;
    // One more tells whether there is a next page.
    let mut items = app.secrets.page(&project, after.as_ref(), limit + 1).await?;
    let has_more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| has_more).map(|last| last.name.clone());
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
