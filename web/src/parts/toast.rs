//! Short notices in a corner: what an action came to.

use dioxus::prelude::*;

use crate::api::ApiError;
use crate::browser;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::parts::banner::Problem;

/// How long good news stays.
const STAYS_MS: i32 = 5_000;

#[derive(Clone, Debug, PartialEq)]
enum Notice {
    Done(String),
    /// With whom it concerns, when that is not clear.
    Failed(ApiError, Option<String>),
}

static NOTICES: GlobalSignal<Vec<(u64, Notice)>> = Signal::global(Vec::new);
static NEXT: GlobalSignal<u64> = Signal::global(|| 0);

/// Says that something was done.
pub(crate) fn done(text: impl Into<String>) {
    let id = push(Notice::Done(text.into()));
    dioxus::core::spawn_forever(async move {
        browser::sleep_ms(STAYS_MS).await;
        dismiss(id);
    });
}

/// Says that something was refused; it stays until it is read.
pub(crate) fn failed(error: ApiError) {
    push(Notice::Failed(error, None));
}

/// Says that something was refused for several, the first reason as an example; it stays until it is read.
pub(crate) fn failed_of(error: ApiError, count: u64, noun: &str) {
    push(Notice::Failed(error, Some(format!("Refused for {}.", format::count(count, noun)))));
}

fn push(notice: Notice) -> u64 {
    let id = *NEXT.peek() + 1;
    *NEXT.write() = id;
    NOTICES.write().push((id, notice));
    id
}

fn dismiss(id: u64) {
    NOTICES.write().retain(|(other, _)| *other != id);
}

#[component]
pub(crate) fn Toasts() -> Element {
    let notices = NOTICES.read().clone();
    rsx! {
        div { class: "toasts", "aria-live": "polite",
            for (id , notice) in notices {
                div { key: "{id}", class: "row-flex",
                    div { class: "grow",
                        match notice {
                            Notice::Done(text) => rsx! {
                                div { class: "banner ok",
                                    Drawn { icon: Icon::Check }
                                    p { "{text}" }
                                }
                            },
                            Notice::Failed(error, whom) => rsx! {
                                Problem { error, whom }
                            },
                        }
                    }
                    button {
                        class: "button small square",
                        r#type: "button",
                        "aria-label": "Dismiss",
                        onclick: move |_| dismiss(id),
                        Drawn { icon: Icon::Close }
                    }
                }
            }
        }
    }
}
