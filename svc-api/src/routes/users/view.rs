//! A user as it is shown.

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use emboflow_protocol::http::access::UserView;

use crate::access::users::Person;
use crate::app::{App, now};

/// Without the hash of the password.
pub(super) fn view(app: &App, person: Person) -> UserView {
    let powers = person.powers();
    let user = person.user.body;
    UserView {
        powers,
        disabled: user.disabled,
        has_password: user.password.is_some(),
        locked_until: app.access.lockout.account_locked_until(user.name.as_str(), now()),
        created_at: user.created_at,
        last_sign_in_at: user.last_sign_in_at,
        display: user.display,
        name: user.name,
    }
}

/// With the `ETag` that a change may name.
pub(super) fn tagged(app: &App, person: Person) -> Response {
    let tag = person.user.tag();
    ([(header::ETAG, tag)], Json(view(app, person))).into_response()
}
