//! The layers before and behind the guard.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use emboflow_protocol::ErrorCode;

use super::asker::Asker;
use crate::access::{Client, identify};
use crate::app::App;
use crate::problem::Failure;

/// Before anybody is known: an address that tries to sign in too often is told to come later, and so is one that guesses,
/// unless what it shows this time is good. Others may sit behind the same address: a program that goes on with a token
/// that has ended must not shut them out, nor webhooks, which show nothing but their signature.
pub(crate) async fn by_address(State(app): State<App>, request: Request, next: Next) -> Response {
    let client = Client::of(&app.access.trusted_proxies, request.extensions(), request.headers());
    let address = client.address;
    if tries_to_sign_in(&request)
        && let Err(wait) = app.buckets.sign_in(address)
    {
        return come_later("this address has tried to sign in too often", wait);
    }
    if let Err(wait) = app.buckets.listens_to(address)
        && identify(&app, &client, request.headers(), false).await.is_err()
    {
        return come_later("this address has been refused too often", wait);
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
    let Some(Asker { name, .. }) = Asker::of(request.extensions()) else { return next.run(request).await };
    match app.buckets.request(&name, request.method().is_safe()) {
        Ok(()) => next.run(request).await,
        Err(wait) => come_later(&format!("{name} sends more requests than one client may"), wait),
    }
}

fn come_later(why: &str, wait: Duration) -> Response {
    let seconds = wait.as_secs() + 1;
    let failure = Failure::new(ErrorCode::RequestRateLimited, format!("{why}: come again in {seconds} s"));
    let mut response = failure.into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}
