//! The layers before and behind the guard.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use emboflow_protocol::ErrorCode;

use super::buckets::network_of;
use crate::access::{Client, Known};
use crate::app::App;
use crate::problem::Failure;

/// Before anybody is known: an address that guesses, or tries to sign in too often, is told to come later.
pub(crate) async fn by_address(State(app): State<App>, request: Request, next: Next) -> Response {
    let client = Client::of(&app.access.trusted_proxies, request.extensions(), request.headers());
    let address = client.address;
    let allowed = app.buckets.listens_to(address).and_then(|()| match tries_to_sign_in(&request) {
        true => app.buckets.sign_in(address),
        false => Ok(()),
    });
    if let Err(wait) = allowed {
        return come_later("this address has been refused, or has tried to sign in, too often", wait);
    }
    let response = next.run(request).await;
    if response.status() == StatusCode::UNAUTHORIZED {
        app.buckets.was_refused(address);
    }
    response
}

fn tries_to_sign_in(request: &Request) -> bool {
    let path = request.uri().path();
    let is_sign_in = matches!(path, "/session" | "/session/oidc" | "/session/invitation" | "/oidc");
    is_sign_in && *request.method() != Method::DELETE
}

/// Behind the guard: nobody has more than a share.
pub(crate) async fn by_caller(State(app): State<App>, request: Request, next: Next) -> Response {
    let client = match (request.extensions().get::<Known>(), request.extensions().get::<Client>()) {
        (Some(known), _) => known.caller.who.to_string(),
        (None, Some(client)) => format!("the address {}", network_of(client.address)),
        (None, None) => return next.run(request).await,
    };
    match app.buckets.request(&client, request.method().is_safe()) {
        Ok(()) => next.run(request).await,
        Err(wait) => come_later(&format!("{client} sends more requests than one client may"), wait),
    }
}

fn come_later(why: &str, wait: Duration) -> Response {
    let seconds = wait.as_secs() + 1;
    let failure = Failure::new(ErrorCode::RequestRateLimited, format!("{why}: come again in {seconds} s"));
    let mut response = failure.into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}
