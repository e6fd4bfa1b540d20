//! The workflows that have been applied to the project.

use dioxus::prelude::*;
use emboflow_protocol::http::{Page, WorkflowView};

use crate::api::{self, ApiError};
use crate::icon::{Drawn, Icon};
use crate::live::RESYNC;
use crate::parts::banner::{Empty, Loading, Problem};
use crate::parts::text::Ago;
use crate::place::Link;
use crate::route::{Place, Route, encode};

/// Workflows of one answer.
const PAGE: u32 = 200;

#[component]
pub(crate) fn Workflows() -> Element {
    let mut rows = use_signal(Vec::<WorkflowView>::new);
    let mut next = use_signal(|| None::<String>);
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
        match answer {
            None => rsx! { Loading { rows: 5 } },
            Some(Err(error)) => rsx! { Problem { error, retry: move |()| asked.restart() } },
            Some(Ok(())) if rows.read().is_empty() => rsx! { NothingKept {} },
            Some(Ok(())) => rsx! {
                Table { rows }
                if let Some(cursor) = next() {
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
            },
        }
    }
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
fn Table(rows: ReadSignal<Vec<WorkflowView>>) -> Element {
    rsx! {
        div { class: "table-wrap",
            table {
                thead {
                    tr {
                        th { scope: "col", "Name" }
                        th { scope: "col", "What it is for" }
                        th { scope: "col", class: "right", "Version" }
                        th { scope: "col", class: "right", "Applied" }
                        th { scope: "col",
                            span { class: "visually-hidden", "Actions" }
                        }
                    }
                }
                tbody {
                    for row in rows.read().iter() {
                        Row { key: "{row.name}", row: row.clone() }
                    }
                }
            }
        }
    }
}

#[component]
fn Row(row: WorkflowView) -> Element {
    let name = row.name.to_string();
    let of_workflow = Place::new(Route::Workflow { name: name.clone() });
    rsx! {
        tr { "data-workflow": "{name}",
            td {
                Link { to: of_workflow.clone(), class: "mono", "{name}" }
            }
            td { class: "soft", {row.description.clone().unwrap_or_default()} }
            td { class: "right num", "{row.version}" }
            td { class: "right", Ago { at: row.created_at } }
            td { class: "right nowrap",
                Link { to: Place::new(Route::Runs).with("workflow", &name), class: "button ghost small", "Runs" }
                Link { to: of_workflow.with("tab", "run"), class: "button small", label: "Run {name}",
                    Drawn { icon: Icon::Play }
                    "Run…"
                }
            }
        }
    }
}
