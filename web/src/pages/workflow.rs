//! One workflow: its graph, its file, and a form that runs it.

mod cached;

use dioxus::prelude::*;
use emboflow_protocol::http::WorkflowView;
use emboflow_protocol::request::SubmitBody;
use emboflow_web_reader::{Drawing, Finding};

use cached::Cached;

use crate::api;
use crate::graph::Graph;
use crate::icon::{Drawn, Icon};
use crate::parts::act::{Confirm, use_act};
use crate::parts::banner::{Empty, Loading, Problem};
use crate::parts::definition;
use crate::parts::inputs_form::InputsForm;
use crate::parts::look_only::may_run;
use crate::parts::source::Source;
use crate::parts::text::Ago;
use crate::parts::toast;
use crate::place::{Link, PLACE, go};
use crate::reader;
use crate::route::{Place, Route, encode};

const TABS: [(&str, &str); 2] = [("", "Overview"), ("run", "Run")];

#[component]
pub(crate) fn WorkflowPage(name: String) -> Element {
    let asked_name = name.clone();
    let mut asked = use_resource(move || {
        let address = api::in_project(&format!("workflows/{}", encode(&asked_name)));
        async move { api::get::<WorkflowView>(&address).await }
    });
    let answer = asked.read().clone();
    match answer {
        None => rsx! { Loading { rows: 6 } },
        Some(Err(error)) if error.is_missing() => rsx! { NotKept { name } },
        Some(Err(error)) => rsx! { Problem { error, retry: move |()| asked.restart() } },
        Some(Ok(view)) => rsx! { Shown { view } },
    }
}

/// A run can be made from a file that nobody keeps.
#[component]
fn NotKept(name: String) -> Element {
    rsx! {
        Empty { title: "No workflow is kept as {name}", heading: true,
            p { "Its runs were made from a file that was not kept. Keep it under its name:" }
            code { "emboflow workflow apply FILE" }
            Link { to: Place::new(Route::Runs).with("workflow", &name), class: "button", "Its runs" }
        }
    }
}

#[component]
fn Shown(view: WorkflowView) -> Element {
    let place = PLACE.read().clone();
    let tab = place.get("tab").unwrap_or_default().to_owned();
    let name = view.name.to_string();
    let source = view.source.clone().unwrap_or_default();
    let asked = source.clone();
    let mut read = use_resource(use_reactive!(|asked| async move { reader::workflow(&asked).await }));
    let answer = read.read().clone();
    let drawn = match answer {
        None => rsx! { Loading { rows: 4 } },
        Some(Err(error)) => rsx! { Problem { error, retry: move |()| read.restart() } },
        Some(Ok(Err(findings))) => rsx! { Wrong { findings } },
        Some(Ok(Ok(drawing))) if tab == "run" => {
            let body = SubmitBody { workflow: Some(name.clone()), ..SubmitBody::default() };
            let caches = drawing.may_take_results();
            rsx! { InputsForm { inputs: drawing.inputs, body, given: serde_json::Map::new(), caches } }
        }
        Some(Ok(Ok(drawing))) => {
            let caches = drawing.may_take_results();
            rsx! {
                Tasks { drawing }
                if caches {
                    Cached { name: view.name.clone() }
                }
            }
        }
    };
    rsx! {
        div { class: "page-head",
            div {
                h1 { class: "mono", "{name}" }
                p { class: "lead",
                    if let Some(text) = &view.description {
                        "{text} · "
                    }
                    "version {view.version}, applied "
                    Ago { at: view.created_at }
                }
            }
            div { class: "actions",
                Link { to: Place::new(Route::Runs).with("workflow", &name), class: "button",
                    Drawn { icon: Icon::Runs }
                    "Its runs"
                }
                if may_run() {
                    Removal { name: name.clone() }
                    Link { to: place.with("tab", "run"), class: "button primary",
                        Drawn { icon: Icon::Play }
                        "Run…"
                    }
                }
            }
        }
        nav { class: "tabs", "aria-label": "Views of the workflow",
            for (word , title) in TABS {
                Link { key: "{title}", to: place.with("tab", word), class: "tab", current: (word == tab).then(|| "page".to_owned()), "{title}" }
            }
        }
        div { class: "stack",
            {drawn}
            if tab != "run" {
                Source { text: source }
            }
        }
    }
}

#[component]
fn Removal(name: String) -> Element {
    let mut asks = use_signal(|| false);
    let act = use_act();
    rsx! {
        button { class: "button", r#type: "button", onclick: move |_| asks.set(true), "Remove…" }
        if asks() {
            Confirm {
                title: "Remove the workflow {name}?",
                text: "All its versions go, and the triggers of its file. Its runs stay, and those that are open go on.",
                verb: "Remove it",
                act,
                onclose: move |()| asks.set(false),
                onconfirm: move |()| {
                    let address = api::in_project(&format!("workflows/{}", encode(&name)));
                    act.start(async move { api::delete(&address).await }, move |()| {
                        toast::done("The workflow is removed.");
                        go(Place::new(Route::Workflows));
                    });
                },
            }
        }
    }
}

#[component]
fn Wrong(findings: Vec<Finding>) -> Element {
    let first = findings.into_iter().next().map(|finding| finding.text);
    rsx! {
        div { class: "banner warn",
            Drawn { icon: Icon::Alert }
            p { "This version of EmboFlow finds problems in the file: " {first.unwrap_or_default()} }
        }
    }
}

#[component]
fn Tasks(drawing: Drawing) -> Element {
    let mut chosen = use_signal(String::new);
    let choice = chosen();
    let nodes = definition::nodes(&drawing).into_iter().map(|mut node| {
        node.selected = node.name == choice;
        node
    });
    let nodes: Vec<_> = nodes.collect();
    let facts = drawing.tasks.into_iter().find(|task| task.name == choice).map(|task| task.facts);
    let class = if facts.is_some() { "split open" } else { "split" };
    rsx! {
        div { class,
            div { class: "card",
                Graph { nodes, onchoose: move |name| chosen.set(name) }
            }
            if let Some(facts) = facts {
                aside { class: "card panel", "aria-label": "Task {choice}",
                    div { class: "card-head",
                        h2 { class: "mono grow", "{choice}" }
                        button { class: "button ghost small square", r#type: "button", "aria-label": "Close the panel", onclick: move |_| chosen.set(String::new()),
                            Drawn { icon: Icon::Close }
                        }
                    }
                    dl { class: "facts card-body",
                        for (name , value) in facts {
                            div { key: "{name}", class: "pair",
                                dt { "{name}" }
                                dd { class: "mono", "{value}" }
                            }
                        }
                    }
                }
            }
        }
    }
}
