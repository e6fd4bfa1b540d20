//! The results of a workflow that other runs take over, and how they are cleared.

use dioxus::prelude::*;
use emboflow_model::WorkflowName;
use emboflow_model::access::Role;
use emboflow_protocol::http::Page;
use emboflow_protocol::http::clearing::{ClearingBody, ClearingView};

use crate::api;
use crate::me;
use crate::parts::act::{Confirm, use_act};
use crate::parts::banner::Problem;
use crate::parts::text::Ago;
use crate::parts::toast;

/// When the results of a workflow were cleared last, and the button that clears them.
#[component]
pub(super) fn Cached(name: WorkflowName) -> Element {
    let wanted = name.clone();
    let mut asked = use_resource(move || last_cleared(wanted.clone()));
    let cleared = match &*asked.read() {
        None => rsx! {},
        Some(Err(error)) => rsx! { Problem { error: error.clone(), retry: move |()| asked.restart() } },
        Some(Ok(None)) => rsx! { p { class: "dim", "They were never cleared." } },
        Some(Ok(Some(ClearingView { workflow, clearing }))) => rsx! {
            p { class: "dim",
                if workflow.is_none() {
                    "Those of the whole project were cleared "
                } else {
                    "They were cleared "
                }
                Ago { at: clearing.at }
                " by {clearing.by}."
            }
        },
    };
    rsx! {
        section { class: "card", "aria-label": "Cached results",
            div { class: "card-head",
                h2 { class: "grow", "Cached results" }
                if me::may_in_project(Role::Operator) {
                    Clear { name, oncleared: move |()| asked.restart() }
                }
            }
            div { class: "card-body stack",
                p { class: "soft", "Tasks with cache take over what an earlier run made of the same image, command and inputs." }
                {cleared}
            }
        }
    }
}

/// The newer one of what was cleared of the workflow and of the whole project.
async fn last_cleared(workflow: WorkflowName) -> Result<Option<ClearingView>, api::ApiError> {
    let mut newest: Option<ClearingView> = None;
    let mut cursor = None;
    loop {
        let rest = cursor.map(|cursor: String| format!("&cursor={}", crate::route::encode(&cursor)));
        let address = format!("cache/clearings?limit=500{}", rest.unwrap_or_default());
        let page: Page<ClearingView> = api::get(&api::in_project(&address)).await?;
        let about_it = |view: &ClearingView| view.workflow.as_ref().is_none_or(|own| *own == workflow);
        let found = page.items.into_iter().filter(about_it);
        newest = newest.into_iter().chain(found).max_by_key(|view| view.clearing.at);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(newest),
        }
    }
}

#[component]
fn Clear(name: WorkflowName, oncleared: Callback<()>) -> Element {
    let mut asks = use_signal(|| false);
    let act = use_act();
    rsx! {
        button { class: "button small", r#type: "button", onclick: move |_| asks.set(true), "Clear…" }
        if asks() {
            Confirm {
                title: "Clear the cached results of {name}?",
                text: "No run takes over any more what was begun by now: tasks with cache run once more. Runs, artifacts and logs stay.",
                verb: "Clear them",
                act,
                onclose: move |()| asks.set(false),
                onconfirm: move |()| {
                    let address = api::in_project("cache/clearings");
                    let body = ClearingBody { workflow: Some(name.clone()) };
                    act.start(async move { api::post::<ClearingView>(&address, &body).await }, move |_| {
                        asks.set(false);
                        toast::done("The cached results are cleared.");
                        oncleared.call(());
                    });
                },
            }
        }
    }
}
