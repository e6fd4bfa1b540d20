//! Why a task waits: where it stands, what would help, and what stands between it and each executor.

use dioxus::prelude::*;
use emboflow_model::Task;
use emboflow_model::state::TaskState;
use emboflow_protocol::forecast::RunForecast;
use emboflow_protocol::http::explanation::{ExplanationQuery, RunExplanation, TaskExplanation};
use emboflow_protocol::verdict::Verdict;

use crate::api;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::live::RESYNC;

/// Nothing for a task that does not wait. Until the scheduler has answered, what the records say.
#[component]
pub(super) fn Waits(task: Task) -> Element {
    let (run, key, version) = (task.run.to_string(), task.key.to_string(), task.version);
    let waits = matches!(task.state, TaskState::Queued | TaskState::Waiting);
    let asked = use_resource(use_reactive!(|(run, key, version, waits)| async move {
        let (_, _) = (RESYNC.read(), version);
        if !waits {
            return None;
        }
        let query = api::query(&ExplanationQuery { task: Some(key) });
        let answer = api::get::<RunExplanation>(&api::of_run(&run, &format!("explanation{query}"))).await;
        answer.ok()?.task
    }));
    let start = use_start(&task, waits);
    if !waits {
        return rsx! {};
    }
    let explained = asked.read().clone().flatten().filter(|explained| explained.task == task.key);
    let told =
        explained.as_ref().and_then(|explained| explained.wait_reason.clone()).or(task.wait_reason.clone());
    rsx! {
        if let Some(wait) = told {
            div { class: "banner warn",
                Drawn { icon: Icon::Clock }
                p { "Waits: {wait}" }
            }
        }
        if let Some(explained) = explained {
            Closely { explained, start }
        }
    }
}

/// When a task that waits starts, in words, once somebody has looked ahead.
fn use_start(task: &Task, waits: bool) -> Option<String> {
    let (run, version) = (task.run.to_string(), task.version);
    let foretold = use_resource(use_reactive!(|(run, version, waits)| async move {
        let (_, _) = (RESYNC.read(), version);
        if !waits {
            return None;
        }
        // Of what nobody can look ahead the rest is worth showing.
        api::get::<RunForecast>(&api::of_run(&run, "forecast")).await.ok()
    }));
    let told = foretold.read();
    let forecast = told.as_ref()?.as_ref()?;
    let found = forecast.tasks.iter().find(|one| one.task == task.key)?;
    Some(found.start.in_words(forecast.at, format::duration))
}

#[component]
fn Closely(explained: TaskExplanation, start: Option<String>) -> Element {
    let TaskExplanation { advice, position, verdicts, .. } = explained;
    rsx! {
        dl { class: "facts",
            if let Some(position) = position {
                dt { "Position" }
                dd { "{position}" }
            }
            if let Some(start) = start {
                dt { "Starts" }
                dd { "{start}" }
            }
            if let Some(advice) = advice {
                dt { "Help" }
                dd { "{advice}" }
            }
        }
        if !verdicts.is_empty() {
            Verdicts { verdicts }
        }
    }
}

#[component]
fn Verdicts(verdicts: Vec<Verdict>) -> Element {
    rsx! {
        div { class: "table-wrap", tabindex: "0", role: "region", "aria-label": "What stands between it and each executor",
            table {
                thead {
                    tr {
                        th { scope: "col", "Executor" }
                        th { scope: "col", "Fits" }
                        th { scope: "col", "Why" }
                    }
                }
                tbody {
                    for verdict in verdicts {
                        tr { key: "{verdict.executor}",
                            td { class: "mono", "{verdict.executor}" }
                            td { if verdict.fits { "yes" } else { "no" } }
                            td { "{verdict.why}" }
                        }
                    }
                }
            }
        }
    }
}
