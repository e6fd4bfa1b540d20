//! `GET …/uploads`: the uploads of a project, each with its newest version.

use aide::transform::TransformOperation;
use axum::extract::State;
use emboflow_model::UploadName;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::Page;
use emboflow_protocol::http::upload::UploadView;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::app::App;
use crate::extract::{Params, Search};
use crate::openapi::{self, Doc, IN_PROJECT};
use crate::paged::Paged;
use crate::problem::{Failure, Outcome};
use crate::routes::limit::limit;
use crate::routes::place::InProject;

/// Query of a list of uploads.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UploadQuery {
    /// Uploads a page, 1 to 500; 100 by default.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
    /// Cursor of the page, from `next` of the one before.
    cursor: Option<String>,
}

/// Lists uploads by name.
pub(crate) async fn list(
    State(app): State<App>,
    Params(InProject { project }): Params<InProject>,
    Search(query): Search<UploadQuery>,
) -> Outcome<Paged<UploadView>> {
    let limit = limit(query.limit, 100, 500)?;
    let after = query.cursor.filter(|cursor| !cursor.is_empty()).map(UploadName::new).transpose();
    let after = after.map_err(|error| {
        Failure::new(ErrorCode::RequestInvalid, format!("the cursor is not one of this list: {error}"))
    })?;
    // One more tells whether there is a next page.
    let mut items = app.uploads.page(&project, after.as_ref(), limit + 1).await?;
    let has_more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| has_more).map(|last| last.name.to_string());
    Ok(Paged(Page { items, next }))
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "listUploads",
        tag: "uploads",
        summary: "List the uploads of a project by name, each with its newest version",
        errors: &[],
    };
    openapi::describe(operation, &doc, &[IN_PROJECT])
}
