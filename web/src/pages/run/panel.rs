//! The task that is selected: its attempts, figures and ways on.

use dioxus::prelude::*;
use emboflow_model::child::Child;
use emboflow_model::transition::AttemptEnd;
use emboflow_model::{Attempt, LogSeal, Task};
use serde_json::{Map, Value};

use super::approval::Decided;
use super::failure::in_words;
use super::file::RunFile;
use super::pulling::Pulling;
use super::waits::Waits;
use crate::browser;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::parts::pill::{AttemptPill, TaskPill};
use crate::parts::text::{Ago, Took};
use crate::place::{Link, PLACE, go, here};
use crate::route::{Place, Tab};

/// The panel that opens next takes the focus: it was asked for by keyboard.
static TAKES_FOCUS: GlobalSignal<bool> = Signal::global(|| false);

/// Lets the panel that opens next take the focus.
pub(super) fn focus_next() {
    *TAKES_FOCUS.write() = true;
}

#[component]
pub(super) fn Panel(task: Task) -> Element {
    let place = PLACE.read().clone();
    let key = task.key.to_string();
    let mut opener = use_signal(|| None);
    use_effect(use_reactive!(|key| {
        let _ = key;
        if std::mem::take(&mut *TAKES_FOCUS.write()) {
            opener.set(browser::focused());
            browser::focus("task-panel");
        }
    }));
    let values = use_context::<RunFile>().values(&task);
    rsx! {
        aside {
            id: "task-panel",
            class: "card panel",
            tabindex: "-1",
            "aria-label": "Task {task.key}",
            onkeydown: move |event| {
                if event.key() == Key::Escape {
                    go(here().with("task", ""));
                    if let Some(opener) = &*opener.peek() {
                        let opener: &web_sys::HtmlElement = opener;
                        let _ = opener.focus();
                    }
                }
            },
            div { class: "card-head",
                h2 { class: "mono grow cut", "{task.key}" }
                TaskPill { state: task.state, asks: task.open_approval().is_some() }
                Link { to: place.with("task", ""), class: "button ghost small square", label: "Close the panel",
                    Drawn { icon: Icon::Close }
                }
            }
            div { class: "card-body stack",
                if !values.is_empty() {
                    div { class: "row-flex wrap",
                        for (axis , value) in values.iter() {
                            span { key: "{axis}", class: "tag", "{axis} = {value}" }
                        }
                    }
                }
                Why { task: task.clone() }
                Ways { task: task.clone() }
                if !task.values.is_empty() {
                    Given { values: task.values.clone() }
                }
                for attempt in task.attempts.iter().rev() {
                    Try { key: "{attempt.number}", attempt: attempt.clone() }
                }
                if !has_begun(&task) {
                    p { class: "dim", "No attempt yet." }
                }
            }
        }
    }
}

/// Where more of the task can be read.
#[component]
fn Ways(task: Task) -> Element {
    let place = PLACE.read().clone();
    let size: u64 = task.artifacts.iter().map(|artifact| artifact.size_bytes).sum();
    let artifacts = format::count(task.artifacts.len() as u64, "artifact");
    rsx! {
        div { class: "row-flex wrap",
            if let Some(child) = task.child.as_deref() {
                ChildLink { child: child.clone() }
            } else if task.approval.is_none() {
                Link { to: place.with_tab(Tab::Logs).with("attempt", ""), class: "button small",
                    Drawn { icon: Icon::File }
                    "Log"
                }
            }
            if !task.artifacts.is_empty() {
                Link { to: place.with_tab(Tab::Artifacts), class: "button small",
                    Drawn { icon: Icon::Download }
                    "{artifacts}, {format::bytes(size)}"
                }
            }
        }
    }
}

/// Whether a container, a run or a person has been asked to carry the task out, or its result was taken over.
fn has_begun(task: &Task) -> bool {
    !task.attempts.is_empty()
        || task.child.is_some()
        || task.approval.is_some()
        || task.taken_over_from.is_some()
}

/// Leads to the run that carries a task out, where no container does.
#[component]
pub(super) fn ChildLink(child: Child) -> Element {
    rsx! {
        Link { to: Place::run(child.run), class: "button small",
            Drawn { icon: Icon::Play }
            "Run of {child.workflow}"
            span { class: "id", {format::short_id(&child.run.to_string())} }
        }
    }
}

/// What the task gave to those that follow.
#[component]
fn Given(values: Map<String, Value>) -> Element {
    rsx! {
        section { class: "stack", "aria-label": "Values",
            h3 { "Values" }
            dl { class: "facts",
                for (name , value) in values {
                    dt { key: "{name}", class: "mono", "{name}" }
                    dd { class: "mono", {brief(&value)} }
                }
            }
        }
    }
}

/// The beginning of a value: all of it is in the artifact.
fn brief(value: &Value) -> String {
    const LONGEST: usize = 300;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What the task has come to, and why.
#[component]
fn Why(task: Task) -> Element {
    rsx! {
        if let Some(reason) = task.reason {
            p { "Why: {in_words(reason)}." }
        }
        if let Some(message) = &task.message {
            p { class: "soft", "{message}" }
        }
        Waits { task: task.clone() }
        if let Some(decision) = task.approval.as_ref().and_then(|approval| approval.decision.clone()) {
            Decided { decision }
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
            if let Some(pull) = &attempt.pull {
                Pulling { pull: pull.clone() }
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
                if let Some(end) = end {
                    Ended { end }
                }
            }
        }
    }
}

#[component]
fn Ended(end: AttemptEnd) -> Element {
    rsx! {
        if let Some(exit) = format::exit_of(&end) {
            dt { "Exit" }
            dd { "{exit}" }
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
            dd { class: "num", {kept_of(log)} }
        }
        if let Some(digest) = &end.image_digest {
            dt { "Image" }
            dd { class: "id cut", title: "{digest}", "{digest}" }
        }
    }
}

fn kept_of(log: &LogSeal) -> String {
    let size = format!("{}, {}", format::count(log.lines, "line"), format::bytes(log.size_bytes));
    match log.truncated.as_deref() {
        None => size,
        // Nobody was there to count.
        Some(LogSeal::EXECUTOR_LOST) => "as far as it was stored before the executor was lost".to_owned(),
        Some(why) => format!("{size} · cut: {why}"),
    }
}
