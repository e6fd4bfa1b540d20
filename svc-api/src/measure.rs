//! What every answer has: an id, security headers, a line in the logs, a place in the metrics.

use std::any::Any;
use std::sync::LazyLock;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use emboflow_protocol::ErrorCode;
use prometheus::{HistogramVec, IntGauge, histogram_opts, register_histogram_vec, register_int_gauge};
use tracing::Instrument;

use crate::problem::{self, Failure};

/// What an answer may do that says nothing of it: a browser that is made to show it runs nothing, and frames it nowhere.
const NOTHING: HeaderValue =
    HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'");

/// Names an answer in the logs.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The same for what handles the request.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

static DURATION: LazyLock<HistogramVec> = LazyLock::new(|| {
    let options = histogram_opts!(
        "emboflow_http_request_duration_seconds",
        "Time from a request's head to its answer's head.",
        vec![0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]
    );
    register_histogram_vec!(options, &["route", "method", "code"]).expect("registered only here")
});

/// Browsers and CLIs that listen to the event stream.
pub(crate) static SSE_CLIENTS: LazyLock<IntGauge> = LazyLock::new(|| {
    register_int_gauge!("emboflow_sse_clients", "Open event streams.").expect("registered only here")
});

/// The outermost layer.
pub(crate) async fn observe(route: Option<MatchedPath>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = uuid::Uuid::now_v7().simple().to_string();
    request.extensions_mut().insert(RequestId(id.clone()));
    let is_page = route.is_none();
    let route = route.map_or_else(|| "page".to_owned(), |route| route.as_str().to_owned());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());

    let span = tracing::info_span!("request", request_id = id);
    let answered = next.run(request).instrument(span).await;
    let mut response = problem::seal(answered, &id);

    let elapsed = started.elapsed();
    let code = response.status().as_u16();
    let labels = [route.as_str(), known(&method), &code.to_string()];
    DURATION.with_label_values(&labels).observe(elapsed.as_secs_f64());
    let duration_ms = elapsed.as_millis() as u64;
    if code >= 500 {
        tracing::warn!(request_id = id, %method, path, code, duration_ms, "request failed");
    } else {
        tracing::debug!(request_id = id, %method, path, code, duration_ms, "request answered");
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, HeaderValue::from_str(&id).expect("hex digits are a valid header"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    // The page says for itself what its files may do.
    if !is_page {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NOTHING);
    }
    response
}

/// A bounded set of labels: anybody may invent methods.
fn known(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "PATCH") => known,
        _ => "other",
    }
}

/// The answer when a handler panicked.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(panic = said, "a request handler panicked");
    Failure::new(ErrorCode::Internal, "the request met a defect; the logs have it under this request's id")
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::ServiceExt;
    use tower_http::catch_panic::CatchPanicLayer;

    #[tokio::test]
    async fn a_handler_that_panics_is_a_problem_with_the_requests_id() {
        let router: Router = Router::new()
            .route("/", get(|| async { panic!("on purpose") as &'static str }))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn(observe));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), 500);
        let id = response.headers()[REQUEST_ID].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let problem: emboflow_protocol::Problem = serde_json::from_slice(&body).unwrap();
        assert_eq!((problem.code.as_str(), problem.request_id), ("internal", Some(id)));
    }
}
