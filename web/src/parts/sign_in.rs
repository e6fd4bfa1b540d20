//! What a browser sees that nobody has signed in with.

use dioxus::prelude::*;

use crate::api;
use crate::browser;
use crate::icon::{Drawn, Icon};

#[component]
pub(crate) fn SignIn() -> Element {
    let mut token = use_signal(String::new);
    let mut refused = use_signal(|| None::<String>);
    let mut busy = use_signal(|| false);
    rsx! {
        form {
            class: "card sign-in",
            onsubmit: move |event| {
                event.prevent_default();
                spawn(async move {
                    busy.set(true);
                    let given = token.peek().trim().to_owned();
                    match api::sign_in(&given).await {
                        Ok(()) => browser::reload(),
                        Err(error) if error.wants_sign_in() => {
                            refused.set(Some("This is not the installation's token.".to_owned()));
                        }
                        Err(error) => refused.set(Some(error.short())),
                    }
                    busy.set(false);
                });
            },
            div { class: "card-head", h2 { "Sign in" } }
            div { class: "card-body stack",
                p { class: "soft",
                    "Open the link that "
                    code { "emboflow up" }
                    " printed; it signs this browser in. Or paste the token from "
                    code { "up.json" }
                    " in its data directory."
                }
                div { class: "field",
                    label { r#for: "token", "Token" }
                    input {
                        id: "token",
                        class: "input mono",
                        r#type: "password",
                        autocomplete: "current-password",
                        value: "{token}",
                        oninput: move |event| token.set(event.value()),
                    }
                    if let Some(refused) = refused() {
                        p { class: "wrong", role: "alert", "{refused}" }
                    }
                }
                div {
                    button { class: "button primary", r#type: "submit", disabled: busy() || token.read().trim().is_empty(),
                        Drawn { icon: Icon::Check }
                        "Sign in"
                    }
                }
            }
        }
    }
}
