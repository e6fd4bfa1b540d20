//! A form in a dialog: what it asks for, why it was refused, and the two buttons below.

use dioxus::prelude::*;

use crate::parts::act::Act;
use crate::parts::dialog::Dialog;

#[component]
pub(crate) fn Ask(
    title: String,
    /// What follows from it.
    #[props(default)]
    text: String,
    /// What the button says.
    verb: String,
    act: Act,
    /// What is filled in can be sent.
    #[props(default = true)]
    ready: bool,
    onclose: Callback<()>,
    onsubmit: Callback<()>,
    children: Element,
) -> Element {
    let submit = move |event: Event<FormData>| {
        event.prevent_default();
        onsubmit.call(());
    };
    rsx! {
        Dialog { label: title.clone(), onclose,
            form { onsubmit: submit,
                div { class: "dialog-body",
                    h2 { "{title}" }
                    if !text.is_empty() {
                        p { class: "soft", "{text}" }
                    }
                    {children}
                    {act.refusal()}
                }
                div { class: "dialog-foot",
                    button { class: "button", r#type: "button", onclick: move |_| onclose.call(()), "Cancel" }
                    button { class: "button primary", r#type: "submit", disabled: act.is_busy() || !ready, "{verb}" }
                }
            }
        }
    }
}
