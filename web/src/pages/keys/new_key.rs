//! A new API key of one's own.

use dioxus::prelude::*;
use emboflow_model::access::Powers;
use emboflow_protocol::http::access::{KeyMade, NewKey};

use crate::api;
use crate::icon::{Drawn, Icon};
use crate::me;
use crate::parts::act::use_act;
use crate::parts::dialog::Dialog;
use crate::parts::once::ShownOnce;
use crate::parts::powers::PowersForm;

/// How long a key may be good: days, and the words for them.
const ENDS: [(u32, &str); 4] =
    [(7, "in a week"), (30, "in a month"), (90, "in three months"), (365, "in a year")];

#[component]
pub(crate) fn NewKeyButton(onmade: Callback<()>) -> Element {
    let mut asks = use_signal(|| false);
    let mut made = use_signal(|| None::<KeyMade>);
    rsx! {
        button { class: "button", r#type: "button", onclick: move |_| asks.set(true),
            Drawn { icon: Icon::Plus }
            "New key"
        }
        if asks() {
            NewKeyDialog {
                onclose: move |()| asks.set(false),
                onmade: move |key| {
                    asks.set(false);
                    made.set(Some(key));
                },
            }
        }
        if let Some(key) = made() {
            ShownOnce {
                title: "The key {key.key.name}",
                text: "Give it to the program as a bearer token, in a file or a secret of the program's own.",
                value: key.value,
                onclose: move |()| {
                    made.set(None);
                    onmade.call(());
                },
            }
        }
    }
}

#[component]
fn NewKeyDialog(onclose: Callback<()>, onmade: Callback<KeyMade>) -> Element {
    let mut name = use_signal(String::new);
    let mut full = use_signal(|| false);
    let mut days = use_signal(|| Some(90_u32));
    let powers = use_signal(Powers::default);
    let act = use_act();
    let me = me::view();
    let projects = me.iter().flat_map(|me| &me.projects).map(|at| at.project.to_string()).collect::<Vec<_>>();
    let is_admin = me.is_some_and(|me| me.platform_admin);
    let gives = full() || powers.read().platform_admin || !powers.read().bindings.is_empty();
    let submit = move |event: Event<FormData>| {
        event.prevent_default();
        let powers = (!full()).then(&*powers);
        let body = NewKey { name: name.peek().trim().to_owned(), powers, expires_in_days: days() };
        let make = async move { api::post::<KeyMade>(&api::global("keys"), &body).await };
        act.start(make, move |key| onmade.call(key));
    };
    rsx! {
        Dialog { label: "New key", onclose,
            form { onsubmit: submit,
                div { class: "dialog-body",
                    h2 { "New key" }
                    div { class: "field",
                        label { r#for: "key-name", "What it is for" }
                        input {
                            id: "key-name",
                            class: "input",
                            r#type: "text",
                            maxlength: "100",
                            autocomplete: "off",
                            placeholder: "nightly import on the lab's server",
                            value: "{name}",
                            oninput: move |event| name.set(event.value()),
                        }
                    }
                    label { class: "switch",
                        input {
                            r#type: "checkbox",
                            checked: full(),
                            onchange: move |event| full.set(event.checked()),
                        }
                        "It may all that you may"
                    }
                    if !full() {
                        PowersForm { powers, projects, platform: is_admin }
                    }
                    div { class: "field",
                        label { r#for: "key-ends", "It ends" }
                        select {
                            id: "key-ends",
                            class: "input",
                            onchange: move |event| days.set(event.value().parse().ok()),
                            for (count , words) in ENDS {
                                option { key: "{count}", value: "{count}", selected: days() == Some(count), "{words}" }
                            }
                            option { value: "never", selected: days().is_none(), "never" }
                        }
                    }
                    {act.refusal()}
                }
                div { class: "dialog-foot",
                    button { class: "button", r#type: "button", onclick: move |_| onclose.call(()), "Cancel" }
                    button { class: "button primary", r#type: "submit", disabled: act.is_busy() || !gives || name.read().trim().is_empty(), "Make the key" }
                }
            }
        }
    }
}
