//! The run's history: every decision, with what it changed.

use dioxus::prelude::*;
use emboflow_model::{Change, Transition};
use emboflow_protocol::http::Page;

use super::RunView;
use super::failure::in_words;
use crate::api::{self, ApiError};
use crate::browser;
use crate::format;
use crate::parts::banner::{Loading, Problem};

/// Decisions of one answer.
const PAGE: u32 = 200;

/// What has been read.
#[derive(Clone, Copy)]
struct History {
    items: Signal<Vec<Transition>>,
    error: Signal<Option<ApiError>>,
    busy: Signal<bool>,
    /// Something lies beyond what has been read, and nobody has asked for it.
    more: Signal<bool>,
}

#[component]
pub(super) fn Events() -> Element {
    let view = use_context::<RunView>();
    let history = History {
        items: use_signal(Vec::new),
        error: use_signal(|| None),
        busy: use_signal(|| false),
        more: use_signal(|| false),
    };
    let run = view.summary.read().as_ref().map(|run| (run.id.to_string(), run.version));
    let version = run.as_ref().map_or(0, |(_, version)| *version);
    let id = run.map(|(id, _)| id).unwrap_or_default();
    let first = id.clone();
    use_effect(move || {
        spawn(read(history, first.clone()));
    });
    if let Some(error) = history.error.read().clone() {
        let id = id.clone();
        return rsx! { Problem { error, retry: move |()| { spawn(read(history, id.clone())); } } };
    }
    let items = history.items.read();
    let Some(began) = items.first().map(|first| first.at) else { return rsx! { Loading { rows: 6 } } };
    let last = items.last().map_or(0, |last| last.number);
    let fresh = version.saturating_sub(last);
    rsx! {
        div { class: "card",
            div { class: "table-wrap",
                table { class: "dense",
                    thead {
                        tr {
                            th { scope: "col", class: "right", "No." }
                            th { scope: "col", class: "right", "After" }
                            th { scope: "col", "When" }
                            th { scope: "col", "What" }
                        }
                    }
                    tbody {
                        for step in items.iter() {
                            tr { key: "{step.number}",
                                td { class: "right num dim", "{step.number}" }
                                td { class: "right num nowrap", {format::duration(step.at.ms_since(began))} }
                                td { class: "num nowrap dim", title: "{step.at} UTC", {browser::local_time(step.at.0)} }
                                td {
                                    for (place , line) in words(step).into_iter().enumerate() {
                                        div { key: "{place}", "{line}" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            if fresh > 0 || *history.more.read() {
                div { class: "more",
                    button {
                        class: "button",
                        r#type: "button",
                        disabled: *history.busy.read(),
                        onclick: move |_| {
                            spawn(read(history, id.clone()));
                        },
                        {format!("Show {}", format::count(fresh.max(1), "more decision"))}
                    }
                }
            }
        }
    }
}

async fn read(mut history: History, run: String) {
    if *history.busy.peek() {
        return;
    }
    history.busy.set(true);
    let after = history.items.peek().last().map_or(0, |last| last.number);
    let cursor = if after > 0 { format!("&cursor={after}") } else { String::new() };
    let address = api::of_run(&run, &format!("history?limit={PAGE}{cursor}"));
    match api::get::<Page<Transition>>(&address).await {
        Ok(page) => {
            history.items.write().extend(page.items);
            history.more.set(page.next.is_some());
            history.error.set(None);
        }
        Err(error) => history.error.set(Some(error)),
    }
    history.busy.set(false);
}

/// A decision in words, a line for each thing that it changed.
fn words(step: &Transition) -> Vec<String> {
    step.changes.iter().map(word).collect()
}

fn word(change: &Change) -> String {
    match change {
        Change::Accepted(accepted) => {
            let tasks: u64 = accepted.tasks.iter().map(|spec| u64::from(spec.fan_out.unwrap_or(1))).sum();
            format!("accepted: {} with {}", accepted.workflow, format::count(tasks, "task"))
        }
        Change::Run { from, to, reason } => format!("run: {from} → {to}{}", because(reason.as_deref())),
        Change::RunEnding { to, reason } => format!("run: is going to be {to}: {reason}"),
        Change::Task { task, from, to, reason, message, retry_at } => {
            let why = message.as_deref().or(reason.map(in_words));
            let again = retry_at.map(|at| format!(", next attempt at {at}")).unwrap_or_default();
            format!("{task}: {from} → {to}{}{again}", because(why))
        }
        Change::TaskWaits { task, wait_reason } => format!("{task}: waits: {wait_reason}"),
        Change::TaskTakenOver { task, from_run, artifacts, .. } => {
            format!(
                "{task}: taken over from {from_run} with {}",
                format::count(artifacts.len() as u64, "artifact")
            )
        }
        Change::AttemptOpened { task, number, executor, .. } => {
            format!("{task}: attempt {number} given to {executor}")
        }
        Change::AttemptMoved { task, number, to, .. } => format!("{task}: attempt {number} is {to}"),
        Change::AttemptStopping { task, number, reason } => {
            format!("{task}: attempt {number} is asked to stop: {}", in_words(*reason))
        }
        Change::AttemptClosed { task, number, end } => {
            let exit = end.exit_code.map(|code| format!(", {}", format::exit_code(code))).unwrap_or_default();
            format!("{task}: attempt {number} {}{exit}", end.outcome)
        }
    }
}

fn because(why: Option<&str>) -> String {
    why.map(|why| format!(": {why}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::{Reason, TaskState};

    #[test]
    fn a_change_says_why_in_words() {
        let change = Change::Task {
            task: "train[1]".parse().unwrap(),
            from: TaskState::Active,
            to: TaskState::Failed,
            reason: Some(Reason::OomKilled),
            message: None,
            retry_at: None,
        };
        assert!(word(&change).starts_with("train[1]: active → failed: it used more memory"));
    }
}
