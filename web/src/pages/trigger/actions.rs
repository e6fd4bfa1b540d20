//! What can be done to a trigger: fire, backfill, pause with a reason, resume, edit, remove.

use dioxus::prelude::*;
use emboflow_protocol::http::trigger::{FireBody, FiredView, PauseBody, TriggerView};
use serde_json::Value;

use super::backfill::Backfill;
use super::edit::EditTrigger;
use super::of_trigger;
use crate::api;
use crate::icon::{Drawn, Icon};
use crate::parts::act::{Confirm, use_act};
use crate::parts::ask::Ask;
use crate::parts::toast;
use crate::place::go;
use crate::route::{Place, Route};

/// What is open.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    Nothing,
    Fire,
    Backfill,
    Pause,
    Edit,
    Remove,
}

#[component]
pub(super) fn Actions(
    view: TriggerView,
    version: Option<String>,
    onchange: Callback<()>,
    onfired: Callback<()>,
) -> Element {
    let mut open = use_signal(|| Open::Nothing);
    let act = use_act();
    let name = view.name.to_string();
    let resumed = name.clone();
    let resume = move |_| {
        let address = of_trigger(&resumed, "resume");
        act.start(async move { api::post::<TriggerView>(&address, &Value::Null).await }, move |_| {
            toast::done("It starts runs again.");
            onchange.call(());
        });
    };
    let close = move |()| open.set(Open::Nothing);
    rsx! {
        div { class: "actions",
            button { class: "button primary", r#type: "button", onclick: move |_| open.set(Open::Fire),
                Drawn { icon: Icon::Play }
                "Fire…"
            }
            if view.kind == "schedule" {
                button { class: "button", r#type: "button", onclick: move |_| open.set(Open::Backfill), "Backfill…" }
            }
            if view.paused.is_some() {
                button { class: "button", r#type: "button", disabled: act.is_busy(), onclick: resume, "Resume" }
            } else {
                button { class: "button", r#type: "button", onclick: move |_| open.set(Open::Pause),
                    Drawn { icon: Icon::Pause }
                    "Pause…"
                }
            }
            if view.source.is_some() {
                button { class: "button", r#type: "button", onclick: move |_| open.set(Open::Edit), "Edit…" }
                button { class: "button", r#type: "button", onclick: move |_| open.set(Open::Remove), "Remove…" }
            }
        }
        if open() == Open::Nothing {
            {act.refusal()}
        }
        match open() {
            Open::Nothing => rsx! {},
            Open::Fire => rsx! { FireIt { name, onclose: close, onfired } },
            Open::Backfill => rsx! { Backfill { name, onclose: close, onfired } },
            Open::Pause => rsx! { PauseIt { name, onclose: close, onchange } },
            Open::Edit => rsx! {
                EditTrigger {
                    source: view.source.clone().unwrap_or_default(),
                    version: version.clone().or_else(|| Some("*".to_owned())),
                    onclose: close,
                    onkept: move |()| {
                        open.set(Open::Nothing);
                        onchange.call(());
                    },
                }
            },
            Open::Remove => rsx! { RemoveIt { name, onclose: close } },
        }
    }
}

#[component]
fn RemoveIt(name: String, onclose: Callback<()>) -> Element {
    let act = use_act();
    rsx! {
        Confirm {
            title: "Remove the trigger {name}?",
            text: "Its history goes with it. The runs that it has started stay.",
            verb: "Remove it",
            act,
            onclose,
            onconfirm: move |()| {
                let address = of_trigger(&name, "");
                act.start(async move { api::delete(&address).await }, move |()| {
                    toast::done("The trigger is removed.");
                    go(Place::new(Route::Triggers));
                });
            },
        }
    }
}

#[component]
fn PauseIt(name: String, onclose: Callback<()>, onchange: Callback<()>) -> Element {
    let mut reason = use_signal(String::new);
    let act = use_act();
    let submit = move |()| {
        let address = of_trigger(&name, "pause");
        let given = reason.peek().trim().to_owned();
        let body = PauseBody { reason: Some(given).filter(|given| !given.is_empty()) };
        act.start(async move { api::post::<TriggerView>(&address, &body).await }, move |_| {
            toast::done("It starts no runs until it is resumed.");
            onclose.call(());
            onchange.call(());
        });
    };
    rsx! {
        Ask {
            title: "Pause the trigger",
            text: "Times that pass meanwhile are not made up for.",
            verb: "Pause it",
            act,
            onclose,
            onsubmit: submit,
            div { class: "field",
                label { r#for: "pause-reason", "Why" }
                input {
                    id: "pause-reason",
                    class: "input",
                    r#type: "text",
                    maxlength: "1000",
                    value: "{reason}",
                    oninput: move |event| reason.set(event.value()),
                }
            }
        }
    }
}

#[component]
fn FireIt(name: String, onclose: Callback<()>, onfired: Callback<()>) -> Element {
    let mut data = use_signal(|| "{}".to_owned());
    let act = use_act();
    let read =
        use_memo(move || serde_json::from_str::<Value>(&data.read()).map_err(|error| error.to_string()));
    let submit = move |()| {
        let Ok(data) = read.peek().clone() else { return };
        let address = of_trigger(&name, "fire");
        act.start(async move { api::post::<FiredView>(&address, &FireBody { data }).await }, move |_| {
            toast::done("The run is requested.");
            onclose.call(());
            onfired.call(());
        });
    };
    rsx! {
        Ask {
            title: "Fire the trigger",
            text: "Starts a run now, also while it is paused.",
            verb: "Fire it",
            act,
            ready: read.read().is_ok(),
            onclose,
            onsubmit: submit,
            div { class: "field",
                label { r#for: "fire-data", "What its expressions read as event.data" }
                textarea {
                    id: "fire-data",
                    class: "input mono",
                    rows: "6",
                    spellcheck: "false",
                    value: "{data}",
                    oninput: move |event| data.set(event.value()),
                }
                if let Err(why) = &*read.read() {
                    p { class: "hint", role: "status", "Not JSON: {why}" }
                }
            }
        }
    }
}
