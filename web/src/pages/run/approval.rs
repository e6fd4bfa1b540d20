//! A run that waits for people says so: what is asked, what to fill in, and two buttons; the same for everybody who looks.

use dioxus::prelude::*;
use emboflow_model::access::Role;
use emboflow_model::approval::{Approval, Decision};
use emboflow_model::{Task, TaskKey};
use emboflow_protocol::http::approval::DecisionBody;
use serde_json::Map;

use super::RunView;
use crate::api;
use crate::icon::{Drawn, Icon};
use crate::me;
use crate::parts::act::use_act;
use crate::parts::inputs_form::{Fields, beginning, count_wrong, values};
use crate::parts::text::Ago;
use crate::route::encode;

/// Questions that are shown at once; a matrix may have more.
const MOST: usize = 5;

/// What waits for people: the chosen task first, then the oldest.
fn open_in(tasks: &[Task], chosen: Option<&TaskKey>) -> Vec<Task> {
    let mut open: Vec<&Task> = tasks.iter().filter(|task| task.open_approval().is_some()).collect();
    open.sort_by_key(|task| {
        let asked_at = task.open_approval().map(|approval| approval.asked_at);
        (Some(&task.key) != chosen, asked_at, task.position)
    });
    open.into_iter().cloned().collect()
}

#[component]
pub(super) fn Approvals() -> Element {
    let view = use_context::<RunView>();
    let open = use_memo(move || {
        let chosen = view.chosen().map(|task| task.key);
        open_in(&view.tasks.read(), chosen.as_ref())
    });
    let more = open.read().len().saturating_sub(MOST);
    rsx! {
        for task in open.read().iter().take(MOST).cloned() {
            Question { key: "{task.key}", task }
        }
        if more > 0 {
            p { class: "dim spaced", {format!("{more} more wait for a decision: choose the task in the graph or the timeline.")} }
        }
    }
}

/// What is asked about a task, and the way to answer; nothing where nobody is asked.
#[component]
fn Question(task: Task) -> Element {
    let Some(approval) = task.open_approval().cloned() else { return rsx! {} };
    let id = format!("approval-{}", task.key);
    rsx! {
        section { class: "card spaced", "aria-labelledby": "{id}",
            div { class: "card-head",
                Drawn { icon: Icon::Person }
                h2 { id: "{id}", class: "grow",
                    span { class: "mono", "{task.key}" }
                    " waits for approval"
                }
                span { class: "dim",
                    "asked "
                    Ago { at: approval.asked_at }
                    if let Some(at) = approval.question.ends_at {
                        ", until "
                        Ago { at }
                    }
                }
            }
            div { class: "card-body stack loose",
                p { class: "prewrap", role: "status", "{approval.question.message}" }
                if me::may_in_project(Role::Operator) {
                    Answer { task, approval }
                } else {
                    p { class: "dim", "Operators and administrators of the project decide." }
                }
            }
        }
    }
}

#[component]
fn Answer(task: Task, approval: Approval) -> Element {
    let inputs = approval.question.inputs.clone();
    let first = inputs.clone();
    let texts = use_signal(move || beginning(&first, &Map::new()));
    let mut comment = use_signal(String::new);
    let act = use_act();
    let bad = count_wrong(&inputs, &texts.read());
    let address =
        api::of_run(&task.run.to_string(), &format!("tasks/{}/decision", encode(&task.key.to_string())));
    let sent = inputs.clone();
    let decide = use_callback(move |approve: bool| {
        let said = comment.peek().trim().to_owned();
        let body = DecisionBody {
            approve,
            inputs: if approve { values(&sent, &texts.peek()) } else { Map::new() },
            comment: (!said.is_empty()).then_some(said),
        };
        let address = address.clone();
        // The event shows what it came to, here and to everybody else.
        act.start(async move { api::post::<serde_json::Value>(&address, &body).await }, |_| {});
    });
    let about = format!("approval-{}", task.key);
    rsx! {
        form {
            class: "stack loose",
            onsubmit: move |event| {
                event.prevent_default();
                decide.call(true);
            },
            Fields { inputs, texts, about: about.clone() }
            div { class: "field",
                label { r#for: "{about}-comment", "Comment" span { class: "dim", ", for the history" } }
                input {
                    id: "{about}-comment",
                    class: "input",
                    r#type: "text",
                    maxlength: "1000",
                    autocomplete: "off",
                    value: "{comment}",
                    oninput: move |event| comment.set(event.value()),
                }
            }
            {act.refusal()}
            div { class: "row-flex",
                button { class: "button primary", r#type: "submit", disabled: act.is_busy() || bad > 0,
                    Drawn { icon: Icon::Check }
                    "Approve"
                }
                button {
                    class: "button danger",
                    r#type: "button",
                    disabled: act.is_busy(),
                    onclick: move |_| decide.call(false),
                    Drawn { icon: Icon::Cross }
                    "Reject"
                }
                if bad > 0 {
                    span { class: "dim", role: "status", {crate::format::count(bad as u64, "input")} " to be put right before it can be approved" }
                }
            }
        }
    }
}

/// What was decided, and by whom.
#[component]
pub(super) fn Decided(decision: Decision) -> Element {
    let what = if decision.approved { "Approved" } else { "Rejected" };
    rsx! {
        p { class: "soft",
            if let Some(by) = &decision.by {
                "{what} by "
                span { class: "mono", "{by}" }
                " "
            } else {
                "{what} because nobody had decided in time "
            }
            Ago { at: decision.at }
            if let Some(comment) = &decision.comment {
                ": {comment}"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use emboflow_model::approval::Question;
    use emboflow_model::transition::Change;
    use emboflow_model::workflow::OnTimeout;
    use emboflow_model::{ProjectName, RunId, TaskState, Timestamp};

    use super::*;

    #[test]
    fn what_is_open_is_shown_the_oldest_first_and_nothing_that_is_decided() {
        let task = |name: &str, position: u32, asked_at: i64| {
            let key: emboflow_model::TaskKey = name.parse().unwrap();
            let mut task =
                Task::new(RunId::from_bits(1), ProjectName::new("lab").unwrap(), key.clone(), position);
            let question = Question {
                message: "m".to_owned(),
                inputs: Default::default(),
                ends_at: None,
                on_timeout: OnTimeout::Fail,
            };
            let asked = Change::ApprovalAsked { task: key, question: Box::new(question) };
            task.apply(&asked, 2, Timestamp(asked_at));
            task
        };
        let mut over = task("over", 0, 1);
        over.state = TaskState::Cancelled;
        let tasks = [over, task("late", 1, 9), task("early", 2, 5)];
        let names = |chosen: Option<&str>| -> Vec<String> {
            let chosen = chosen.map(|key| key.parse().unwrap());
            open_in(&tasks, chosen.as_ref()).iter().map(|task| task.key.to_string()).collect()
        };
        assert_eq!(names(None), ["early", "late"]);
        assert_eq!(names(Some("late")), ["late", "early"], "the chosen one is first");
    }
}
