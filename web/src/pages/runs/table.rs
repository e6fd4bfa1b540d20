//! The table of runs. Beyond some hundred rows only those in sight are in the document.

use dioxus::prelude::*;
use emboflow_protocol::event::RunRow;

use super::feed::{Column, Order};
use crate::parts::meter::{Meter, task_shares};
use crate::parts::pill::RunPill;
use crate::parts::text::{Ago, Copy, Took};
use crate::parts::virtual_rows::{self, Frame};
use crate::place::{Link, PLACE};
use crate::route::{Place, Route};

/// As in the style sheet.
const ROW_PX: f64 = 42.0;

#[component]
pub(crate) fn Table(rows: ReadSignal<Vec<RunRow>>, order: Order) -> Element {
    let mut scroll = use_signal(|| (0.0, 900.0));
    let total = rows.read().len();
    let (top, height) = scroll();
    let frame = virtual_rows::frame(top, height, ROW_PX, total);
    let Frame { first, last, above_px, below_px } = frame;
    let shown: Vec<RunRow> = rows.read().get(first..last).map(<[RunRow]>::to_vec).unwrap_or_default();
    let tall = if virtual_rows::is_long(total) { "tall" } else { "" };
    rsx! {
        div {
            class: "table-wrap {tall}",
            onscroll: move |event| {
                if virtual_rows::is_long(total) {
                    scroll.set((event.scroll_top(), f64::from(event.client_height())));
                }
            },
            table {
                "aria-rowcount": "{total}",
                thead {
                    tr {
                        th { scope: "col", "State" }
                        th { scope: "col", "Run" }
                        th { scope: "col", "Workflow" }
                        th { scope: "col", "Tasks" }
                        Sortable { column: Column::Created, title: "Created", order }
                        Sortable { column: Column::Duration, title: "Duration", order }
                        Sortable { column: Column::Finished, title: "Finished", order }
                    }
                }
                tbody {
                    virtual_rows::Pad { px: above_px, columns: 7 }
                    for row in shown {
                        Row { key: "{row.id}", row }
                    }
                    virtual_rows::Pad { px: below_px, columns: 7 }
                }
            }
        }
    }
}

#[component]
fn Sortable(column: Column, title: &'static str, order: Order) -> Element {
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
        th { scope: "col", "aria-sort": sorted, class: "right",
            Link { to: PLACE.read().with("sort", &next.word()), class: "dim", "{title}{arrow}" }
        }
    }
}

#[component]
fn Row(row: RunRow) -> Element {
    let id = row.id.to_string();
    let place = Place::run(&id);
    let total = row.tasks.total;
    let ended = row.tasks.terminal();
    let workflow = row.workflow.to_string();
    let of_workflow = Place::new(Route::Workflow { name: workflow.clone() });
    rsx! {
        tr { "data-run": "{id}", "data-state": "{row.state}",
            td { RunPill { state: row.state } }
            td {
                div { class: "row-flex",
                    Link { to: place, class: "id nowrap", "{id}" }
                    Copy { text: id.clone(), what: "the run's id" }
                }
            }
            td {
                div { class: "title-cell",
                    Link { to: of_workflow, class: "nowrap", "{workflow}" }
                    if let Some(reason) = &row.reason {
                        span { class: "dim cut", title: "{reason}", "{reason}" }
                    }
                }
            }
            td {
                div { class: "task-cell",
                    Meter { shares: task_shares(&row.tasks), label: "{ended} of {total} tasks ended" }
                    span { class: "dim num nowrap", {format!("{ended} / {total}")} }
                }
            }
            td { class: "right", Ago { at: row.created_at } }
            td { class: "right", Took { from: row.started_at, to: row.finished_at } }
            td { class: "right",
                if let Some(at) = row.finished_at {
                    Ago { at }
                } else {
                    span { class: "dim", "–" }
                }
            }
        }
    }
}
