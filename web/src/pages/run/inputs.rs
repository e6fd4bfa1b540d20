//! What the run was given and what it gives: inputs, outputs, labels, and where it comes from.

use std::sync::Arc;

use dioxus::prelude::*;
use emboflow_model::run_outputs::RunOutputs;
use serde_json::{Map, Value};

use super::RunView;
use super::artifacts::json_tree::JsonTree;
use super::outputs::Outputs;
use crate::browser;
use crate::parts::text::Copy;
use crate::place::Link;
use crate::route::Place;

#[component]
pub(super) fn Inputs() -> Element {
    let view = use_context::<RunView>();
    let Some(run) = view.summary.read().clone() else { return rsx! {} };
    let origin = [
        ("Run", run.id.to_string()),
        ("Idempotency key", run.key.clone()),
        ("Workflow file", run.digest.clone()),
        ("Trace", run.trace_id.clone()),
    ];
    let moments =
        [("Created", Some(run.created_at)), ("Started", run.started_at), ("Finished", run.finished_at)];
    let moments = moments.into_iter().filter_map(|(name, at)| Some((name, at?)));
    rsx! {
        div { class: "stack",
            if let Some(outputs) = &run.outputs {
                Outputs { outputs: RunOutputs::clone(outputs) }
            }
            Given { inputs: run.inputs.clone() }
            section { class: "card",
                div { class: "card-head", h2 { "Origin" } }
                dl { class: "facts card-body",
                    for (name , value) in origin {
                        div { key: "{name}", class: "pair",
                            dt { "{name}" }
                            dd { class: "with-copy",
                                span { class: "id", "{value}" }
                                Copy { text: value.clone(), what: name }
                            }
                        }
                    }
                    for (name , at) in moments {
                        div { key: "{name}", class: "pair",
                            dt { "{name}" }
                            dd { class: "num",
                                {browser::local_time(at.0)}
                                span { class: "dim", {format!(" {} · {at}", browser::zone(at.0))} }
                            }
                        }
                    }
                    for (name , value) in &run.labels {
                        div { key: "{name}", class: "pair",
                            dt { "Label {name}" }
                            dd { "{value}" }
                        }
                    }
                    if let Some(from) = run.recovered_from {
                        dt { "Repeats" }
                        dd {
                            Link { to: Place::run(from), class: "id", "{from}" }
                        }
                    }
                }
            }
        }
    }
}

#[component]
fn Given(inputs: Arc<Map<String, Value>>) -> Element {
    rsx! {
        section { class: "card",
            div { class: "card-head", h2 { "Inputs" } }
            if inputs.is_empty() {
                p { class: "card-body dim", "The workflow has no inputs." }
            } else {
                div { class: "table-wrap",
                    table { class: "dense",
                        thead {
                            tr {
                                th { scope: "col", "Name" }
                                th { scope: "col", "Value" }
                            }
                        }
                        tbody {
                            for (name , value) in Map::clone(&inputs) {
                                tr { key: "{name}",
                                    td { class: "mono nowrap", "{name}" }
                                    td { JsonTree { name: None, value, depth: 1 } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
