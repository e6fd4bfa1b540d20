//! A value that is shown this once. Nothing but its own button takes it away.

use dioxus::prelude::*;

use crate::browser;
use crate::icon::{Drawn, Icon};
use crate::parts::dialog::Dialog;

/// Id of the element that shows the value.
const VALUE: &str = "once-value";

#[component]
pub(crate) fn ShownOnce(title: String, text: String, value: String, onclose: Callback<()>) -> Element {
    let mut copied = use_signal(|| None::<bool>);
    let shown = value.clone();
    rsx! {
        Dialog { label: title.clone(), stays: true, onclose,
            div { class: "dialog-body",
                h2 { "{title}" }
                p { class: "soft", "{text}" }
                output { id: VALUE, class: "once mono", tabindex: "0", onfocus: move |_| browser::select_all(VALUE), "{shown}" }
                p { class: "soft", role: "status",
                    match copied() {
                        None => "It is shown this once, and kept nowhere.",
                        Some(true) => "Copied. It is shown this once, and kept nowhere.",
                        Some(false) => "The browser does not copy here. It is selected: copy it by hand (Ctrl C).",
                    }
                }
            }
            div { class: "dialog-foot",
                button {
                    class: "button primary",
                    r#type: "button",
                    autofocus: true,
                    onclick: move |_| {
                        let value = value.clone();
                        spawn(async move {
                            let done = browser::copy(&value).await;
                            if !done {
                                browser::focus(VALUE);
                            }
                            copied.set(Some(done));
                        });
                    },
                    Drawn { icon: Icon::Copy }
                    "Copy"
                }
                button { class: "button", r#type: "button", onclick: move |_| onclose.call(()), "I have kept it" }
            }
        }
    }
}
