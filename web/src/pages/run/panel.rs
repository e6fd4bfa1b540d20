//! The task that is selected: its attempts, figures and ways on.

use dioxus::prelude::*;
use emboflow_model::{Attempt, Task};

use super::RunView;
use super::failure::in_words;
use crate::api;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::parts::definition;
use crate::parts::pill::{AttemptPill, TaskPill};
use crate::parts::text::{Ago, Took};
use crate::place::{Link, PLACE};
use crate::route::Tab;

#[component]
pub(super) fn Panel(task: Task) -> Element {
    let place = PLACE.read().clone();
    let size: u64 = task.artifacts.iter().map(|artifact| artifact.size_bytes).sum();
    rsx! {
        aside { class: "card panel", "aria-label": "Task {task.key}",
            div { class: "card-head",
                h2 { class: "mono grow cut", "{task.key}" }
                TaskPill { state: task.state }
                Link { to: place.with("task", ""), class: "button ghost small square", label: "Close the panel",
                    Drawn { icon: Icon::Close }
                }
            }
            div { class: "card-body stack",
                if task.key.index.is_some() {
                    Matrix { run: task.run.to_string(), task: task.key.to_string() }
                }
                if let Some(reason) = task.reason {
                    p { "Why: {in_words(reason)}." }
                }
                if let Some(message) = &task.message {
                    p { class: "soft", "{message}" }
                }
                if let Some(wait) = &task.wait_reason {
                    div { class: "banner warn",
                        Drawn { icon: Icon::Clock }
                        p { "Waits: {wait}" }
                    }
                }
                if let Some(at) = task.retry_at {
                    p { class: "soft", "Next attempt " Ago { at } }
                }
                if let Some(from) = task.taken_over_from {
                    p { class: "soft",
                        "Taken over from "
                        Link { to: crate::route::Place::run(from), class: "id", {format::short_id(&from.to_string())} }
                    }
                }
                div { class: "row-flex wrap",
                    Link { to: place.with_tab(Tab::Logs).with("attempt", ""), class: "button small",
                        Drawn { icon: Icon::File }
                        "Log"
                    }
                    if !task.artifacts.is_empty() {
                        Link { to: place.with_tab(Tab::Artifacts), class: "button small",
                            Drawn { icon: Icon::Download }
                            {format!("{}, {}", format::count(task.artifacts.len() as u64, "artifact"), format::bytes(size))}
                        }
                    }
                }
                for attempt in task.attempts.iter().rev() {
                    Try { key: "{attempt.number}", attempt: attempt.clone() }
                }
                if task.attempts.is_empty() && task.taken_over_from.is_none() {
                    p { class: "dim", "No attempt yet." }
                }
            }
        }
    }
}

/// The values of a fan-out's task on each axis, from the file and the inputs of the run.
#[component]
fn Matrix(run: String, task: String) -> Element {
    let view = use_context::<RunView>();
    let source =
        use_resource(use_reactive!(|run| async move { api::get_text(&api::of_run(&run, "source")).await }));
    let values = use_memo(use_reactive!(|task| {
        let inputs = view.summary.read().as_ref().map(|run| run.inputs.clone()).unwrap_or_default();
        match &*source.read() {
            Some(Ok(source)) => definition::matrix(source, &inputs, &task),
            _ => Vec::new(),
        }
    }));
    rsx! {
        div { class: "row-flex wrap",
            for (axis , value) in values() {
                span { key: "{axis}", class: "tag", "{axis} = {value}" }
            }
        }
    }
}

#[component]
fn Try(attempt: Attempt) -> Element {
    let end = attempt.end.clone();
    let times = attempt.times;
    let phases = [
        ("Dispatched to claimed", Some(attempt.dispatched_at), times.claimed_at),
        ("Image", times.claimed_at, times.pulled_at),
        ("Inputs and container", times.pulled_at.or(times.claimed_at), times.started_at),
        ("Program", times.started_at, times.exited_at),
        ("Log and outputs", times.exited_at, times.stored_at),
    ];
    let phases: Vec<_> = phases
        .into_iter()
        .filter_map(|(name, from, to)| Some((name, format::duration(to?.ms_since(from?)))))
        .collect();
    rsx! {
        section { class: "stack attempt", "aria-label": "Attempt {attempt.number}",
            div { class: "row-flex",
                h3 { class: "grow", "Attempt {attempt.number}" }
                AttemptPill { state: attempt.state, outcome: end.as_ref().map(|end| end.outcome) }
            }
            dl { class: "facts",
                dt { "Executor" }
                dd { class: "mono", "{attempt.executor}" }
                dt { "Began" }
                dd { Ago { at: attempt.dispatched_at } }
                dt { "Took" }
                dd { Took { from: attempt.dispatched_at, to: attempt.closed_at } }
                for (name , took) in phases {
                    div { key: "{name}", class: "pair",
                        dt { "{name}" }
                        dd { class: "num", "{took}" }
                    }
                }
                dt { "Holds" }
                dd { class: "num",
                    {format!("{} cpu, {}", format::cores(attempt.resources.cpu_millis), format::bytes(attempt.resources.memory_bytes))}
                }
                if let Some(end) = &end {
                    if let Some(code) = end.exit_code {
                        dt { "Exit" }
                        dd { {format::exit_code(code)} }
                    }
                    if let Some(reason) = end.reason {
                        dt { "Reason" }
                        dd { "{in_words(reason)}" }
                    }
                    if let Some(message) = &end.message {
                        dt { "Message" }
                        dd { "{message}" }
                    }
                    if let Some(log) = &end.log {
                        dt { "Log" }
                        dd { class: "num",
                            {format!("{}, {}", format::count(log.lines, "line"), format::bytes(log.size_bytes))}
                            if let Some(why) = &log.truncated {
                                " · cut: {why}"
                            }
                        }
                    }
                    if let Some(digest) = &end.image_digest {
                        dt { "Image" }
                        dd { class: "id cut", title: "{digest}", "{digest}" }
                    }
                }
            }
        }
    }
}
