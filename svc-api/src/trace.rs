//! The first span of a trace: a request that changes something. What is asked for carries it on.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use emboflow_protocol::header::TRACEPARENT;
use emboflow_protocol::trace::{Caller, traceparent};
use emboflow_service::trace::Span;
use uuid::Uuid;

use crate::app::{App, now};

/// Puts the request's own span in the place of its caller's, so that a run which follows from it becomes a part of it.
/// Does nothing where nobody receives spans.
pub(crate) async fn follow(
    State(app): State<App>,
    route: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    if !app.tracer.is_on() || *request.method() != Method::POST {
        return next.run(request).await;
    }
    let caller = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
    let (trace_id, parent) = match caller.and_then(Caller::parse) {
        Some(caller) => (caller.trace_id, caller.span),
        None => (Uuid::new_v4().simple().to_string(), 0),
    };
    // The random half of the id; never zero.
    let (id, from) = ((Uuid::new_v4().as_u128() as u64) | 1, now());
    let own = HeaderValue::from_str(&traceparent(&trace_id, id)).expect("hex digits are a valid header");
    request.headers_mut().insert(TRACEPARENT, own);

    let response = next.run(request).await;

    let code = response.status();
    app.tracer.tell(Span {
        trace_id,
        id,
        parent,
        name: "http request",
        is_entry: true,
        from_ms: from.0,
        to_ms: now().0,
        attributes: vec![
            ("http.request.method", "POST".to_owned()),
            ("http.route", route.map(|route| route.as_str().to_owned()).unwrap_or_default()),
            ("http.response.status_code", code.as_u16().to_string()),
        ],
        error: code.is_server_error().then(|| code.to_string()),
    });
    response
}
