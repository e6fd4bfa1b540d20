//! What can be done with a run; each button says what it will do.

use dioxus::prelude::*;
use emboflow_model::{RunState, RunSummary, TaskState};
use emboflow_protocol::http::{CancelBody, ReasonBody, RetryBody};

use super::rerun::Rerun;
use crate::api;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::parts::dialog::Dialog;
use crate::parts::look_only::{LookOnly, may_run};
use crate::parts::toast;
use crate::place::{Link, go};
use crate::route::{Place, Route};

#[component]
pub(super) fn Actions(run: RunSummary) -> Element {
    let mut asks = use_signal(|| false);
    let mut reruns = use_signal(|| false);
    let id = run.id.to_string();
    let ended = run.state.is_terminal();
    let bad = [TaskState::Failed, TaskState::UpstreamFailed, TaskState::Cancelled];
    let repeatable: u32 = bad.iter().map(|state| run.tasks.in_state(*state)).sum();
    let can_cancel = can_cancel(&run);
    if !may_run() {
        return rsx! { LookOnly {} };
    }
    let steering = [
        (
            run.state == RunState::Running,
            "pause",
            "Pause",
            Icon::Pause,
            "No further task starts; what runs goes on",
        ),
        (run.state == RunState::Paused, "resume", "Resume", Icon::Play, "Tasks start again"),
    ];
    rsx! {
        div { class: "actions",
            if can_cancel {
                button { class: "button danger", r#type: "button", onclick: move |_| asks.set(true),
                    Drawn { icon: Icon::Stop }
                    "Cancel run"
                }
            }
            for (fits , verb , name , icon , hint) in steering {
                if fits {
                    Steer { key: "{verb}", run: id.clone(), verb, name, icon, hint }
                }
            }
            if ended && repeatable > 0 {
                Retry { run: id.clone() }
            }
            button {
                class: "button",
                r#type: "button",
                title: "A new run from chosen tasks on, or with other inputs; results that this does not touch are taken over",
                onclick: move |_| reruns.set(true),
                Drawn { icon: Icon::Retry }
                "Rerun…"
            }
            Link {
                to: Place::new(Route::New).with("from", &id),
                class: "button",
                title: "A new run of the same file from the start; nothing is taken over, and file and inputs can be changed first",
                Drawn { icon: Icon::Play }
                "Run again…"
            }
        }
        if reruns() {
            Rerun { run: run.clone(), onclose: move |()| reruns.set(false) }
        }
        if asks() {
            Confirm { id, tasks: run.tasks.in_state(TaskState::Active), has_finally: has_finally(&run), onclose: move |()| asks.set(false) }
        }
    }
}

fn has_finally(run: &RunSummary) -> bool {
    run.graph.iter().any(|spec| spec.finally.is_some())
}

/// Also while it is being cancelled: what follows all others can be left out later too.
fn can_cancel(run: &RunSummary) -> bool {
    let is_open = matches!(run.state, RunState::Queued | RunState::Running | RunState::Paused);
    is_open || (run.state == RunState::Cancelling && has_finally(run))
}

#[component]
fn Retry(run: String) -> Element {
    let mut busy = use_signal(|| false);
    rsx! {
        button {
            class: "button primary",
            r#type: "button",
            disabled: busy(),
            title: "Makes a new run: tasks that ended well are taken over, the others run again",
            onclick: move |_| {
                let id = run.clone();
                spawn(async move {
                    busy.set(true);
                    retry(&id).await;
                    busy.set(false);
                });
            },
            Drawn { icon: Icon::Retry }
            "Retry failed tasks in a new run"
        }
    }
}

#[component]
fn Steer(run: String, verb: &'static str, name: &'static str, icon: Icon, hint: &'static str) -> Element {
    let mut busy = use_signal(|| false);
    rsx! {
        button {
            class: "button",
            r#type: "button",
            disabled: busy(),
            title: hint,
            onclick: move |_| {
                let address = api::of_run(&run, verb);
                spawn(async move {
                    busy.set(true);
                    // The event shows what it came to.
                    if let Err(error) = api::post::<serde_json::Value>(&address, &ReasonBody::default()).await {
                        toast::failed(error);
                    }
                    busy.set(false);
                });
            },
            Drawn { icon }
            "{name}"
        }
    }
}

#[component]
fn Confirm(id: String, tasks: u32, has_finally: bool, onclose: Callback<()>) -> Element {
    let mut skips = use_signal(|| false);
    rsx! {
        Dialog { label: "Cancel this run?", alert: true, onclose,
            div { class: "dialog-body",
                h2 { "Cancel this run?" }
                p { class: "soft",
                    if tasks > 0 {
                        {format!("{} {} asked to end, and killed when not. ", format::count(tasks.into(), "active task"), if tasks == 1 { "is" } else { "are" })}
                    }
                    "No further task starts. The run is cancelled for good; what it has stored stays."
                }
                if has_finally {
                    label { class: "switch",
                        input {
                            r#type: "checkbox",
                            checked: skips(),
                            onchange: move |event| skips.set(event.checked()),
                        }
                        "Leave out its finally tasks, which would run now"
                    }
                }
            }
            div { class: "dialog-foot",
                button { class: "button", r#type: "button", onclick: move |_| onclose.call(()), "Keep it running" }
                button {
                    class: "button danger",
                    r#type: "button",
                    autofocus: true,
                    onclick: move |_| {
                        let id = id.clone();
                        onclose.call(());
                        dioxus::core::spawn_forever(async move { cancel(&id, skips()).await });
                    },
                    "Cancel the run"
                }
            }
        }
    }
}

async fn cancel(id: &str, skip_finally: bool) {
    let body = CancelBody { reason: Some("cancelled on the page".to_owned()), skip_finally };
    match api::post::<serde_json::Value>(&api::of_run(id, "cancel"), &body).await {
        Ok(_) => toast::done("The run is being cancelled."),
        Err(error) => toast::failed(error),
    }
}

async fn retry(id: &str) {
    match api::post::<RunSummary>(&api::of_run(id, "retry"), &RetryBody::default()).await {
        Ok(run) => {
            toast::done("A new run repeats what did not end well.");
            go(Place::run(run.id));
        }
        Err(error) => toast::failed(error),
    }
}
