//! Who asks, for handlers.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use emboflow_model::access::{Caller, UserName};
use emboflow_protocol::ErrorCode;

use super::identify::Known;
use super::sessions::Current;
use crate::problem::{Failure, Outcome};

/// Whom the guard has let through. Not for routes that are public.
pub(crate) struct By(pub(crate) Caller);

/// The same with the session, if it is one that asks.
pub(crate) struct BySession(pub(crate) Caller, pub(crate) Option<Current>);

impl BySession {
    /// The user that acts in person. Errors: it is the installation's token, which is nobody's.
    pub(crate) fn user(&self) -> Outcome<&UserName> {
        self.0.user_name().ok_or_else(|| {
            let detail = "the installation's token is not a user: it has no password, keys or sessions";
            Failure::new(ErrorCode::AuthForbidden, detail).with_hint("sign in as a user")
        })
    }
}

fn known(parts: &Parts) -> Outcome<&Known> {
    let known = parts.extensions.get::<Known>();
    known.ok_or_else(|| Failure::behind(ErrorCode::Internal, "a route that is public asks who its caller is"))
}

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Outcome<Self> {
        known(parts).map(|known| Self(known.caller.clone()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for BySession {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Outcome<Self> {
        known(parts).map(|known| Self(known.caller.clone(), known.session.clone()))
    }
}

impl aide::OperationInput for By {}
impl aide::OperationInput for BySession {}
