//! `GET /session/oidc` and `GET /oidc`: sign-in at the identity provider, and back.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use emboflow_protocol::ErrorCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::cookie::{noted, signed_in};
use crate::access::Client;
use crate::app::App;
use crate::extract::Search;
use crate::oidc::{Provider, user_of};
use crate::openapi;
use crate::problem::{Failure, Outcome};

/// The cookie that binds a sign-in to its browser; behind TLS with a prefix, so that no other host can put it there.
const COOKIE: &str = "emboflow_oidc";

/// What the provider sends people back with.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct BackQuery {
    /// Which sign-in it is.
    #[serde(default)]
    state: String,
    /// What the provider gives a token for.
    code: Option<String>,
    /// Why the provider gives none.
    error: Option<String>,
    /// The same in words.
    error_description: Option<String>,
    /// Who the provider is, if it says so.
    iss: Option<String>,
}

/// Sends the browser to the provider.
pub(crate) async fn depart(State(app): State<App>, client: Client) -> Outcome<Response> {
    let provider = provider(&app)?;
    match provider.depart(client.address).await {
        Ok(departure) => {
            let lasts = departure.lasts.as_secs();
            let cookie = cookie(&app, &client, &departure.browser, lasts)?;
            let mut response = to(&departure.url)?;
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            Ok(response)
        }
        Err(failure) => to(&format!("../?sign-in={}", failure.code())),
    }
}

/// Signs the browser in that comes back.
pub(crate) async fn arrive(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Search(query): Search<BackQuery>,
) -> Outcome<Response> {
    let provider = provider(&app)?;
    let forgotten = cookie(&app, &client, "", 0)?;
    let (mut response, who) = match finish(&app, provider, &client, &headers, query).await {
        Ok((who, session)) => {
            let mut response = to("./")?;
            response.headers_mut().append(header::SET_COOKIE, session);
            (response, who)
        }
        Err(failure) => (to(&format!("./?sign-in={}", failure.code()))?, "nobody".to_owned()),
    };
    response.headers_mut().append(header::SET_COOKIE, forgotten);
    Ok(noted(response, &who, Some("identity provider")))
}

async fn finish(
    app: &App,
    provider: &Provider,
    client: &Client,
    headers: &HeaderMap,
    query: BackQuery,
) -> Outcome<(String, HeaderValue)> {
    let Some(code) = query.code else {
        let said = query.error_description.or(query.error).unwrap_or_else(|| "nothing".to_owned());
        let said: String = said.chars().filter(|c| !c.is_control()).take(200).collect();
        return Err(Failure::new(ErrorCode::AuthProviderRefused, format!("the provider says: {said}")));
    };
    if query.iss.is_some_and(|issuer| issuer != provider.config().issuer) {
        return Err(Failure::new(ErrorCode::AuthProviderRefused, "the answer is another provider's"));
    }
    let claims = provider.arrive(&query.state, code, browser(client, headers)).await?;
    let user = user_of(app, provider.config(), &claims).await?;
    let person = app.access.users.expect(&user).await?.user.body;
    let session = signed_in(app, Some(&person), false, client, headers).await?;
    Ok((format!("user:{user}"), session))
}

fn provider(app: &App) -> Outcome<&Provider> {
    app.provider
        .as_ref()
        .ok_or_else(|| Failure::new(ErrorCode::RouteNotFound, "this installation has no identity provider"))
}

/// The browser's part of the sign-in that it began.
fn browser<'h>(client: &Client, headers: &'h HeaderMap) -> Option<&'h str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let own = |name: &str| {
        if client.secure { name.strip_prefix("__Host-") == Some(COOKIE) } else { name == COOKIE }
    };
    pairs.find(|(name, _)| own(name)).map(|(_, value)| value)
}

/// The browser shows it when it comes back from another site, so that it is not `Strict`.
fn cookie(app: &App, client: &Client, value: &str, lasts_s: u64) -> Outcome<HeaderValue> {
    let text = if client.secure {
        format!("__Host-{COOKIE}={value}; Path=/; Max-Age={lasts_s}; HttpOnly; SameSite=Lax; Secure")
    } else {
        let path = app.access.public_path();
        format!("{COOKIE}={value}; Path={path}; Max-Age={lasts_s}; HttpOnly; SameSite=Lax")
    };
    HeaderValue::from_str(&text).map_err(|error| Failure::behind(ErrorCode::Internal, error))
}

fn to(url: &str) -> Outcome<Response> {
    let url = HeaderValue::from_str(url).map_err(|error| Failure::behind(ErrorCode::Internal, error))?;
    let keep = HeaderValue::from_static("no-store");
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, url), (header::CACHE_CONTROL, keep)]).into_response())
}

/// Documentation of the way there.
pub(crate) fn document_departure(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let operation = openapi::open(operation)
        .id("beginProviderSignIn")
        .tag("session")
        .summary("Go to the identity provider to sign in");
    let operation =
        openapi::answers(operation, 303, "", "On to the provider, or back to the page with the error.");
    openapi::fails(operation, &[ErrorCode::RouteNotFound, ErrorCode::RequestRateLimited, ErrorCode::Internal])
}

/// Documentation of the way back.
pub(crate) fn document_arrival(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let operation = openapi::open(operation)
        .id("endProviderSignIn")
        .tag("session")
        .summary("Come back from the identity provider");
    let operation =
        openapi::answers(operation, 303, "", "On to the page: signed in, or with the error in `sign-in`.");
    openapi::fails(
        operation,
        &[
            ErrorCode::RequestInvalid,
            ErrorCode::RouteNotFound,
            ErrorCode::RequestRateLimited,
            ErrorCode::Internal,
        ],
    )
}
