//! A new run that repeats a part of this one: from chosen tasks on, or with other inputs. What it would repeat is asked of
//! the server while it is filled in.

use std::collections::BTreeSet;

use dioxus::prelude::*;
use emboflow_model::RunSummary;
use emboflow_model::name::TaskName;
use emboflow_model::workflow::InputSpec;
use emboflow_protocol::http::RetryBody;
use emboflow_protocol::http::rerun::{RerunPreview, SpecPreview};
use indexmap::IndexMap;

use crate::api::{self, ApiError};
use crate::browser;
use crate::parts::act::use_act;
use crate::parts::ask::Ask;
use crate::parts::banner::{Loading, Problem};
use crate::parts::dialog::Dialog;
use crate::parts::inputs_form::{Fields, beginning, changes, count_wrong};
use crate::parts::no_cache::NoCache;
use crate::place::go;
use crate::reader;
use crate::route::Place;

/// A pause in typing after which the server is asked.
const TYPING_MS: i32 = 200;

type Inputs = IndexMap<String, InputSpec>;

/// What the run's file says: its inputs, and whether a task may take over the result of another run.
async fn declared(run: &str) -> Result<(Inputs, bool), ApiError> {
    let source = api::get_text(&api::of_run(run, "source")).await?;
    match reader::workflow(&source).await? {
        Ok(drawing) => {
            let caches = drawing.may_take_results();
            Ok((drawing.inputs, caches))
        }
        Err(_) => Err(ApiError::Strange("The run's file cannot be read by this page.".to_owned())),
    }
}

#[component]
pub(super) fn Rerun(run: RunSummary, onclose: Callback<()>) -> Element {
    let id = run.id.to_string();
    let asked = use_resource(move || {
        let id = id.clone();
        async move { declared(&id).await }
    });
    let answer = asked.read().clone();
    match answer {
        Some(Ok((inputs, caches))) => rsx! { Filling { run, inputs, caches, onclose } },
        waiting => rsx! {
            Dialog { label: "Rerun", onclose,
                div { class: "dialog-body",
                    h2 { "Rerun" }
                    match waiting {
                        Some(Err(error)) => rsx! { Problem { error } },
                        _ => rsx! { Loading { rows: 3 } },
                    }
                }
            }
        },
    }
}

#[component]
fn Filling(run: RunSummary, inputs: Inputs, caches: bool, onclose: Callback<()>) -> Element {
    let before = run.inputs.clone();
    let texts = use_signal(|| beginning(&inputs, &before));
    let named = use_signal(BTreeSet::<TaskName>::new);
    let no_cache = use_signal(|| false);
    let mut preview = use_signal(|| None::<Result<RerunPreview, ApiError>>);
    let mut strokes = use_signal(|| 0_u32);
    let act = use_act();
    let id = run.id.to_string();
    let specs = inputs.clone();
    let body = use_callback(move |()| RetryBody {
        tasks: named.peek().iter().filter_map(|name| name.as_str().parse().ok()).collect(),
        inputs: changes(&specs, &before, &texts.peek()),
        no_cache: *no_cache.peek(),
    });
    let looked = id.clone();
    // Whatever is filled in counts, once nobody types any more.
    use_effect(move || {
        let _ = (texts.read(), named.read());
        strokes += 1;
        let (stroke, address) = (*strokes.peek(), api::of_run(&looked, "retry/preview"));
        spawn(async move {
            browser::sleep_ms(TYPING_MS).await;
            if *strokes.peek() == stroke {
                let told = api::post::<RerunPreview>(&address, &body.call(())).await;
                if *strokes.peek() == stroke {
                    preview.set(Some(told));
                }
            }
        });
    });
    let ready = count_wrong(&inputs, &texts.read()) == 0 && matches!(&*preview.read(), Some(Ok(_)));
    let submit = move |()| {
        let (address, body) = (api::of_run(&id, "retry"), body.call(()));
        let sent = async move { api::post::<RunSummary>(&address, &body).await };
        act.start(sent, |new| go(Place::run(new.id)));
    };
    rsx! {
        Ask {
            title: "Rerun",
            text: "Makes a new run. Tasks whose results nothing here touches are taken over; the others run again.",
            verb: "Rerun in a new run",
            act,
            ready,
            onclose,
            onsubmit: submit,
            Fields { inputs, texts, about: "rerun" }
            From { specs: run.graph.iter().filter(|spec| spec.finally.is_none()).map(|spec| spec.name.clone()).collect::<Vec<_>>(), named }
            if caches {
                NoCache { chosen: no_cache, about: "rerun" }
            }
            div { role: "status", class: "stack",
                match &*preview.read() {
                    None => rsx! { Loading { rows: 2 } },
                    Some(Err(error)) => rsx! { p { class: "soft", {error.short()} } },
                    Some(Ok(told)) => rsx! { Told { specs: told.specs.clone() } },
                }
            }
        }
    }
}

/// The tasks to start from.
#[component]
fn From(specs: Vec<TaskName>, named: Signal<BTreeSet<TaskName>>) -> Element {
    let mut named = named;
    rsx! {
        fieldset { class: "field",
            legend { "Repeat from" }
            div { class: "row-flex wrap",
                for name in specs {
                    label { class: "switch", key: "{name}",
                        input {
                            r#type: "checkbox",
                            checked: named.read().contains(&name),
                            onchange: {
                                let name = name.clone();
                                move |event: Event<FormData>| {
                                    match event.checked() {
                                        true => named.write().insert(name.clone()),
                                        false => named.write().remove(&name),
                                    };
                                }
                            },
                        }
                        span { class: "mono", "{name}" }
                    }
                }
            }
        }
    }
}

/// What would become of each task.
#[component]
fn Told(specs: Vec<SpecPreview>) -> Element {
    rsx! {
        dl { class: "facts",
            for spec in specs {
                div { class: "pair", key: "{spec.name}",
                    dt { class: "mono", "{spec.name}" }
                    dd { {becomes(&spec)} }
                }
            }
        }
    }
}

fn becomes(spec: &SpecPreview) -> String {
    match spec.taken_over {
        all if all == spec.tasks => "taken over".to_owned(),
        0 => format!("runs again: {}", spec.reason()),
        some => format!("{some} of {} taken over, the others run again: {}", spec.tasks, spec.reason()),
    }
}
