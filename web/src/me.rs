//! Who looks at the page, and what they may here.

use dioxus::prelude::*;
use emboflow_model::access::Role;
use emboflow_protocol::http::access::MeView;

use crate::api::{self, ApiError};
use crate::place::PLACE;

/// What is known of whoever looks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Me {
    /// The question is on its way.
    Asking,
    /// Nobody has signed in, or no longer.
    SignedOut {
        /// They were signed in a moment ago.
        ended: bool,
    },
    /// There is no answer.
    Unknown(ApiError),
    /// Signed in.
    Known(Box<MeView>),
}

/// Whoever looks.
pub(crate) static ME: GlobalSignal<Me> = Signal::global(|| Me::Asking);

/// Asks the API. What was known stays while it asks, and where it does not answer.
pub(crate) async fn ask_again() {
    let answer = api::get::<MeView>(&api::global("me")).await;
    let before = ME.peek().clone();
    let after = match (answer, &before) {
        (Ok(me), _) => Me::Known(Box::new(me)),
        (Err(error), _) if error.wants_sign_in() => Me::SignedOut { ended: matches!(before, Me::Known(_)) },
        (Err(_), Me::Known(_) | Me::SignedOut { .. }) => return,
        (Err(error), Me::Asking | Me::Unknown(_)) => Me::Unknown(error),
    };
    if after != before {
        *ME.write() = after;
    }
}

/// The session is no longer good.
pub(crate) fn ended() {
    let before = ME.peek().clone();
    if !matches!(before, Me::SignedOut { .. }) {
        *ME.write() = Me::SignedOut { ended: matches!(before, Me::Known(_)) };
    }
}

/// Whoever looks has signed out by themselves.
pub(crate) fn left() {
    *ME.write() = Me::SignedOut { ended: false };
}

/// The answer, once it is there.
pub(crate) fn view() -> Option<MeView> {
    match &*ME.read() {
        Me::Known(me) => Some((**me).clone()),
        _ => None,
    }
}

/// Administrator of the platform.
pub(crate) fn is_platform_admin() -> bool {
    matches!(&*ME.read(), Me::Known(me) if me.platform_admin)
}

/// The role in a project.
pub(crate) fn role_in(project: &str) -> Option<Role> {
    match &*ME.read() {
        Me::Known(me) => me.projects.iter().find(|at| at.project.as_str() == project).map(|at| at.role),
        _ => None,
    }
}

/// The first project that is open.
pub(crate) fn open_project() -> Option<String> {
    match &*ME.read() {
        Me::Known(me) => me.projects.first().map(|at| at.project.to_string()),
        _ => None,
    }
}

/// Whether the role in the project that is shown is at least this one.
pub(crate) fn may_in_project(role: Role) -> bool {
    let project = PLACE.read().project().to_owned();
    role_in(&project).is_some_and(|own| own >= role)
}
