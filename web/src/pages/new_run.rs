//! A new run from a file that is written or pasted here; it is checked while it is typed.

use std::rc::Rc;

use dioxus::prelude::*;
use emboflow_model::RunSummary;
use emboflow_protocol::http::WorkflowBody;
use emboflow_protocol::request::SubmitBody;
use emboflow_web_reader::{Drawing, Finding, Read};
use serde_json::{Map, Value};

use crate::api::{self, ApiError};
use crate::browser;
use crate::graph::Graph;
use crate::icon::{Drawn, Icon};
use crate::parts::banner::{Loading, Problem};
use crate::parts::editor::Editor;
use crate::parts::inputs_form::InputsForm;
use crate::parts::look_only::may_run;
use crate::parts::{definition, toast};
use crate::place::PLACE;
use crate::reader;
use crate::route::encode;

/// A pause in typing after which the file is checked.
const TYPING_MS: i32 = 200;

const EXAMPLE: &str = "version: 1
name: hello
tasks:
  greet:
    image: emboflow/examples-hello:1
    command: [\"echo\", \"hello\"]
";

/// A file that passed the check, ready to be run.
#[derive(Clone, PartialEq)]
struct Ready {
    drawing: Rc<Drawing>,
    source: String,
}

async fn check(source: String) -> Result<Read<Ready>, ApiError> {
    let read = reader::workflow(&source).await?;
    Ok(read.map(|drawing| Ready { drawing: Rc::new(drawing), source }))
}

#[component]
pub(crate) fn NewRun() -> Element {
    let from = PLACE.read().get("from").map(str::to_owned);
    match from {
        Some(run) => rsx! { Again { key: "{run}", run } },
        None => rsx! { Writing { source: EXAMPLE.to_owned(), given: Map::new(), title: "New run" } },
    }
}

/// The file and the inputs of an earlier run.
async fn earlier(run: &str) -> Result<(String, Map<String, Value>), ApiError> {
    let summary = api::get::<RunSummary>(&api::of_run(run, "")).await?;
    let source = api::get_text(&api::of_run(run, "source")).await?;
    Ok((source, (*summary.inputs).clone()))
}

#[component]
fn Again(run: String) -> Element {
    let asked = use_resource(use_reactive!(|run| async move { earlier(&run).await }));
    let answer = asked.read().clone();
    match answer {
        None => rsx! { Loading { rows: 6 } },
        Some(Err(error)) => rsx! { Problem { error } },
        Some(Ok((source, given))) => rsx! { Writing { source, given, title: "Run again" } },
    }
}

#[component]
fn Writing(source: String, given: Map<String, Value>, title: &'static str) -> Element {
    let mut text = use_signal(|| source);
    let mut checked = use_signal(|| None::<Result<Read<Ready>, ApiError>>);
    let mut strokes = use_signal(|| 0_u32);
    // While the file has errors, the last form that was good stays, so that nothing typed into it is lost.
    let mut good = use_signal(|| None::<Ready>);
    let look = use_callback(move |()| {
        let stroke = *strokes.peek();
        spawn(async move {
            let result = check(text.peek().clone()).await;
            if *strokes.peek() != stroke {
                return;
            }
            if let Ok(Ok(ready)) = &result {
                good.set(Some(ready.clone()));
            }
            checked.set(Some(result));
        });
    });
    use_hook(|| look.call(()));
    let result = checked.read().clone();
    let is_ready = matches!(&result, Some(Ok(Ok(ready))) if ready.source == *text.read());
    rsx! {
        div { class: "page-head",
            div {
                h1 { "{title}" }
                p { class: "lead", "Write or paste a workflow file. It is checked here by the same code that the scheduler uses." }
            }
            if let Some(Ok(Ok(ready))) = &result {
                Keep { name: ready.drawing.name.clone(), source: ready.source.clone() }
            }
        }
        div { class: "columns",
            div { class: "stack",
                Editor {
                    text: text(),
                    onchange: move |written: String| {
                        text.set(written);
                        strokes += 1;
                        let stroke = *strokes.peek();
                        spawn(async move {
                            browser::sleep_ms(TYPING_MS).await;
                            if *strokes.peek() == stroke {
                                look.call(());
                            }
                        });
                    },
                }
                {verdict(result, look)}
            }
            if let Some(ready) = good() {
                div { class: "stack",
                    div { class: "card",
                        Graph { nodes: definition::nodes(&ready.drawing), onchoose: |_| () }
                    }
                    {form(&ready, given, !is_ready)}
                }
            }
        }
    }
}

/// What the check says of the file.
fn verdict(result: Option<Result<Read<Ready>, ApiError>>, look: Callback<()>) -> Element {
    match result {
        None => rsx! { Loading { rows: 1 } },
        Some(Err(error)) => rsx! { Problem { error, retry: look } },
        Some(Ok(Err(findings))) => rsx! { Findings { findings } },
        Some(Ok(Ok(_))) => rsx! {
            div { class: "banner ok", role: "status",
                Drawn { icon: Icon::Check }
                p { "The file is valid." }
            }
        },
    }
}

/// The form is a new one when other inputs are declared.
fn form(ready: &Ready, given: Map<String, Value>, blocked: bool) -> Element {
    let declared = serde_json::to_string(&ready.drawing.inputs).unwrap_or_default();
    let body = SubmitBody { source: Some(ready.source.clone()), ..SubmitBody::default() };
    let (inputs, caches) = (ready.drawing.inputs.clone(), ready.drawing.may_take_results());
    rsx! { InputsForm { key: "{declared}", inputs, body, given, blocked, caches } }
}

#[component]
fn Findings(findings: Vec<Finding>) -> Element {
    let count = findings.len() as u64;
    rsx! {
        div { class: "stack",
            p { role: "status", class: "soft", {crate::format::count(count, "problem")} " in the file" }
            div { class: "findings",
                for (place , finding) in findings.into_iter().enumerate() {
                    button {
                        key: "{place}",
                        class: "finding",
                        r#type: "button",
                        title: "{finding.code}",
                        onclick: move |_| crate::parts::editor::show(finding.line, finding.column),
                        span { class: "where", "{finding.line}:{finding.column}" }
                        span { "{finding.message}" }
                        if let Some(hint) = &finding.hint {
                            span { class: "hint", "{hint}" }
                        }
                    }
                }
            }
        }
    }
}

/// Keeps the file under its name, for runs to come.
#[component]
fn Keep(name: String, source: String) -> Element {
    let mut busy = use_signal(|| false);
    if !may_run() {
        return rsx! {};
    }
    rsx! {
        div { class: "actions",
            button {
                class: "button",
                r#type: "button",
                disabled: busy(),
                title: "Keeps the file as the newest version of this workflow",
                onclick: move |_| {
                    let (name, source) = (name.clone(), source.clone());
                    spawn(async move {
                        busy.set(true);
                        let address = api::in_project(&format!("workflows/{}", encode(&name)));
                        match api::put::<Value>(&address, &WorkflowBody { source }).await {
                            Ok(_) => toast::done(format!("Kept as {name}.")),
                            Err(error) => toast::failed(error),
                        }
                        busy.set(false);
                    });
                },
                "Keep as “{name}”"
            }
        }
    }
}
