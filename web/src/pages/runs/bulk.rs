//! The bar above the list while runs are ticked: what can be done with all of them at once.

use dioxus::prelude::*;
use emboflow_model::RunId;
use emboflow_protocol::event::RunRow;
use emboflow_protocol::http::{CancelBody, RetryBody};
use futures::StreamExt;

use super::selection::{Deed, Selection};
use crate::api::{self, ApiError};
use crate::browser;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::parts::dialog::Dialog;
use crate::parts::look_only::{LookOnly, may_run};
use crate::parts::toast;

/// Requests under way at the same time.
const AT_ONCE: usize = 4;
/// A server that is asked too often gets this much rest before the request is sent once more.
const REST_MS: i32 = 1_500;
/// How often it gets it.
const RESTS: u32 = 5;

impl Deed {
    fn verb(self) -> &'static str {
        match self {
            Deed::Cancel => "Cancel",
            Deed::Retry => "Retry failed tasks of",
        }
    }

    fn consequence(self) -> &'static str {
        match self {
            Deed::Cancel => {
                "Their active tasks are asked to end, and killed when they do not. Cancelled is for good; what they have stored stays."
            }
            Deed::Retry => {
                "Each becomes a new run: tasks that ended well are taken over, the others run again."
            }
        }
    }

    fn done(self, count: u64) -> String {
        let runs = format::count(count, "run");
        match (self, count) {
            (Deed::Cancel, 1) => format!("{runs} is being cancelled."),
            (Deed::Cancel, _) => format!("{runs} are being cancelled."),
            (Deed::Retry, 1) => "A new run repeats what did not end well.".to_owned(),
            (Deed::Retry, _) => format!("{} repeat what did not end well.", format::count(count, "new run")),
        }
    }
}

#[component]
pub(super) fn BulkBar(rows: ReadSignal<Vec<RunRow>>, selection: Signal<Selection>) -> Element {
    let mut asked = use_signal(|| None::<Deed>);
    let mut selection = selection;
    let chosen = selection.read().of(&rows.read());
    if chosen.is_empty() {
        return rsx! {};
    }
    if !may_run() {
        return rsx! { div { class: "bulk", role: "region", "aria-label": "Selected runs", LookOnly {} } };
    }
    let cancel = Deed::Cancel.targets(&chosen).len() as u64;
    let retry = Deed::Retry.targets(&chosen).len() as u64;
    rsx! {
        div { class: "bulk", role: "region", "aria-label": "Selected runs",
            strong { class: "num", role: "status", {format!("{} selected", format::count(chosen.len() as u64, "run"))} }
            if cancel > 0 {
                button { class: "button small danger", r#type: "button", onclick: move |_| asked.set(Some(Deed::Cancel)),
                    Drawn { icon: Icon::Stop }
                    {format!("Cancel {cancel}…")}
                }
            }
            if retry > 0 {
                button { class: "button small", r#type: "button", onclick: move |_| asked.set(Some(Deed::Retry)),
                    Drawn { icon: Icon::Retry }
                    {format!("Retry failed tasks of {retry}…")}
                }
            }
            if cancel + retry == 0 {
                span { class: "dim", "All of them have ended well: nothing to cancel or to retry." }
            }
            span { class: "grow" }
            button { class: "button small ghost", r#type: "button", onclick: move |_| selection.write().clear(),
                Drawn { icon: Icon::Close }
                "Clear selection"
            }
        }
        if let Some(deed) = asked() {
            Confirm { deed, chosen, selection, onclose: move |()| asked.set(None) }
        }
    }
}

#[component]
fn Confirm(deed: Deed, chosen: Vec<RunRow>, selection: Signal<Selection>, onclose: Callback<()>) -> Element {
    let targets = deed.targets(&chosen);
    let passed_over = (chosen.len() - targets.len()) as u64;
    let title = format!("{} {}?", deed.verb(), format::count(targets.len() as u64, "run"));
    let button = title.trim_end_matches('?').to_owned();
    let mut selection = selection;
    let mut skips = use_signal(|| false);
    rsx! {
        Dialog { label: title.clone(), alert: true, onclose,
            div { class: "dialog-body",
                h2 { "{title}" }
                p { class: "soft", {deed.consequence()} }
                if deed == Deed::Cancel {
                    label { class: "switch",
                        input {
                            r#type: "checkbox",
                            checked: skips(),
                            onchange: move |event| skips.set(event.checked()),
                        }
                        "Leave out their finally tasks too, where they have any"
                    }
                }
                if passed_over > 0 {
                    p { class: "dim", {format!("{} of the selection stays as it is: its state does not allow this.", format::count(passed_over, "run"))} }
                }
            }
            div { class: "dialog-foot",
                button { class: "button", r#type: "button", onclick: move |_| onclose.call(()), "Leave them" }
                button {
                    class: if deed == Deed::Cancel { "button danger" } else { "button primary" },
                    r#type: "button",
                    autofocus: true,
                    disabled: targets.is_empty(),
                    onclick: move |_| {
                        let targets = targets.clone();
                        onclose.call(());
                        selection.write().clear();
                        dioxus::core::spawn_forever(act(deed, targets, skips()));
                    },
                    "{button}"
                }
            }
        }
    }
}

/// Does it with each, some at the same time, and says what it came to.
async fn act(deed: Deed, runs: Vec<RunId>, skip_finally: bool) {
    let answers = futures::stream::iter(runs.into_iter().map(|run| patiently(deed, run, skip_finally)));
    let answers: Vec<Result<(), ApiError>> = answers.buffer_unordered(AT_ONCE).collect().await;
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    if done > 0 {
        toast::done(deed.done(done as u64));
    }
    let refused = answers.len() - done;
    if let Some(error) = answers.into_iter().find_map(Result::err) {
        toast::failed_of(error, refused as u64, "run");
    }
}

async fn patiently(deed: Deed, run: RunId, skip_finally: bool) -> Result<(), ApiError> {
    for _ in 0..RESTS {
        match once(deed, run, skip_finally).await {
            Err(error) if error.is_too_often() => browser::sleep_ms(REST_MS).await,
            answer => return answer,
        }
    }
    once(deed, run, skip_finally).await
}

async fn once(deed: Deed, run: RunId, skip_finally: bool) -> Result<(), ApiError> {
    let run = run.to_string();
    match deed {
        Deed::Cancel => {
            let body = CancelBody { reason: Some("cancelled on the page".to_owned()), skip_finally };
            api::post::<serde_json::Value>(&api::of_run(&run, "cancel"), &body).await.map(drop)
        }
        Deed::Retry => {
            let body = RetryBody::default();
            api::post::<serde_json::Value>(&api::of_run(&run, "retry"), &body).await.map(drop)
        }
    }
}
