//! Triggers: what starts runs by itself.

mod apply;
mod backfill;
mod fire;
mod history;
mod list;
mod pause;
mod remove;
mod resume;
mod show;
mod times;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};

pub(crate) use fire::ask;

use crate::app::App;

const TRIGGERS: &str = "/api/v1/projects/{project}/triggers";
const TRIGGER: &str = "/api/v1/projects/{project}/triggers/{trigger}";

/// Its routes.
pub(crate) fn routes() -> ApiRouter<App> {
    let path = |rest: &str| format!("{TRIGGER}{rest}");
    ApiRouter::new()
        .api_route(TRIGGERS, get_with(list::list, list::document))
        .api_route(
            TRIGGER,
            get_with(show::show, show::document)
                .put_with(apply::apply, apply::document)
                .delete_with(remove::remove, remove::document),
        )
        .api_route(&path("/pause"), post_with(pause::pause, pause::document))
        .api_route(&path("/resume"), post_with(resume::resume, resume::document))
        .api_route(&path("/times"), get_with(times::times, times::document))
        .api_route(&path("/history"), get_with(history::history, history::document))
        .api_route(&path("/fire"), post_with(fire::fire, fire::document))
        .api_route(&path("/backfill"), post_with(backfill::backfill, backfill::document))
}
