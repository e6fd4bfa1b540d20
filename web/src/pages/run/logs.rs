//! The log of an attempt: the last lines first, then live; search over the whole of it on the server.

pub(crate) mod ansi_line;
mod book;
mod mark;
mod reading;
mod search;
mod viewer;

use dioxus::prelude::*;
use emboflow_model::{AttemptId, RunId, Task, TaskState};

use super::RunView;
use super::panel::ChildLink;
use crate::api;
use crate::browser;
use crate::icon::{Drawn, Icon};
use crate::live;
use crate::parts::banner::Empty;
use crate::parts::pill::{AttemptPill, TaskPill};
use crate::place::{PLACE, adjust};
use crate::route::encode;
use reading::{Reading, use_reading};

/// Tasks offered for choosing.
const OFFERED: usize = 1_000;

/// Which log is read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Which {
    pub(crate) run: RunId,
    pub(crate) task: String,
    pub(crate) attempt: u32,
    /// The attempt has not ended: more may come.
    pub(crate) open: bool,
}

impl Which {
    /// The address of the log, with this query.
    pub(crate) fn address(&self, rest: &str) -> String {
        api::of_run(&self.run.to_string(), &format!("tasks/{}/logs{rest}", encode(&self.task)))
    }

    /// The attempt's id, when the task's key reads as one.
    pub(crate) fn attempt_id(&self) -> Option<String> {
        let task = self.task.parse().ok()?;
        Some(AttemptId { run: self.run, task, number: self.attempt }.to_string())
    }
}

/// The task to show when nobody has chosen: what failed, else what runs, else the last that has a log.
fn usual(tasks: &[Task]) -> Option<&Task> {
    let in_state = |state| tasks.iter().find(move |task| task.state == state);
    let with_log = |task: &&Task| !task.attempts.is_empty() || task.taken_over_log.is_some();
    in_state(TaskState::Failed)
        .or_else(|| in_state(TaskState::Active))
        .or_else(|| tasks.iter().rev().find(with_log))
        .or_else(|| tasks.first())
}

#[component]
pub(super) fn Logs() -> Element {
    let view = use_context::<RunView>();
    // Without a choice the first task shown stays, whatever the others do.
    let mut settled = use_signal(|| None::<String>);
    let chosen = PLACE.read().get("task").map(str::to_owned).or_else(|| settled.read().clone());
    let tasks = view.tasks.read();
    let found = match &chosen {
        Some(key) => tasks.iter().find(|task| task.key.to_string() == *key),
        None => usual(&tasks),
    };
    let Some(task) = found.cloned() else {
        return rsx! { Empty { title: "There is no such task", p { "Choose another one above." } } };
    };
    let key = task.key.to_string();
    if settled.peek().as_deref() != Some(key.as_str()) && view.complete.read().to_owned() {
        settled.set(Some(key.clone()));
    }
    let wanted = PLACE.read().get("attempt").and_then(|number| number.parse().ok());
    let newest = task.attempts.last().map_or(0, |attempt| attempt.number);
    let attempt = wanted.filter(|number| *number >= 1 && *number <= newest).unwrap_or(newest);
    let keys: Vec<String> = tasks.iter().take(OFFERED).map(|task| task.key.to_string()).collect();
    let open = task.attempts.iter().any(|one| one.number == attempt && one.is_open());
    let which = Which { run: task.run, task: key.clone(), attempt, open };
    let nothing = task.attempts.is_empty() && task.taken_over_log.is_none();
    rsx! {
        section { class: "card", "aria-label": "Log of {key}",
            Choice { keys, task: task.clone(), attempt }
            if let (true, Some(child)) = (nothing, task.child.as_deref()) {
                Empty { title: "No log of its own",
                    p { "Another run carries the task out; the logs are there." }
                    ChildLink { child: child.clone() }
                }
            } else if nothing {
                Empty { title: "No log yet",
                    p { "The task is {task.state}." }
                    if let Some(wait) = &task.wait_reason {
                        p { "It waits: {wait}" }
                    }
                }
            } else {
                Log { key: "{key}.{attempt}", which, lines: sealed_lines(&task, attempt) }
            }
        }
    }
}

