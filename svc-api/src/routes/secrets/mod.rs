//! Secrets of a project: their names and who changed them; never their values.

pub(crate) mod list;
pub(crate) mod put;
pub(crate) mod remove;
pub(crate) mod show;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;

use crate::app::App;

const SECRETS: &str = "/api/v1/projects/{project}/secrets";
const SECRET: &str = "/api/v1/projects/{project}/secrets/{secret}";

/// Its routes.
pub(crate) fn routes() -> ApiRouter<App> {
    ApiRouter::new().api_route(SECRETS, get_with(list::list, list::document)).api_route(
        SECRET,
        get_with(show::show, show::document)
            .put_with(put::put, put::document)
            .delete_with(remove::remove, remove::document),
    )
}
