//! One's own password.

use dioxus::prelude::*;
use emboflow_protocol::http::access::PasswordBody;

use crate::api;
use crate::me;
use crate::parts::act::use_act;
use crate::parts::toast;

#[component]
pub(super) fn PasswordCard(has_password: bool, by_link: bool) -> Element {
    let current = use_signal(String::new);
    let password = use_signal(String::new);
    let again = use_signal(String::new);
    let act = use_act();
    let wants_current = has_password && !by_link;
    let differs = !again.read().is_empty() && *again.read() != *password.read();
    let is_ready = !password.read().is_empty()
        && *again.read() == *password.read()
        && (!wants_current || !current.read().is_empty());
    let submit = move |event: Event<FormData>| {
        event.prevent_default();
        let body = PasswordBody { current: wants_current.then(&*current), password: password() };
        let change = async move { api::tell("POST", &api::global("me/password"), &body).await };
        act.start(change, move |()| {
            for mut field in [current, password, again] {
                field.set(String::new());
            }
            toast::done("The password is changed. Your other sessions are ended.");
            spawn(me::ask_again());
        });
    };
    rsx! {
        form { class: "card", onsubmit: submit,
            div { class: "card-head",
                h2 { if has_password { "Change the password" } else { "Choose a password" } }
            }
            div { class: "card-body stack",
                if wants_current {
                    Field { id: "current", label: "Current password", autocomplete: "current-password", text: current }
                }
                Field { id: "new-password", label: "New password", autocomplete: "new-password", text: password }
                Field { id: "again", label: "New password again", autocomplete: "new-password", text: again, wrong: differs.then_some("The two are not the same.") }
                {act.refusal()}
                div {
                    button { class: "button primary", r#type: "submit", disabled: act.is_busy() || !is_ready,
                        if has_password { "Change the password" } else { "Keep the password" }
                    }
                }
            }
        }
    }
}

#[component]
fn Field(
    id: &'static str,
    label: &'static str,
    autocomplete: &'static str,
    text: Signal<String>,
    #[props(default)] wrong: Option<&'static str>,
) -> Element {
    let mut text = text;
    rsx! {
        div { class: "field",
            label { r#for: id, "{label}" }
            input {
                id,
                class: "input",
                r#type: "password",
                autocomplete,
                "aria-invalid": wrong.is_some().then_some("true"),
                value: "{text}",
                oninput: move |event| text.set(event.value()),
            }
            if let Some(wrong) = wrong {
                p { class: "wrong", role: "alert", "{wrong}" }
            }
        }
    }
}
