//! The workflows that have been applied to the project.

mod recent;

use dioxus::prelude::*;
use emboflow_protocol::event::RunRow;
use emboflow_protocol::http::{Page, RunQuery, WorkflowView};

use crate::api::{self, ApiError};
use crate::icon::{Drawn, Icon};
use crate::live::{self, Arrival, RESYNC, use_arrivals};
use crate::look;
use crate::parts::banner::{Empty, Loading, Problem};
use crate::parts::text::Ago;
use crate::place::Link;
use crate::route::{Place, Route, encode};
use recent::{Recent, SHOWN};

/// Workflows of one answer.
const PAGE: u32 = 200;
/// Runs looked at for the last ones of each workflow.
const RUNS: u32 = 300;

#[component]
pub(crate) fn Workflows() -> Element {
    let mut rows = use_signal(Vec::<WorkflowView>::new);
    let mut next = use_signal(|| None::<String>);
    let recent = use_recent();
    let mut asked = use_resource(move || async move {
        let _ = RESYNC.read();
        let page = read(None).await?;
        rows.set(page.items);
        next.set(page.next);
        Ok::<(), ApiError>(())
    });
    let answer = asked.read().clone();
    rsx! {
        div { class: "page-head",
            div {
                h1 { "Workflows" }
                p { class: "lead", "Files that are kept under a name and can be run by it." }
            }
        }
        if let Some(Err(error)) = &answer {
            Problem { error: error.clone(), retry: move |()| asked.restart() }
        }
        if answer.is_none() {
            Loading { rows: 5 }
        } else if !rows.read().is_empty() {
            // What was last read stays in sight below an error.
            Table { rows, recent }
            More { rows, next }
        } else if answer == Some(Ok(())) {
            NothingKept {}
        }
    }
}

#[component]
fn More(rows: Signal<Vec<WorkflowView>>, next: Signal<Option<String>>) -> Element {
    let (mut rows, mut next) = (rows, next);
    let Some(cursor) = next() else { return rsx! {} };
    rsx! {
        div { class: "more",
            button {
                class: "button",
                r#type: "button",
                onclick: move |_| {
                    let cursor = cursor.clone();
                    spawn(async move {
                        match read(Some(&cursor)).await {
                            Ok(page) => {
                                rows.write().extend(page.items);
                                next.set(page.next);
                            }
                            Err(error) => crate::parts::toast::failed(error),
                        }
                    });
                },
                "Load more"
            }
        }
    }
}

/// The last runs of each workflow, live.
fn use_recent() -> Signal<Recent> {
    let mut recent = use_signal(Recent::default);
    use_effect(move || {
        let _ = RESYNC.read();
        spawn(async move {
            live::settled().await;
            let query = api::query(&RunQuery { limit: Some(RUNS), ..RunQuery::default() });
            // Without them the list still says what it has to say.
            if let Ok(page) = api::get::<Page<RunRow>>(&api::in_project(&format!("runs{query}"))).await {
                page.items.iter().for_each(|row| recent.write().take(row));
            }
        });
    });
    use_arrivals(move |arrival| {
        if let Arrival::Run(event) = arrival {
            recent.write().take(&event.data.run);
        }
    });
    recent
}

async fn read(cursor: Option<&str>) -> Result<Page<WorkflowView>, ApiError> {
    let cursor = cursor.map(|cursor| format!("&cursor={}", encode(cursor))).unwrap_or_default();
    api::get(&api::in_project(&format!("workflows?limit={PAGE}{cursor}"))).await
}

#[component]
fn NothingKept() -> Element {
    rsx! {
        Empty { title: "No workflow is kept yet",
            p { "Keep a file under its name:" }
            code { "emboflow workflow apply examples/digits/workflow.yaml" }
            p {
                "or "
                Link { to: Place::new(Route::New), "paste one and run it" }
                "."
            }
        }
    }
}

#[component]
fn Table(rows: ReadSignal<Vec<WorkflowView>>, recent: ReadSignal<Recent>) -> Element {
    rsx! {
        div { class: "table-wrap",
            table {
                thead {
                    tr {
                        th { scope: "col", "Name" }
                        th { scope: "col", class: "hide-s", "What it is for" }
                        th { scope: "col", "Last runs" }
                        th { scope: "col", class: "right hide-s", "Version" }
                        th { scope: "col", class: "right hide-m", "Applied" }
                        th { scope: "col",
                            span { class: "visually-hidden", "Actions" }
                        }
                    }
                }
                tbody {
                    for row in rows.read().iter() {
                        Row { key: "{row.name}", row: row.clone(), last: recent.read().of(&row.name) }
                    }
                }
            }
        }
    }
}

#[component]
fn Row(row: WorkflowView, last: Vec<RunRow>) -> Element {
    let name = row.name.to_string();
    let of_workflow = Place::new(Route::Workflow { name: name.clone() });
    rsx! {
        tr { "data-workflow": "{name}",
            td {
                Link { to: of_workflow.clone(), class: "mono", "{name}" }
            }
            td { class: "soft hide-s", {row.description.clone().unwrap_or_default()} }
            td { LastRuns { last } }
            td { class: "right num hide-s", "{row.version}" }
            td { class: "right hide-m", Ago { at: row.created_at } }
            td { class: "right nowrap",
                Link { to: Place::new(Route::Runs).with("workflow", &name), class: "button ghost small hide-s", label: "Runs of {name}", "Runs" }
                Link { to: of_workflow.with("tab", "run"), class: "button small", label: "Run {name}",
                    Drawn { icon: Icon::Play }
                    "Run…"
                }
            }
        }
    }
}

/// One icon a run, the newest last; each leads to its run.
#[component]
fn LastRuns(last: Vec<RunRow>) -> Element {
    if last.is_empty() {
        return rsx! {
            span { class: "dim", title: "None among the newest {RUNS} of the project", "none lately" }
        };
    }
    rsx! {
        ul { class: "last-runs", "aria-label": "The last {SHOWN} runs at most, the newest last",
            for row in last.into_iter().rev() {
                li { key: "{row.id}",
                    Link {
                        to: Place::run(row.id),
                        title: "{look::of_run(row.state).word}, {row.id}",
                        label: "{look::of_run(row.state).word}: run {row.id}",
                        Drawn { icon: look::of_run(row.state).icon, class: "state-icon {look::of_run(row.state).tone.class()}" }
                    }
                }
            }
        }
    }
}
