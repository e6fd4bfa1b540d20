//! A new user: without a password, but with a link to choose one.

use dioxus::prelude::*;
use emboflow_model::access::{Powers, UserName};
use emboflow_protocol::http::access::{NewUser, OneTimeLink, UserMade};

use crate::api;
use crate::parts::act::use_act;
use crate::parts::dialog::Dialog;
use crate::parts::powers::PowersForm;

#[component]
pub(super) fn NewUserDialog(
    projects: Vec<String>,
    onclose: Callback<()>,
    onmade: Callback<(String, Option<OneTimeLink>)>,
) -> Element {
    let mut name = use_signal(String::new);
    let mut display = use_signal(String::new);
    let powers = use_signal(Powers::default);
    let act = use_act();
    let read = UserName::new(name.read().trim());
    let wrong = read.as_ref().err().filter(|_| !name.read().is_empty()).map(ToString::to_string);
    let (is_ready, is_wrong) = (read.is_ok(), wrong.is_some());
    let submit = move |event: Event<FormData>| {
        event.prevent_default();
        let Ok(name) = UserName::new(name.peek().trim()) else { return };
        let display = Some(display.peek().trim().to_owned()).filter(|text| !text.is_empty());
        let body = NewUser { name, display, password: None, powers: powers() };
        let make = async move { api::post::<UserMade>(&api::global("users"), &body).await };
        act.start(make, move |made| onmade.call((made.user.name.to_string(), made.link)));
    };
    rsx! {
        Dialog { label: "New user", onclose,
            form { onsubmit: submit,
                div { class: "dialog-body",
                    h2 { "New user" }
                    div { class: "field",
                        label { r#for: "user-name", "Name to sign in with" }
                        input {
                            id: "user-name",
                            class: "input mono",
                            r#type: "text",
                            autocomplete: "off",
                            autocapitalize: "none",
                            spellcheck: "false",
                            "aria-invalid": is_wrong.then_some("true"),
                            "aria-describedby": "user-name-wrong",
                            value: "{name}",
                            oninput: move |event| name.set(event.value()),
                        }
                        p { id: "user-name-wrong", class: "wrong", {wrong.unwrap_or_default()} }
                    }
                    div { class: "field",
                        label { r#for: "user-display", "Called " span { class: "dim", "(optional)" } }
                        input {
                            id: "user-display",
                            class: "input",
                            r#type: "text",
                            maxlength: "100",
                            autocomplete: "off",
                            value: "{display}",
                            oninput: move |event| display.set(event.value()),
                        }
                    }
                    PowersForm { powers, projects }
                    p { class: "soft", "You get a link to send them; with it they sign in once and choose a password." }
                    {act.refusal()}
                }
                div { class: "dialog-foot",
                    button { class: "button", r#type: "button", onclick: move |_| onclose.call(()), "Cancel" }
                    button { class: "button primary", r#type: "submit", disabled: act.is_busy() || !is_ready, "Make the user" }
                }
            }
        }
    }
}
