//! Webhooks in: signed requests of other systems.

mod receive;
mod signature;

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;

use crate::app::App;

/// Its route, which needs no sign-in: the signature says who asks.
pub(crate) fn routes() -> ApiRouter<App> {
    ApiRouter::new().api_route("/hooks/{project}/{trigger}", post_with(receive::receive, receive::document))
}
