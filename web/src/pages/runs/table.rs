//! The table of runs. Beyond some hundred rows only those in sight are in the document.

use dioxus::prelude::*;
use emboflow_protocol::event::RunRow;

use super::feed::{Column, Order};
use super::selection::Selection;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::parts::meter::{Meter, task_shares};
use crate::parts::pill::RunPill;
use crate::parts::text::{Ago, Copy, Took};
use crate::parts::virtual_rows::{self, Frame};
use crate::place::{Link, PLACE};
use crate::route::Place;

/// As in the style sheet.
const ROW_PX: f64 = 52.0;
const COLUMNS: u32 = 7;

#[component]
pub(super) fn Table(rows: ReadSignal<Vec<RunRow>>, order: Order, selection: Signal<Selection>) -> Element {
    let mut selection = selection;
    let mut scroll = use_signal(|| (0.0, 900.0));
    let total = rows.read().len();
    let (top, height) = scroll();
    let frame = virtual_rows::frame(top, height, ROW_PX, total);
    let Frame { first, last, above_px, below_px } = frame;
    let shown: Vec<RunRow> = rows.read().get(first..last).map(<[RunRow]>::to_vec).unwrap_or_default();
    let all = selection.read().has_all(&rows.read());
    let tall = if virtual_rows::is_long(total) { "tall" } else { "" };
    rsx! {
        div {
            class: "table-wrap {tall}",
            onscroll: move |event| {
                if virtual_rows::is_long(total) {
                    scroll.set((event.scroll_top(), f64::from(event.client_height())));
                }
            },
            table { class: "runs", "aria-rowcount": "{total}",
                thead {
                    tr {
                        th { scope: "col", class: "tick",
                            input {
                                r#type: "checkbox",
                                "aria-label": "Select every run in the list",
                                checked: all,
                                onchange: move |_| selection.write().toggle_all(&rows.peek()),
                            }
                        }
                        th { scope: "col", "State" }
                        th { scope: "col", "Run" }
                        th { scope: "col", class: "hide-s", "Tasks" }
                        Sortable { column: Column::Created, title: "Created", order, class: "hide-s" }
                        Sortable { column: Column::Duration, title: "Duration", order, class: "hide-s" }
                        Sortable { column: Column::Finished, title: "Finished", order, class: "hide-m" }
                    }
                }
                tbody {
                    virtual_rows::Pad { px: above_px, columns: COLUMNS }
                    for row in shown {
                        Row { key: "{row.id}", row, selection }
                    }
                    virtual_rows::Pad { px: below_px, columns: COLUMNS }
                }
            }
        }
    }
}

#[component]
fn Sortable(
    column: Column,
    title: &'static str,
    order: Order,
    #[props(default)] class: &'static str,
) -> Element {
    let here = order.by == column;
    let sorted = match (here, order.largest_first) {
        (false, _) => None,
        (true, true) => Some("descending"),
        (true, false) => Some("ascending"),
    };
    let next = Order { by: column, largest_first: !here || !order.largest_first };
    let arrow = match sorted {
        Some("descending") => " ↓",
        Some(_) => " ↑",
        None => "",
    };
    rsx! {
        th { scope: "col", "aria-sort": sorted, class: "right {class}",
            Link { to: PLACE.read().with("sort", &next.word()), class: "plain",
                "{title}"
                span { "aria-hidden": "true", "{arrow}" }
            }
        }
    }
}

#[component]
fn Row(row: RunRow, selection: Signal<Selection>) -> Element {
    let mut selection = selection;
    let run = row.id;
    let id = run.to_string();
    let total = row.tasks.total;
    let ended = row.tasks.terminal();
    let ticked = selection.read().has(run);
    rsx! {
        tr { "data-run": "{id}", "data-state": "{row.state}", class: if ticked { "selected" } else { "" },
            td { class: "tick",
                input {
                    r#type: "checkbox",
                    "aria-label": "Select run {id}",
                    checked: ticked,
                    onchange: move |_| selection.write().toggle(run),
                }
            }
            td { RunPill { state: row.state, asks: !row.approvals.is_empty() } }
            td { Names { row: row.clone() } }
            td { class: "hide-s",
                div { class: "task-cell",
                    Meter { shares: task_shares(&row.tasks), label: "{ended} of {total} tasks ended" }
                    span { class: "dim num nowrap",
                        {format!("{} / {}", format::thousands(ended.into()), format::thousands(total.into()))}
                    }
                }
            }
            td { class: "right hide-s", Ago { at: row.created_at } }
            td { class: "right hide-s", Took { from: row.started_at, to: row.finished_at } }
            td { class: "right hide-m",
                if let Some(at) = row.finished_at {
                    Ago { at }
                } else {
                    span { class: "dim", "–" }
                }
            }
        }
    }
}

/// What a run is called: its workflow, its id, and why it came to what it is.
#[component]
fn Names(row: RunRow) -> Element {
    let id = row.id.to_string();
    let workflow = row.workflow.to_string();
    let filtered = PLACE.read().get("workflow") == Some(workflow.as_str());
    rsx! {
        div { class: "names",
            div { class: "row-flex",
                Link { to: Place::run(&id), class: "run-name cut", label: "{workflow}, run {id}", "{workflow}" }
                if !filtered {
                    Link {
                        to: PLACE.read().with("workflow", &workflow),
                        class: "button ghost small square copy",
                        label: "Only runs of {workflow}",
                        title: "Only runs of {workflow}",
                        Drawn { icon: Icon::Filter }
                    }
                }
            }
            div { class: "row-flex under",
                span { class: "id nowrap", title: "{id}", {format::short_id(&id)} }
                span { class: "show-s dim", Ago { at: row.created_at } }
                if let Some(reason) = &row.reason {
                    span { class: "dim cut hide-s", title: "{reason}", "{reason}" }
                }
                Copy { text: id.clone(), what: "the run's id" }
            }
        }
    }
}
