//! `POST /session`: name and password, or the installation's token, for a cookie.

use aide::transform::TransformOperation;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use emboflow_model::Timestamp;
use emboflow_model::access::{User, UserName};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::access::{PasswordSignIn, SignInBody};

use super::cookie::{noted, signed_in};
use crate::access::{Client, check_no_foreign_page, password};
use crate::app::{App, now};
use crate::extract::Body;
use crate::openapi::{self, WITH_BODY};
use crate::problem::{Failure, Outcome};

/// What guesses at the installation's token are counted as; no user is called so.
const TOKEN: &str = "(token)";

/// Signs the browser in.
pub(crate) async fn sign_in(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Body { value, .. }: Body<SignInBody>,
) -> Outcome<Response> {
    check_no_foreign_page(&app, &headers, &client)?;
    let account = match &value {
        SignInBody::User(given) => given.user.chars().take(80).collect(),
        // Nobody guesses a token that was drawn: wrong ones from elsewhere keep nobody out.
        SignInBody::Token(_) => format!("{TOKEN} {}", client.address),
    };
    if let Some(until) = app.access.lockout.locked_until(&account, client.address, now()) {
        return Ok(locked(until));
    }
    app.access.lockout.count(&account, client.address, now());
    let user = match value {
        SignInBody::Token(given) if app.access.installation.is_token(given.token.trim()) => None,
        SignInBody::Token(_) => {
            return Err(Failure::new(ErrorCode::AuthRequired, "the token is not this installation's"));
        }
        SignInBody::User(given) => match user(&app, given).await {
            Err(failure) => {
                app.access.lockout.unchecked(&account, client.address);
                return Err(failure);
            }
            Ok(Ok(user)) => Some(user),
            Ok(Err(known)) => {
                let detail = "there is no user with this name and this password";
                let refusal = Failure::new(ErrorCode::AuthSignInFailed, detail).into_response();
                // A password that was typed in place of the name must not be written down.
                let who = known.map_or_else(|| "a name that nobody has".to_owned(), |name| name.to_string());
                return Ok(noted(refusal, "nobody", Some(&who)));
            }
        },
    };
    app.access.lockout.right(&account, client.address, now());
    let cookie = signed_in(&app, user.as_ref(), false, &client, &headers).await?;
    let who = user.map_or_else(|| "local".to_owned(), |user| format!("user:{}", user.name));
    let response = (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response();
    Ok(noted(response, &who, None))
}

/// The user whose password it is; else the name, if anybody has it. Takes as long for names that nobody has.
async fn user(app: &App, given: PasswordSignIn) -> Outcome<Result<User, Option<UserName>>> {
    let person = match UserName::new(&given.user) {
        Ok(name) => app.access.users.get(&name).await?,
        Err(_) => None,
    };
    let user = person.map(|person| person.user.body);
    let hash = user.as_ref().filter(|user| !user.disabled).and_then(|user| user.password.clone());
    let is_right = password::verify(given.password, hash).await?;
    Ok(match user {
        Some(user) if is_right => Ok(user),
        user => Err(user.map(|user| user.name)),
    })
}

fn locked(until: Timestamp) -> Response {
    let seconds = until.ms_since(now()).div_ceil(1_000).max(1);
    let detail = format!("too many wrong passwords; the next may be tried in {seconds} s");
    let mut response = Failure::new(ErrorCode::AuthLocked, detail).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let operation = openapi::open(operation)
        .id("signIn")
        .tag("session")
        .summary("Exchange name and password, or the installation's token, for a cookie");
    let operation = openapi::answers(operation, 204, "", "Signed in.");
    let errors = [
        ErrorCode::AuthRequired,
        ErrorCode::AuthSignInFailed,
        ErrorCode::AuthLocked,
        ErrorCode::AuthForbidden,
        ErrorCode::RequestRateLimited,
        ErrorCode::RecordsUnavailable,
        ErrorCode::Internal,
    ];
    openapi::fails(operation, WITH_BODY.iter().chain(&errors))
}
