//! The health tree: every part of the installation with its state, why, and what to do. Followed live.

use std::collections::BTreeMap;

use dioxus::prelude::*;
use emboflow_model::ExecutorId;
use emboflow_protocol::health::{HealthNode, HealthStatus, HealthView};

use crate::api;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::live::{Arrival, RESYNC, use_arrivals};
use crate::parts::banner::{Loading, Problem};

/// A line of the table: a part with its depth in the tree.
#[derive(Clone, PartialEq)]
struct Row {
    path: String,
    depth: usize,
    node: HealthNode,
}

#[component]
pub(super) fn Health(asked: ReadSignal<u32>) -> Element {
    let mut shown = use_signal(|| None::<Result<HealthView, api::ApiError>>);
    let mut again = use_signal(|| 0_u32);
    let _asking = use_resource(move || async move {
        let _ = (RESYNC.read(), asked.read(), again.read());
        let answer = api::get::<HealthView>(&api::global("system/health")).await;
        shown.set(Some(answer));
    });
    let mut online = use_signal(BTreeMap::<ExecutorId, bool>::new);
    use_arrivals(move |arrival| match arrival {
        Arrival::Health(view) => shown.set(Some(Ok((**view).clone()))),
        // Heartbeats come every few seconds; only a change is worth a question.
        Arrival::Executor(view) => {
            let before = online.write().insert(view.heartbeat.executor.clone(), view.online);
            if before.is_some_and(|before| before != view.online) {
                again += 1;
            }
        }
        _ => {}
    });
    match &*shown.read() {
        None => rsx! { Loading { rows: 5 } },
        Some(Err(error)) => rsx! { Problem { error: error.clone(), retry: move |()| again += 1 } },
        Some(Ok(view)) => rsx! { Tree { view: view.clone() } },
    }
}

#[component]
fn Tree(view: HealthView) -> Element {
    let rows = rows(&view.parts);
    let worst =
        |status| rows.iter().filter(|row| row.node.parts.is_empty() && row.node.status == status).count();
    let (failed, warned) = (worst(HealthStatus::Failed) as u64, worst(HealthStatus::Warning) as u64);
    let (tone, icon) = match view.status {
        HealthStatus::Ok => ("ok", Icon::Check),
        HealthStatus::Warning => ("warn", Icon::Alert),
        HealthStatus::Failed => ("bad", Icon::Alert),
    };
    rsx! {
        div { class: "banner {tone}", role: "status",
            Drawn { icon }
            match view.status {
                HealthStatus::Ok => rsx! { h3 { "Everything works" } },
                HealthStatus::Warning => rsx! { h3 { {format::count(warned.max(1), "part")} " to look at" } },
                HealthStatus::Failed => rsx! { h3 { {format::count(failed.max(1), "part")} " of the installation does not work" } },
            }
        }
        div { class: "card",
            div { class: "card-head", h2 { "Parts" } }
            div { class: "table-wrap",
                table { class: "dense",
                    thead {
                        tr {
                            th { scope: "col", "Part" }
                            th { scope: "col", "State" }
                            th { scope: "col", "What it says, and what to do" }
                            th { scope: "col", class: "right hide-s", "Answer" }
                        }
                    }
                    tbody {
                        for row in rows {
                            Line { key: "{row.path}", row: row.clone() }
                        }
                    }
                }
            }
        }
    }
}

#[component]
fn Line(row: Row) -> Element {
    let Row { depth, node, .. } = row;
    // A class each: the page's policy takes no style of an element.
    let indent = depth.min(4);
    rsx! {
        tr { class: if node.status == HealthStatus::Failed { "failing" } else { "" },
            td { class: "nowrap",
                span { class: "indent-{indent}",
                    if depth == 0 {
                        strong { "{node.name}" }
                    } else {
                        "{node.name}"
                    }
                }
            }
            td { State { status: node.status } }
            td { class: "soft",
                "{node.reason}"
                if let Some(hint) = &node.hint {
                    div { "{hint}" }
                }
            }
            td { class: "right num hide-s",
                if let Some(latency_ms) = node.latency_ms {
                    {format::duration(latency_ms)}
                }
            }
        }
    }
}

#[component]
fn State(status: HealthStatus) -> Element {
    let (tone, icon, word) = match status {
        HealthStatus::Ok => ("tone-ok", Icon::Check, "Works"),
        HealthStatus::Warning => ("tone-warn", Icon::Alert, "Look at it"),
        HealthStatus::Failed => ("tone-bad", Icon::Cross, "Fails"),
    };
    rsx! {
        span { class: "pill {tone}",
            Drawn { icon }
            "{word}"
        }
    }
}

/// The tree as lines, each part before what it consists of.
fn rows(parts: &[HealthNode]) -> Vec<Row> {
    fn collect(above: &str, depth: usize, parts: &[HealthNode], into: &mut Vec<Row>) {
        for node in parts {
            let path = format!("{above}/{}", node.name);
            into.push(Row { path: path.clone(), depth, node: node.clone() });
            collect(&path, depth + 1, &node.parts, into);
        }
    }
    let mut rows = Vec::new();
    collect("", 0, parts, &mut rows);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stands_before_what_it_consists_of() {
        let inner = HealthNode::leaf("clock", HealthStatus::Ok, "");
        let tree =
            [HealthNode::of_parts("scheduler", "", vec![inner]), HealthNode::leaf("x", HealthStatus::Ok, "")];
        let rows = rows(&tree);
        let shown: Vec<_> = rows.iter().map(|row| (row.path.as_str(), row.depth)).collect();
        assert_eq!(shown, [("/scheduler", 0), ("/scheduler/clock", 1), ("/x", 0)]);
    }
}
