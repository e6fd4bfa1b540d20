//! The gateway's HTTP side.

mod access;
mod listing;
mod objects;
mod probe;
mod refusal;

use crate::config::Limits;
use axum::http::{HeaderName, HeaderValue, Uri};
use axum::routing::get;
use axum::{Router, extract::DefaultBodyLimit};
use emboflow_objects::ObjectStore;
use emboflow_protocol::storage_token::TokenKey;
use emboflow_protocol::{ErrorCode, Problem};
use refusal::Refusal;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

/// What every request needs.
#[derive(Clone)]
pub(crate) struct Gateway {
    store: Arc<dyn ObjectStore>,
    key: TokenKey,
    limits: Arc<Limits>,
    uploads: Arc<Semaphore>,
}

impl Gateway {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, key: TokenKey, limits: Limits) -> Self {
        let uploads = Arc::new(Semaphore::new(limits.uploads.clamp(1, Semaphore::MAX_PERMITS)));
        Self { store, key, limits: Arc::new(limits), uploads }
    }
}

/// All routes but those of health.
pub(crate) fn router(gateway: Gateway) -> Router {
    // What people stored must not run as a page of ours.
    let nosniff = SetResponseHeaderLayer::overriding(
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    );
    let object = get(objects::get).head(objects::head).put(objects::put).delete(objects::delete);
    Router::new()
        .route("/objects", get(listing::list))
        .route("/objects/{*key}", object)
        .route("/probe", get(probe::probe))
        .route("/usage", get(listing::usage))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::disable())
        .layer(nosniff)
        .layer(CatchPanicLayer::custom(refusal::after_panic))
        .with_state(gateway)
}

async fn no_route(uri: Uri) -> Refusal {
    let problem = Problem::new(ErrorCode::RouteNotFound, format!("there is nothing at {}", uri.path()));
    problem
        .with_hint(
            "objects are at /objects/{key}; others are /objects, /usage, /probe, /health, /ready, /metrics",
        )
        .into()
}

async fn no_method(uri: Uri) -> Refusal {
    Problem::new(ErrorCode::MethodNotAllowed, format!("{} does not take this method", uri.path())).into()
}
