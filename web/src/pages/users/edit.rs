//! A user's name, powers and whether they are let in, changed from the version that was read.

use dioxus::prelude::*;
use emboflow_protocol::http::access::{UserChange, UserView};

use crate::api;
use crate::parts::act::use_act;
use crate::parts::banner::{Loading, Problem};
use crate::parts::dialog::Dialog;
use crate::parts::list::List;
use crate::parts::powers::PowersForm;
use crate::parts::toast;
use crate::route::encode;

fn address(name: &str) -> String {
    api::global(&format!("users/{}", encode(name)))
}

#[component]
pub(super) fn EditUser(
    name: String,
    projects: Vec<String>,
    list: List<UserView>,
    onclose: Callback<()>,
) -> Element {
    let asked = name.clone();
    let mut read = use_resource(move || {
        let name = asked.clone();
        async move { api::get_versioned::<UserView>(&address(&name)).await }
    });
    let shown = read.read().clone();
    rsx! {
        Dialog { label: "Change {name}", onclose,
            match shown {
                None => rsx! { div { class: "dialog-body", Loading { rows: 3 } } },
                Some(Err(error)) => rsx! {
                    div { class: "dialog-body", Problem { error, retry: move |()| read.restart() } }
                },
                Some(Ok((user, version))) => rsx! { Form { user, version, projects, list, onclose } },
            }
        }
    }
}

#[component]
fn Form(
    user: UserView,
    version: Option<String>,
    projects: Vec<String>,
    list: List<UserView>,
    onclose: Callback<()>,
) -> Element {
    let before = user.clone();
    let mut display = use_signal(|| user.display.clone().unwrap_or_default());
    let mut disabled = use_signal(|| user.disabled);
    let powers = use_signal(|| user.powers.clone());
    let act = use_act();
    let submit = move |event: Event<FormData>| {
        event.prevent_default();
        // Only what was changed: nothing else can be refused, or undone.
        let called = display.peek().trim().to_owned();
        let body = UserChange {
            display: (before.display.clone().unwrap_or_default() != called).then_some(called),
            password: None,
            powers: (before.powers != *powers.peek()).then(&*powers),
            disabled: (before.disabled != disabled()).then(&*disabled),
        };
        let (name, version) = (before.name.to_string(), version.clone());
        let change = async move { api::patch::<UserView>(&address(&name), version.as_deref(), &body).await };
        act.start(change, move |user| {
            toast::done(format!("{} is changed.", user.name));
            list.reload();
            onclose.call(());
        });
    };
    rsx! {
        form { onsubmit: submit,
            div { class: "dialog-body",
                h2 { "Change " span { class: "mono", "{user.name}" } }
                div { class: "field",
                    label { r#for: "edit-display", "Called" }
                    input {
                        id: "edit-display",
                        class: "input",
                        r#type: "text",
                        maxlength: "100",
                        value: "{display}",
                        oninput: move |event| display.set(event.value()),
                    }
                }
                PowersForm { powers, projects }
                label { class: "switch",
                    input {
                        r#type: "checkbox",
                        checked: disabled(),
                        onchange: move |event| disabled.set(event.checked()),
                    }
                    "Keep them out: neither the person nor their keys are let in"
                }
                {act.refusal()}
            }
            div { class: "dialog-foot",
                button { class: "button", r#type: "button", onclick: move |_| onclose.call(()), "Cancel" }
                button { class: "button primary", r#type: "submit", disabled: act.is_busy(), "Change the user" }
            }
        }
    }
}
