//! What the page has to say: problems, empty lists, loading.

use dioxus::prelude::*;

use crate::api::ApiError;
use crate::icon::{Drawn, Icon};
use crate::parts::sign_in::SignIn;

/// An error of the API in full: what, why, what to do, and the code to ask about.
#[component]
pub(crate) fn Problem(error: ApiError, #[props(default)] retry: Option<Callback<()>>) -> Element {
    if error.wants_sign_in() {
        return rsx! { SignIn {} };
    }
    let (title, detail, hint, code) = match &error {
        ApiError::Unreachable(why) => (
            "The API does not answer".to_owned(),
            Some(why.clone()),
            Some("Is EmboFlow running? What you see may be old.".to_owned()),
            None,
        ),
        ApiError::Strange(why) => (
            "The answer cannot be read".to_owned(),
            Some(why.clone()),
            Some("Reload the page; it may be older than the server.".to_owned()),
            None,
        ),
        ApiError::Refused(problem) => {
            (problem.title.clone(), problem.detail.clone(), problem.hint.clone(), Some(problem.code.clone()))
        }
    };
    let errors = match &error {
        ApiError::Refused(problem) => problem.errors.clone(),
        _ => Vec::new(),
    };
    rsx! {
        div { class: "banner bad", role: "alert",
            Drawn { icon: Icon::Alert }
            div { class: "grow",
                h3 { "{title}" }
                if let Some(detail) = detail {
                    p { "{detail}" }
                }
                for (place , wrong) in errors.iter().enumerate() {
                    p { key: "{place}",
                        if let Some(line) = wrong.line {
                            span { class: "mono", "{line}:{wrong.column.unwrap_or(1)} " }
                        }
                        "{wrong.message}"
                        if let Some(hint) = &wrong.hint {
                            span { class: "dim", " {hint}" }
                        }
                    }
                }
                if let Some(hint) = hint {
                    p { class: "soft", "{hint}" }
                }
                if let Some(code) = code {
                    p { class: "dim mono", "{code}" }
                }
            }
            if let Some(retry) = retry {
                button { class: "button small", r#type: "button", onclick: move |_| retry.call(()), "Try again" }
            }
        }
    }
}

/// Nothing to show, and what to do about it.
#[component]
pub(crate) fn Empty(title: String, children: Element) -> Element {
    rsx! {
        div { class: "empty",
            h2 { "{title}" }
            {children}
        }
    }
}

/// The outline of a list that is not there yet.
#[component]
pub(crate) fn Loading(#[props(default = 6)] rows: usize) -> Element {
    rsx! {
        div { "aria-busy": "true",
            p { class: "visually-hidden", role: "status", "Loading" }
            for row in 0..rows {
                div { key: "{row}", class: "skeleton row" }
            }
        }
    }
}
