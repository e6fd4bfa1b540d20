//! Whether what a run does takes over no results of other runs.

use dioxus::prelude::*;

/// A switch; it is shown where a task may take a result over. `about` begins the id of its hint.
#[component]
pub(crate) fn NoCache(chosen: Signal<bool>, about: &'static str) -> Element {
    let mut chosen = chosen;
    rsx! {
        div { class: "field",
            label { class: "switch",
                input {
                    r#type: "checkbox",
                    checked: chosen(),
                    "aria-describedby": "{about}-no-cache",
                    onchange: move |event| chosen.set(event.checked()),
                }
                span { "Take over no results of other runs" }
            }
            p { id: "{about}-no-cache", class: "hint",
                "Tasks with cache run in any case; what they make is what later runs take over."
            }
        }
    }
}
