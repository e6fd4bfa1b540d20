//! What the run gives to whoever started it.

use dioxus::prelude::*;
use emboflow_model::run_outputs::{OutputArtifact, RunOutputs};

use super::artifacts::json_tree::JsonTree;
use crate::format;
use crate::place::{Link, PLACE};
use crate::route::Tab;

#[component]
pub(super) fn Outputs(outputs: RunOutputs) -> Element {
    let RunOutputs { values, artifacts } = outputs;
    rsx! {
        section { class: "card", "aria-label": "Outputs",
            div { class: "card-head", h2 { "Outputs" } }
            if values.is_empty() && artifacts.is_empty() {
                p { class: "card-body dim", "Its tasks gave nothing of what the workflow names." }
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
                            for (name , value) in values {
                                tr { key: "{name}",
                                    td { class: "mono nowrap", "{name}" }
                                    td { JsonTree { name: None, value, depth: 1 } }
                                }
                            }
                            for given in artifacts {
                                tr { key: "{given.artifact.name}",
                                    td { class: "mono nowrap", "{given.artifact.name}" }
                                    td { Files { given } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// An artifact: how large it is, and where it can be read.
#[component]
fn Files(given: OutputArtifact) -> Element {
    let OutputArtifact { task, output, artifact } = given;
    let size = format!("{}, {}", format::count(artifact.files, "file"), format::bytes(artifact.size_bytes));
    rsx! {
        Link { to: PLACE.read().with_tab(Tab::Artifacts), class: "mono", "{output} of {task}" }
        span { class: "dim", " · {size}" }
    }
}
