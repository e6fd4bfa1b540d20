//! Uploads of a project: files that people bring in. Their bytes go to the storage gateway.

pub(crate) mod ask;
pub(crate) mod finish;
pub(crate) mod list;
pub(crate) mod remove;
pub(crate) mod show;

use aide::axum::ApiRouter;
use aide::axum::routing::{delete_with, get_with, put_with};
use axum::Router;
use axum::routing::put;
use emboflow_model::ProjectName;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::upload_token::UPLOAD_PATH;

use crate::app::App;
use crate::problem::Failure;

const UPLOADS: &str = "/api/v1/projects/{project}/uploads";
const UPLOAD: &str = "/api/v1/projects/{project}/uploads/{upload}";
const VERSION: &str = "/api/v1/projects/{project}/uploads/{upload}/versions/{version}";

/// Its routes.
pub(crate) fn routes() -> ApiRouter<App> {
    ApiRouter::new()
        .api_route(UPLOADS, get_with(list::list, list::document).post_with(ask::ask, ask::document))
        .api_route(
            UPLOAD,
            get_with(show::show, show::document).merge(delete_with(remove::remove, remove::document)),
        )
        .api_route(
            VERSION,
            put_with(finish::finish, finish::document)
                .merge(delete_with(remove::remove_version, remove::document_version)),
        )
}

/// Says to whoever sends bytes here that they go to the gateway: without a proxy that leads there, nobody takes them.
pub(crate) fn elsewhere() -> Router {
    let refuse = || async {
        let detail = "the bytes of uploads go to the storage gateway, and no proxy leads there";
        let hint = "let the proxy before the API lead /upload to the gateway: docs/uploads.md shows how";
        Failure::new(ErrorCode::StorageUnavailable, detail).with_hint(hint)
    };
    Router::new().route(&format!("/{UPLOAD_PATH}"), put(refuse))
}

/// Bytes that a project may store in all.
fn quota(app: &App, project: &ProjectName) -> Option<u64> {
    app.access.projects.all().get(project).and_then(|project| project.quotas.stored_bytes)
}