/// Lines of a log that can no longer change.
fn sealed_lines(task: &Task, attempt: u32) -> Option<u64> {
    let own = task.attempts.iter().find(|one| one.number == attempt)?.end.as_ref()?.log.as_ref();
    own.map(|seal| seal.lines)
}

#[component]
fn Choice(keys: Vec<String>, task: Task, attempt: u32) -> Element {
    let key = task.key.to_string();
    let known = keys.contains(&key);
    let shown = task.attempts.iter().find(|one| one.number == attempt);
    rsx! {
        div { class: "log-bar",
            label { class: "row-flex",
                span { class: "dim", "Task" }
                select {
                    class: "input mono",
                    onchange: move |event| adjust(mark::unmarked().with("task", &event.value()).with("attempt", "").with("find", "")),
                    if !known {
                        option { value: "{key}", selected: true, "{key}" }
                    }
                    for each in keys {
                        option { key: "{each}", value: "{each}", selected: each == key, "{each}" }
                    }
                }
            }
            if task.attempts.len() > 1 {
                label { class: "row-flex",
                    span { class: "dim", "Attempt" }
                    select {
                        class: "input",
                        onchange: move |event| adjust(mark::unmarked().with("attempt", &event.value())),
                        for each in &task.attempts {
                            option { key: "{each.number}", value: "{each.number}", selected: each.number == attempt, "{each.number}" }
                        }
                    }
                }
            }
            match shown {
                Some(one) => rsx! {
                    AttemptPill { state: one.state, outcome: one.end.as_ref().map(|end| end.outcome) }
                },
                None => rsx! {
                    TaskPill { state: task.state, asks: task.open_approval().is_some() }
                },
            }
        }
    }
}

#[component]
fn Log(which: Which, lines: Option<u64>) -> Element {
    let mut wrapped = use_signal(|| browser::remembered("wrap").is_some());
    let reading = use_reading(which.clone(), lines);
    let attempt = if which.open { which.attempt_id() } else { None };
    use_effect(use_reactive!(|attempt| live::want_log(attempt)));
    use_drop(|| live::want_log(None));
    let query = if which.attempt > 0 { format!("?attempt={}", which.attempt) } else { String::new() };
    let name = format!("{}-{}-{}.log", which.run, which.task, which.attempt);
    rsx! {
        div { class: "log-bar",
            search::SearchBox { which: which.clone(), reading }
            span { class: "grow" }
            Position { reading }
            button {
                class: "button small",
                r#type: "button",
                "aria-pressed": "{wrapped}",
                onclick: move |_| {
                    wrapped.toggle();
                    let on = *wrapped.peek();
                    browser::remember("wrap", on.then_some("on"));
                },
                "Wrap"
            }
            a { class: "button small", href: which.address(&query), download: name,
                Drawn { icon: Icon::Download }
                "Download"
            }
        }
        viewer::Viewer { reading, which: which.clone(), wrapped: wrapped() }
    }
}

/// Says when what is shown is not the end of the log.
#[component]
fn Position(reading: Reading) -> Element {
    let mut reading = reading;
    if !*reading.detached.read() {
        return rsx! {};
    }
    rsx! {
        button { class: "button small", r#type: "button", onclick: move |_| {
                adjust(mark::unmarked());
                reading.again += 1;
            }, "Back to the end" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::ProjectName;

    #[test]
    fn a_failed_task_comes_before_one_that_runs() {
        let make = |position: u32, state| {
            let project = ProjectName::new("default").unwrap();
            let key = format!("train[{position}]").parse().unwrap();
            let mut task = Task::new(RunId::from_bits(1), project, key, position);
            task.state = state;
            task
        };
        let tasks = [make(0, TaskState::Succeeded), make(1, TaskState::Active), make(2, TaskState::Failed)];
        assert_eq!(usual(&tasks).map(|task| task.position), Some(2));
        assert_eq!(usual(&tasks[..2]).map(|task| task.position), Some(1));
        assert_eq!(usual(&tasks[..1]).map(|task| task.position), Some(0));
        assert!(usual(&[]).is_none());
    }
}
