//! The gateway's HTTP side.

mod access;
mod listing;
mod objects;
mod probe;
mod refusal;
mod uploads;

use crate::config::Limits;
use crate::created::Created;
use crate::ledger::Ledger;
use axum::http::{HeaderName, HeaderValue, Uri};
use axum::routing::{get, put};
use axum::{Router, extract::DefaultBodyLimit};
use emboflow_objects::ObjectStore;
use emboflow_protocol::storage_token::TokenKey;
use emboflow_protocol::upload_token::UPLOAD_PATH;
use emboflow_protocol::{ErrorCode, Problem};
use emboflow_service::FailPoints;
use refusal::Refusal;
use std::sync::Arc;
use std::time::Duration;
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
    created: Created,
    ledger: Ledger,
    fail_points: Arc<FailPoints>,
}

impl Gateway {
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        key: TokenKey,
        limits: Limits,
        created: Created,
        fail_points: FailPoints,
    ) -> Self {
        let uploads = Arc::new(Semaphore::new(limits.uploads.clamp(1, Semaphore::MAX_PERMITS)));
        let ledger = Ledger::new(store.clone(), Duration::from_millis(limits.stored_age_ms));
        Self {
            store,
            key,
            limits: Arc::new(limits),
            uploads,
            created,
            ledger,
            fail_points: Arc::new(fail_points),
        }
    }
}

/// The one route for people, to be served where the page is. Everything else of the gateway stays inside.
pub(crate) fn uploads(gateway: Gateway) -> Router {
    dressed(Router::new().route(&format!("/{UPLOAD_PATH}"), put(uploads::put))).with_state(gateway)
}

/// All routes but those of health.
pub(crate) fn router(gateway: Gateway) -> Router {
    let object = get(objects::get).head(objects::head).put(objects::put).delete(objects::delete);
    let router = Router::new()
        .route("/objects", get(listing::list))
        .route("/objects/{*key}", object)
        .route("/probe", get(probe::probe))
        .route("/usage", get(listing::usage))
        .route(&format!("/{UPLOAD_PATH}"), put(uploads::put))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method);
    dressed(router).with_state(gateway)
}

fn dressed(router: Router<Gateway>) -> Router<Gateway> {
    // What people stored must not run as a page of ours.
    let nosniff = SetResponseHeaderLayer::overriding(
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    );
    let runs_nothing = SetResponseHeaderLayer::if_not_present(
        HeaderName::from_static("content-security-policy"),
        HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
    );
    router
        .layer(DefaultBodyLimit::disable())
        .layer(nosniff)
        .layer(runs_nothing)
        .layer(CatchPanicLayer::custom(refusal::after_panic))
}

async fn no_route(uri: Uri) -> Refusal {
    let problem = Problem::new(ErrorCode::RouteNotFound, format!("there is nothing at {}", uri.path()));
    problem
        .with_hint(
            "objects are at /objects/{key}; others are /objects, /upload, /usage, /probe, /health, /ready, /metrics",
        )
        .into()
}

async fn no_method(uri: Uri) -> Refusal {
    Problem::new(ErrorCode::MethodNotAllowed, format!("{} does not take this method", uri.path())).into()
}
