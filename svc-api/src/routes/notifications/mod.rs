//! Notifications: to whom it is told that runs ended or wait for people. Sending is the trigger service's; here they are kept.

mod list;
mod pause;
mod put;
mod remove;
mod show;
mod stored;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};

use crate::app::App;

const ALL: &str = "/api/v1/projects/{project}/notifications";
const ONE: &str = "/api/v1/projects/{project}/notifications/{notification}";

/// The routes of notifications.
pub(crate) fn routes() -> ApiRouter<App> {
    let path = |rest: &str| format!("{ONE}{rest}");
    ApiRouter::new()
        .api_route(ALL, get_with(list::list, list::document))
        .api_route(
            ONE,
            get_with(show::show, show::document)
                .put_with(put::put, put::document)
                .delete_with(remove::remove, remove::document),
        )
        .api_route(&path("/pause"), post_with(pause::pause, pause::document_pause))
        .api_route(&path("/resume"), post_with(pause::resume, pause::document_resume))
}
