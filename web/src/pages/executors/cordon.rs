//! Keeping work away from an executor: why it is so, what is left on it, and the buttons for it.

use dioxus::prelude::*;
use emboflow_protocol::http::cordon::{CordonBody, CordonView, DrainBody};

use crate::api;
use crate::me;
use crate::parts::act::{Confirm, use_act};
use crate::parts::ask::Ask;
use crate::parts::toast;
use crate::route::encode;

/// Choices of a deadline: what is sent, in milliseconds, and what it says.
const CHOICES: [(&str, Option<Option<u64>>, &str); 5] = [
    ("cordon", None, "Goes on; only nothing new comes"),
    ("wait", Some(None), "Drain: wait until it has ended"),
    ("600000", Some(Some(600_000)), "Drain: stop it after 10 minutes"),
    ("60000", Some(Some(60_000)), "Drain: stop it after a minute"),
    ("0", Some(Some(0)), "Drain: stop it now"),
];

/// What a cordon has come to: a tone, and a word.
pub(super) fn word(view: &CordonView) -> (&'static str, &'static str) {
    match (&view.cordon.drain, view.drained) {
        (Some(_), true) => ("tone-stop", "Drained"),
        (Some(_), false) => ("tone-warn", "Draining"),
        (None, _) => ("tone-warn", "Cordoned"),
    }
}

#[component]
pub(super) fn Cordoned(executor: String, cordon: Option<CordonView>, reload: Callback<()>) -> Element {
    let mut asks = use_signal(|| false);
    let act = use_act();
    let is_cordoned = cordon.is_some();
    let address = api::global(&format!("executors/{}/cordon", encode(&executor)));
    // Whoever only hears the page is told which executor each button is about.
    let (verb, label) = match is_cordoned {
        true => ("Change", format!("Change the cordon of {executor}")),
        false => ("Cordon or drain", format!("Cordon or drain {executor}")),
    };
    rsx! {
        if let Some(view) = cordon {
            p { class: "soft", "{said(&view)}" }
        }
        if me::is_platform_admin() {
            div { class: "row-flex wrap",
                button { class: "button small", r#type: "button", "aria-label": "{label}", onclick: move |_| asks.set(true), "{verb}" }
                if is_cordoned {
                    Uncordon { executor: executor.clone(), address: address.clone(), reload }
                }
            }
            if asks() {
                CordonIt { executor: executor.clone(), address, act, onclose: move |()| asks.set(false), reload }
            }
        }
    }
}

fn said(view: &CordonView) -> String {
    let left = match view.open_attempts {
        None => "what is left on it is not known".to_owned(),
        Some(1) => "1 attempt is left".to_owned(),
        Some(left) => format!("{left} attempts are left"),
    };
    let until = view.cordon.deadline().map(|at| format!(", to be stopped at {at}")).unwrap_or_default();
    format!("{}: {} ({left}{until})", view.cordon.by, view.cordon.reason)
}

#[component]
fn Uncordon(executor: String, address: String, reload: Callback<()>) -> Element {
    let mut asks = use_signal(|| false);
    let act = use_act();
    rsx! {
        button { class: "button small", r#type: "button", "aria-label": "Uncordon {executor}", onclick: move |_| asks.set(true), "Uncordon" }
        if asks() {
            Confirm {
                title: "Give {executor} work again?",
                text: "What waits may start on it at once.",
                verb: "Uncordon it",
                act,
                onclose: move |()| asks.set(false),
                onconfirm: move |()| {
                    let address = address.clone();
                    act.start(async move { api::delete(&address).await }, move |()| {
                        asks.set(false);
                        toast::done("The executor is given work again.");
                        reload.call(());
                    });
                },
            }
        }
    }
}

#[component]
fn CordonIt(
    executor: String,
    address: String,
    act: crate::parts::act::Act,
    onclose: Callback<()>,
    reload: Callback<()>,
) -> Element {
    let mut reason = use_signal(String::new);
    let mut choice = use_signal(|| 0_usize);
    let submit = move |()| {
        let drain = CHOICES[choice()].1.map(|deadline_ms| DrainBody { deadline_ms });
        let body = CordonBody { reason: reason(), drain };
        let address = address.clone();
        act.start(async move { api::tell("PUT", &address, &body).await }, move |()| {
            onclose.call(());
            toast::done("The executor is given no new work.");
            reload.call(());
        });
    };
    rsx! {
        Ask {
            title: "Give {executor} no new work",
            text: "What is stopped is tried elsewhere, and uses up none of its retries.",
            verb: "Cordon it",
            act,
            ready: !reason.read().trim().is_empty(),
            onclose,
            onsubmit: submit,
            div { class: "field",
                label { r#for: "cordon-reason", "Why" }
                input {
                    id: "cordon-reason",
                    class: "input",
                    r#type: "text",
                    maxlength: "500",
                    value: "{reason}",
                    oninput: move |event| reason.set(event.value()),
                }
            }
            div { class: "field",
                label { r#for: "cordon-drain", "What runs on it" }
                select {
                    id: "cordon-drain",
                    class: "input",
                    onchange: move |event| {
                        let value = event.value();
                        choice.set(CHOICES.iter().position(|(key, ..)| *key == value).unwrap_or_default());
                    },
                    for (key , _ , says) in CHOICES {
                        option { key: "{key}", value: "{key}", "{says}" }
                    }
                }
            }
        }
    }
}
