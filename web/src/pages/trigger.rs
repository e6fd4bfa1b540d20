//! One trigger: when it starts runs next, what came of it, and what can be done to it.

mod actions;
mod backfill;
pub(crate) mod edit;
mod history;
mod times;
pub(crate) mod words;

use dioxus::prelude::*;
use emboflow_model::access::Role;
use emboflow_protocol::http::trigger::TriggerView;

use crate::api;
use crate::browser;
use crate::icon::{Drawn, Icon};
use crate::live::{self, RESYNC};
use crate::me;
use crate::parts::banner::{Empty, Loading, Problem};
use crate::parts::source::Source;
use crate::parts::text::{Ago, Copy};
use crate::place::Link;
use crate::route::{Place, Route, encode};
use actions::Actions;
use history::History;
use times::Times;

/// The address of something of a trigger, such as `times`; of the trigger itself when `path` is empty.
fn of_trigger(name: &str, path: &str) -> String {
    let slash = if path.is_empty() { "" } else { "/" };
    api::in_project(&format!("triggers/{}{slash}{path}", encode(name)))
}

#[component]
pub(crate) fn TriggerPage(name: String) -> Element {
    let asked_name = name.clone();
    let mut asked = use_resource(move || {
        let _ = RESYNC.read();
        let address = of_trigger(&asked_name, "");
        async move {
            live::settled().await;
            api::get_versioned::<TriggerView>(&address).await
        }
    });
    // Somebody else has paused, resumed, changed or removed it, or another one.
    live::use_changes("trigger", move || asked.restart());
    let answer = asked.read().clone();
    match answer {
        None => rsx! { Loading { rows: 6 } },
        Some(Err(error)) if error.is_missing() => rsx! {
            Empty { title: "There is no trigger {name}", heading: true,
                Link { to: Place::new(Route::Triggers), class: "button", "All triggers" }
            }
        },
        Some(Err(error)) => rsx! { Problem { error, retry: move |()| asked.restart() } },
        Some(Ok((view, version))) => rsx! { Shown { view, version, onchange: move |()| asked.restart() } },
    }
}

#[component]
fn Shown(view: TriggerView, version: Option<String>, onchange: Callback<()>) -> Element {
    let name = view.name.to_string();
    let workflow = view.workflow.to_string();
    // What was started since is read again.
    let mut fired = use_signal(|| 0_u32);
    rsx! {
        div { class: "page-head",
            div {
                h1 { class: "mono", "{name}" }
                p { class: "lead",
                    "{view.summary} · made "
                    Ago { at: view.created_at }
                }
            }
            if me::may_in_project(Role::Developer) {
                Actions { view: view.clone(), version: version.clone(), onchange, onfired: move |()| fired += 1 }
            }
        }
        if let Some(paused) = &view.paused {
            div { class: "banner warn", role: "status",
                Drawn { icon: Icon::Pause }
                p {
                    "Paused "
                    Ago { at: paused.since }
                    if let Some(reason) = &paused.reason {
                        ": {reason}"
                    }
                }
            }
        }
        p { class: "row-flex",
            span { class: "soft", if view.declared_by.is_some() { "It stands in the file of its workflow:" } else { "It starts runs of" } }
            Link { to: Place::new(Route::Workflow { name: workflow.clone() }), class: "button small", label: "Workflow {workflow}",
                Drawn { icon: Icon::Workflow }
                "{workflow}"
            }
        }
        div { class: "stack",
            if view.kind == "schedule" {
                Times { name: name.clone(), version: version.clone() }
            }
            if let Some(hook) = &view.hook {
                Hook { address: format!("{}{}", browser::origin(), hook_path(hook)) }
            }
            History { name: name.clone(), fired: fired() }
            if let Some(source) = &view.source {
                Source { text: source.clone(), title: "Its file" }
            }
        }
    }
}

/// The page may lie below a path of the server.
fn hook_path(hook: &str) -> String {
    format!("{}{}", browser::root(), hook.trim_start_matches('/'))
}

#[component]
fn Hook(address: String) -> Element {
    rsx! {
        section { class: "card",
            div { class: "card-head", h2 { class: "grow", "Where requests go" } }
            div { class: "card-body row-flex",
                code { class: "mono grow cut", "{address}" }
                Copy { text: address.clone(), what: "the address" }
            }
        }
    }
}
