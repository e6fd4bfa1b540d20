//! A failed run opens with what failed: task, reason in words, last lines.

use dioxus::prelude::*;
use emboflow_model::state::Reason;
use emboflow_model::{RunState, Task, TaskState};

use super::RunView;
use super::logs::ansi_line::AnsiLine;
use super::panel::ChildLink;
use crate::ansi::{Style, style_after};
use crate::api;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::place::Link;
use crate::route::{Place, Route, Tab, encode};

/// Lines of the log that are shown at once.
const LAST_LINES: u32 = 12;

/// What a reason means to the one who wrote the workflow.
pub(super) fn in_words(reason: Reason) -> &'static str {
    match reason {
        Reason::ExitCode => "the program ended with an error",
        Reason::OomKilled => "it used more memory than resources.memory gives it",
        Reason::DiskFull => "the executor's disk is full, or the task took more of it than it may",
        Reason::ImageNotFound => "there is no such image",
        Reason::ImageDenied => "the registry refused the image",
        Reason::ImageUnavailable => "the registry did not answer",
        Reason::BadCommand => "the command cannot be started in this image",
        Reason::QueueTimeout => "it waited too long for a place",
        Reason::ApprovalTimeout => "nobody decided in time",
        Reason::Rejected => "a person rejected it",
        Reason::TotalTimeout => "all its attempts and waits took longer than timeouts.total",
        Reason::StartTimeout => "it did not start in time",
        Reason::RunTimeout => "it ran longer than its timeout",
        Reason::HeartbeatLost => "it gave no sign of life for too long",
        Reason::ExecutorLost => "its executor is gone",
        Reason::Fenced => "another attempt had taken its place",
        Reason::Drained => "its executor was drained",
        Reason::GangFailed => "another member of its gang failed",
        Reason::Preempted => "more urgent work took its place",
        Reason::StageInFailed => "an input could not be fetched",
        Reason::StageOutFailed => "an output is missing or could not be stored",
        Reason::SecretUnavailable => "a secret that it names is not there, or cannot be opened",
        Reason::SpecInvalid => "an expression or a limit failed when it was used",
        Reason::ChildFailed => "the run that carried it out did not end well",
        Reason::ChildRefused => "the run that was to carry it out could not be made",
        Reason::Upstream => "a task that it needs did not end well",
        Reason::Cancelled => "the run was cancelled",
        Reason::RuntimeFailed => "the container engine failed or did not answer",
    }
}

/// The first failure, and how many more there are.
fn first_failed(tasks: &[Task]) -> Option<(Task, usize)> {
    let failed: Vec<&Task> = tasks.iter().filter(|task| task.state == TaskState::Failed).collect();
    let first = failed.iter().min_by_key(|task| (task.finished_at, task.position))?;
    Some(((*first).clone(), failed.len() - 1))
}

#[component]
pub(super) fn Failure(brief: bool) -> Element {
    let view = use_context::<RunView>();
    let found = use_memo(move || first_failed(&view.tasks.read()));
    let Some((task, others)) = found() else {
        let reason = view
            .summary
            .read()
            .as_ref()
            .filter(|run| run.state == RunState::Failed)
            .and_then(|run| run.reason.clone());
        return match reason {
            Some(reason) => rsx! {
                div { class: "banner bad spaced", role: "alert",
                    Drawn { icon: Icon::Alert }
                    p { "{reason}" }
                }
            },
            None => rsx! {},
        };
    };
    let key = task.key.to_string();
    let run = task.run.to_string();
    let tries = task.attempts.len() as u64;
    let facts = facts(&task, others);
    rsx! {
        section { class: "banner failure spaced", "aria-label": "What failed",
            Drawn { icon: Icon::Cross }
            div { class: "grow stack",
                div {
                    h3 {
                        Link { to: task_place(&run, &key), class: "mono", "{key}" }
                        " failed"
                        if let Some(reason) = task.reason {
                            ": {in_words(reason)}"
                        }
                    }
                    if let Some(message) = &task.message {
                        p { "{message}" }
                    }
                    if !facts.is_empty() {
                        p { class: "dim", "{facts}" }
                    }
                }
                if !brief && task.log().is_some() {
                    LastLines { run: run.clone(), task: key.clone(), tries }
                }
                if !brief {
                    Further { task: task.clone() }
                }
            }
        }
    }
}

/// How the last attempt ended and where, how many there were, and how many other tasks failed.
fn facts(task: &Task, others: usize) -> String {
    let last = task.attempts.last();
    let exit_code = last.and_then(|attempt| attempt.end.as_ref()?.exit_code);
    let facts = [
        exit_code.map(format::exit_code),
        last.map(|_| format::count(task.attempts.len() as u64, "attempt")),
        last.map(|attempt| format!("on {}", attempt.executor)),
        (others > 0).then(|| format!("{others} more failed")),
    ];
    facts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// Where more can be read: the run that carried the task out, or the log.
#[component]
fn Further(task: Task) -> Element {
    if let Some(child) = task.child.as_deref() {
        return rsx! {
            div { ChildLink { child: child.clone() } }
        };
    }
    if task.attempts.is_empty() {
        return rsx! {};
    }
    let logs = Route::Run { id: task.run.to_string(), tab: Tab::Logs };
    rsx! {
        div {
            Link { to: Place::new(logs).with("task", &task.key.to_string()), class: "button small",
                Drawn { icon: Icon::File }
                "Whole log"
            }
        }
    }
}

fn task_place(run: &str, task: &str) -> Place {
    Place::run(run).with("task", task)
}

#[component]
fn LastLines(run: String, task: String, tries: u64) -> Element {
    let lines = use_resource(use_reactive!(|run, task, tries| async move {
        let _ = tries;
        let address = api::of_run(&run, &format!("tasks/{}/logs?tail={LAST_LINES}", encode(&task)));
        api::get_text(&address).await
    }));
    match &*lines.read() {
        Some(Ok(text)) if !text.is_empty() => {
            let mut style = Style::default();
            let lines: Vec<(String, Style)> = text
                .lines()
                .map(|line| {
                    let start = style;
                    style = style_after(line, style);
                    (line.to_owned(), start)
                })
                .collect();
            rsx! {
                div { class: "tail", tabindex: "0", role: "log", "aria-label": "Last lines of the log",
                    for (place , (line , start)) in lines.into_iter().enumerate() {
                        div { key: "{place}", AnsiLine { line, start } }
                    }
                }
            }
        }
        _ => rsx! {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::{ProjectName, RunId, Timestamp};

    #[test]
    fn the_earliest_failure_is_shown_first() {
        let make = |position: u32, state, at| {
            let project = ProjectName::new("default").unwrap();
            let key = format!("train[{position}]").parse().unwrap();
            let mut task = Task::new(RunId::from_bits(1), project, key, position);
            (task.state, task.finished_at) = (state, Some(Timestamp(at)));
            task
        };
        let tasks = [
            make(0, TaskState::Succeeded, 1),
            make(1, TaskState::Failed, 9),
            make(2, TaskState::Failed, 5),
            make(3, TaskState::UpstreamFailed, 2),
        ];
        let (first, others) = first_failed(&tasks).unwrap();
        assert_eq!((first.position, others), (2, 1));
        assert!(first_failed(&tasks[..1]).is_none());
    }
}
