//! The head of a run: state, figures and what can be done with it.

use dioxus::prelude::*;
use emboflow_model::{RunState, RunSummary, TaskState};

use super::RunView;
use super::actions::Actions;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::parts::meter::{Meter, task_shares};
use crate::parts::pill::RunPill;
use crate::parts::text::{Ago, Copy, Took};
use crate::place::Link;
use crate::route::{Place, Route};

#[component]
pub(super) fn Head() -> Element {
    let view = use_context::<RunView>();
    let Some(run) = view.summary.read().clone() else { return rsx! {} };
    let id = run.id.to_string();
    let workflow = run.workflow.to_string();
    let (ended, total) = (run.tasks.terminal(), run.tasks.total);
    rsx! {
        div { class: "page-head",
            div { class: "grow",
                div { class: "row-flex wrap",
                    h1 {
                        Link { to: Place::new(Route::Workflow { name: workflow.clone() }), class: "plain", "{workflow}" }
                    }
                    RunPill { state: run.state, asks: !run.approvals.is_empty() }
                }
                div { class: "row-flex with-copy lead",
                    span { class: "id", "{id}" }
                    Copy { text: id.clone(), what: "the run's id" }
                    Origin { run: run.clone() }
                }
            }
            Actions { run: run.clone() }
        }
        if let (Some(reason), false) = (&run.reason, run.state == RunState::Failed) {
            div { class: "banner warn spaced",
                Drawn { icon: Icon::Info }
                p { "{reason}" }
            }
        }
        WhyWaiting {}
        div { class: "card spaced",
            dl { class: "strip",
                div { class: "progress",
                    dt { "Tasks" }
                    dd {
                        div { class: "task-cell",
                            Meter { shares: task_shares(&run.tasks), label: "{ended} of {total} tasks ended" }
                            span { {format!("{} / {}", format::thousands(ended.into()), format::thousands(total.into()))} }
                        }
                    }
                }
                div {
                    dt { "Created" }
                    dd { Ago { at: run.created_at } }
                }
                div {
                    dt { "Waited" }
                    dd { Took { from: run.created_at, to: run.started_at.or(run.finished_at) } }
                }
                div {
                    dt { "Ran" }
                    dd { Took { from: run.started_at, to: run.finished_at } }
                }
                for (name , value) in &run.labels {
                    div { key: "{name}",
                        dt { "{name}" }
                        dd {
                            Link { to: Place::new(Route::Runs).with("label", &format!("{name}={value}")), title: "Runs with this label", "{value}" }
                        }
                    }
                }
            }
        }
    }
}

/// Why there is the run: a task of another, or an earlier run that it repeats.
#[component]
fn Origin(run: RunSummary) -> Element {
    rsx! {
        if let Some(parent) = &run.parent {
            span { "carries out {parent.task} of" }
            Link { to: Place::run(parent.run), class: "id", {format::short_id(&parent.run.to_string())} }
        }
        if let Some(from) = run.recovered_from {
            span { "repeats" }
            Link { to: Place::run(from), class: "id", {format::short_id(&from.to_string())} }
        }
    }
}

/// Nothing of the run is under way: the first thing to know is what it waits for.
#[component]
fn WhyWaiting() -> Element {
    let view = use_context::<RunView>();
    let idle = view.summary.read().as_ref().is_some_and(|run| {
        !run.state.is_terminal()
            && run.tasks.in_state(TaskState::Active) == 0
            // A run that was stopped may wait for what was lost, and may still run.
            && (run.tasks.in_state(TaskState::Queued) > 0 || run.tasks.terminal() == run.tasks.total)
    });
    let reason = use_memo(move || {
        let tasks = view.tasks.read();
        let waiting = tasks.iter().filter(|task| task.state == TaskState::Queued || task.state.is_terminal());
        waiting.filter_map(|task| Some((task.key.to_string(), task.wait_reason.clone()?))).next()
    });
    let Some((task, reason)) = reason().filter(|_| idle) else { return rsx! {} };
    rsx! {
        div { class: "banner warn spaced", role: "status",
            Drawn { icon: Icon::Clock }
            p {
                span { class: "mono", "{task}" }
                " waits: {reason}"
            }
        }
    }
}
