//! The graph of the run: all of it from the start, fan-outs folded, with a table that says the same.

use dioxus::prelude::*;
use emboflow_model::{Task, TaskState};
use indexmap::IndexMap;

use super::RunView;
use super::file::RunFile;
use crate::format;
use crate::graph::{Graph, Node};
use crate::look::{self, TASK_STATES};
use crate::parts::definition::in_one_line;
use crate::parts::pill::TaskPill;
use crate::parts::virtual_rows::{self, Frame};
use crate::place::{Link, PLACE, go, here};

/// As in the style sheet.
const ROW_PX: f64 = 33.0;

fn nodes(view: RunView, opened: &str) -> Vec<Node> {
    let mut states: std::collections::HashMap<String, IndexMap<TaskState, u32>> =
        std::collections::HashMap::new();
    let mut asking = std::collections::HashSet::new();
    for task in view.tasks.read().iter() {
        if task.open_approval().is_some() {
            asking.insert(task.key.name.to_string());
        }
        *states.entry(task.key.name.to_string()).or_default().entry(task.state).or_insert(0) += 1;
    }
    let run = view.summary.read();
    let graph = run.as_ref().map(|run| run.graph.as_slice()).unwrap_or_default();
    graph
        .iter()
        .map(|spec| {
            let name = spec.name.to_string();
            Node {
                fan_out: spec.fan_out,
                folds: spec.fan_out.is_some() || spec.dynamic,
                needs: spec.needs.iter().map(ToString::to_string).collect(),
                finally: spec.finally.is_some(),
                states: states.remove(&name).unwrap_or_default(),
                asks: asking.contains(&name),
                selected: name == opened,
                name,
            }
        })
        .collect()
}

#[component]
pub(super) fn RunGraph() -> Element {
    let view = use_context::<RunView>();
    let place = PLACE.read().clone();
    let task = place.get("task").unwrap_or_default().to_owned();
    let opened = place
        .get("spec")
        .map_or_else(|| task.split('[').next().unwrap_or_default().to_owned(), str::to_owned);
    let nodes = nodes(view, &opened);
    let folded: Vec<String> = nodes.iter().filter(|node| node.folds).map(|node| node.name.clone()).collect();
    let choose = use_callback(move |name: String| {
        let place = here();
        // A fan-out opens its list; a single task opens the panel.
        go(if folded.contains(&name) {
            place.with("task", "").with("spec", &name)
        } else {
            place.with("spec", "").with("task", &name)
        });
    });
    let fan_out = nodes.iter().find(|node| node.folds && node.name == opened).map(|node| node.name.clone());
    rsx! {
        div { class: "stack",
            div { class: "card",
                Graph { nodes: nodes.clone(), onchoose: choose }
            }
            if let Some(name) = fan_out {
                FanOut { name }
            }
            details { class: "card",
                summary { class: "card-head", "The same as a table" }
                Table { nodes }
            }
        }
    }
}

/// The tasks of an opened fan-out.
#[component]
fn FanOut(name: String) -> Element {
    let view = use_context::<RunView>();
    let file = use_context::<RunFile>();
    let mut scroll = use_signal(|| (0.0, 900.0));
    let place = PLACE.read().clone();
    let chosen = place.get("task").map(str::to_owned);
    let all = view.tasks.read();
    let tasks: Vec<&Task> = all.iter().filter(|task| task.key.name.as_str() == name).collect();
    let (top, height) = scroll();
    let Frame { first, last, above_px, below_px } = virtual_rows::frame(top, height, ROW_PX, tasks.len());
    let shown: Vec<Task> = tasks.get(first..last).unwrap_or_default().iter().copied().cloned().collect();
    let long = virtual_rows::is_long(tasks.len());
    let count = format::count(tasks.len() as u64, "task");
    rsx! {
        section { class: "card", "aria-label": "Tasks of {name}",
            div { class: "card-head",
                h2 { class: "mono", "{name}" }
                span { class: "dim grow", "{count}" }
                Link { to: place.with("spec", "").with("task", ""), class: "button ghost small", "Fold" }
            }
            div {
                class: "table-wrap tall",
                tabindex: "0",
                role: "region",
                "aria-label": "Tasks of {name}, a list",
                onscroll: move |event| {
                    if long {
                        scroll.set((event.scroll_top(), f64::from(event.client_height())));
                    }
                },
                table { class: "dense",
                    thead {
                        tr {
                            th { scope: "col", "Task" }
                            th { scope: "col", "State" }
                            th { scope: "col", class: "hide-s", "Matrix" }
                            th { scope: "col", class: "hide-s", "Why" }
                        }
                    }
                    tbody {
                        virtual_rows::Pad { px: above_px, columns: 4 }
                        for task in shown {
                            tr {
                                key: "{task.key}",
                                class: if chosen.as_deref() == Some(task.key.to_string().as_str()) { "selected" },
                                td {
                                    Link { to: place.with("task", &task.key.to_string()), class: "mono", "{task.key}" }
                                }
                                td { TaskPill { state: task.state, asks: task.open_approval().is_some() } }
                                td { class: "soft nowrap hide-s", {in_one_line(&file.values(&task))} }
                                td { class: "dim hide-s", {task.message.clone().or_else(|| task.wait_reason.clone()).unwrap_or_default()} }
                            }
                        }
                        virtual_rows::Pad { px: below_px, columns: 4 }
                    }
                }
            }
        }
    }
}

#[component]
fn Table(nodes: Vec<Node>) -> Element {
    rsx! {
        div { class: "table-wrap",
            table { class: "dense",
                thead {
                    tr {
                        th { scope: "col", "Task" }
                        th { scope: "col", "Needs" }
                        th { scope: "col", "Tasks by state" }
                    }
                }
                tbody {
                    for node in nodes {
                        tr { key: "{node.name}",
                            td { class: "mono", "{node.name}" }
                            td { class: "mono dim", {node.needs.join(", ")} }
                            td {
                                for state in TASK_STATES.into_iter().filter(|state| node.states.contains_key(state)) {
                                    span { key: "{state}", class: "tag",
                                        {format!("{} {}", node.states.get(&state).copied().unwrap_or(0), look::of_task(state).word)}
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
