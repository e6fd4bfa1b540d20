//! `POST /api/v1/keys`: a new key for a program.

use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use emboflow_model::access::{ApiKey, Caller, Powers};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::access::{KeyMade, NewKey};

use super::view::view;
use crate::access::BySession;
use crate::access::users::no_user;
use crate::app::{App, now};
use crate::extract::Body;
use crate::openapi::{self, Doc, WITH_BODY, WRITES};
use crate::problem::{Failure, Outcome};
use crate::routes::users::powers;

/// Keys that a user may have.
const MOST: usize = 100;
const NAME: std::ops::RangeInclusive<usize> = 1..=100;
const DAYS: std::ops::RangeInclusive<u32> = 1..=3_650;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Makes a key of the person who asks. It never reaches further than that person does at the time of its use.
pub(crate) async fn make(
    State(app): State<App>,
    caller: BySession,
    Body { value, .. }: Body<NewKey>,
) -> Outcome<(StatusCode, Json<KeyMade>)> {
    let owner = caller.user()?.clone();
    if !NAME.contains(&value.name.trim().chars().count()) {
        return Err(Failure::new(ErrorCode::RequestInvalid, "`name` has 1 to 100 characters"));
    }
    if value.expires_in_days.is_some_and(|days| !DAYS.contains(&days)) {
        return Err(Failure::new(ErrorCode::RequestInvalid, "`expires_in_days` is 1 to 3650"));
    }
    let powers = asked(&app, &caller.0, value.powers)?;
    if app.access.keys.list(Some(&owner)).await?.len() >= MOST {
        let detail = format!("'{owner}' has {MOST} keys already");
        return Err(Failure::new(ErrorCode::RequestInvalid, detail).with_hint("end one that is not used"));
    }
    let expires_at = value.expires_in_days.map(|days| now().plus_ms(u64::from(days) * DAY_MS));
    let name = value.name.trim().to_owned();
    let key = ApiKey { name, owner, powers, created_at: now(), expires_at, last_used_at: None };
    let (id, value) = app.access.keys.make(&key).await?;
    // Whoever removes the owner at this moment may have ended the keys that there were before this one.
    if app.access.users.enabled(&key.owner).await?.is_none() {
        app.access.keys.end(Some(&key.owner), &id).await?;
        return Err(no_user(&key.owner));
    }
    Ok((StatusCode::CREATED, Json(KeyMade { key: view(id, key), value })))
}

/// What the key is to have; without a word all that its owner has.
fn asked(app: &App, caller: &Caller, powers: Option<Powers>) -> Outcome<Powers> {
    match powers {
        None => Ok(caller.powers().clone()),
        Some(asked) => {
            powers::check(app, caller, &asked)?;
            Ok(asked)
        }
    }
}

/// Its documentation.
pub(crate) fn document(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    let doc = Doc {
        id: "makeKey",
        tag: "keys",
        summary: "Make an API key; its value is shown this once",
        errors: &[ErrorCode::RecordsUnavailable],
    };
    let operation = operation
        .response_with::<201, Json<KeyMade>, _>(|answer| answer.description("The key, with its value."));
    openapi::describe(operation, &doc, &[WITH_BODY, WRITES])
}
