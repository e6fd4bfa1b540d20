//! A state: icon, word and colour.

use dioxus::prelude::*;
use emboflow_model::access::Role;
use emboflow_model::{AttemptState, Outcome, RunState, TaskState};

use crate::icon::Drawn;
use crate::look::{self, Look};

#[component]
pub(crate) fn RunPill(
    state: RunState,
    /// A person has to decide about something of it.
    #[props(default)]
    asks: bool,
) -> Element {
    rsx! {
        {pill(look::of_run(state))}
        if asks {
            {pill(look::ASKS)}
        }
    }
}

#[component]
pub(crate) fn TaskPill(
    state: TaskState,
    /// A person has to decide.
    #[props(default)]
    asks: bool,
) -> Element {
    pill(if asks { look::ASKS } else { look::of_task(state) })
}

#[component]
pub(crate) fn AttemptPill(state: AttemptState, outcome: Option<Outcome>) -> Element {
    pill(look::of_attempt(state, outcome))
}

/// What somebody is in a project.
#[component]
pub(crate) fn RolePill(role: Role) -> Element {
    rsx! { span { class: "tag", {role.word()} } }
}

fn pill(look: Look) -> Element {
    rsx! {
        span { class: "pill {look.tone.class()}",
            Drawn { icon: look.icon }
            "{look.word}"
        }
    }
}

/// The icon alone, with the word for those who cannot see it.
#[component]
pub(crate) fn TaskIcon(state: TaskState) -> Element {
    let look = look::of_task(state);
    rsx! {
        span { title: look.word,
            Drawn { icon: look.icon, class: "state-icon {look.tone.class()}" }
            span { class: "visually-hidden", "{look.word}" }
        }
    }
}
