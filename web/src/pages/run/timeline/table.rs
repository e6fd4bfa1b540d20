//! The timeline as a table, for those who cannot use the bars.

use dioxus::prelude::*;
use emboflow_model::{Task, Timestamp};

use super::phases::{Phase, bars};
use crate::app::CLOCK;
use crate::format;
use crate::look;
use crate::pages::run::RunView;
use crate::parts::virtual_rows::{self, Frame};
use crate::place::{Link, PLACE};
use crate::route::Tab;

/// As in the style sheet.
const ROW_PX: f64 = 33.0;
const TITLES: [&str; 8] =
    ["Task", "State", "Attempt", "Queue", "Image", "Inputs", "Program or run", "Log and outputs"];

#[component]
pub(super) fn Figures() -> Element {
    let mut open = use_signal(|| false);
    rsx! {
        details { class: "card spaced-above", ontoggle: move |_| open.toggle(),
            summary { class: "card-head", "The same as a table" }
            if open() {
                Table {}
            }
        }
    }
}

#[component]
fn Table() -> Element {
    let view = use_context::<RunView>();
    let mut scroll = use_signal(|| (0.0, 900.0));
    let tasks = view.tasks.read();
    let (top, height) = scroll();
    let Frame { first, last, above_px, below_px } = virtual_rows::frame(top, height, ROW_PX, tasks.len());
    let shown: Vec<Task> = tasks.get(first..last).map(<[Task]>::to_vec).unwrap_or_default();
    let columns = TITLES.len() as u32;
    rsx! {
        div {
            class: "table-wrap tall",
            tabindex: "0",
            role: "region",
            "aria-label": "Times of all tasks",
            onscroll: move |event| scroll.set((event.scroll_top(), f64::from(event.client_height()))),
            table { class: "dense", "aria-rowcount": "{tasks.len()}",
                thead {
                    tr {
                        for title in TITLES {
                            th { key: "{title}", scope: "col", "{title}" }
                        }
                    }
                }
                tbody {
                    virtual_rows::Pad { px: above_px, columns }
                    for task in shown {
                        FigureRow { key: "{task.key}", task }
                    }
                    virtual_rows::Pad { px: below_px, columns }
                }
            }
        }
    }
}

#[component]
fn FigureRow(task: Task) -> Element {
    // What has ended stands still: the clock is not even read.
    let until = task.finished_at.unwrap_or_else(|| Timestamp(*CLOCK.read()));
    let bars = bars(&task, until);
    let attempt = task.attempts.len() as u32;
    let took = move |wanted: fn(Phase) -> bool| {
        let own = bars.iter().filter(|bar| bar.attempt == attempt && wanted(bar.phase));
        own.map(|bar| format::duration(bar.to.ms_since(bar.from))).next().unwrap_or_else(|| "–".to_owned())
    };
    rsx! {
        tr {
            td {
                Link { to: PLACE.read().with_tab(Tab::Logs).with("task", &task.key.to_string()), class: "mono", "{task.key}" }
            }
            td { {if task.open_approval().is_some() { look::ASKS.word } else { look::of_task(task.state).word }} }
            td { class: "num", "{attempt}" }
            td { class: "num", {took(|phase| phase == Phase::Queue)} }
            td { class: "num", {took(|phase| phase == Phase::Image)} }
            td { class: "num", {took(|phase| phase == Phase::Inputs)} }
            td { class: "num", {took(|phase| matches!(phase, Phase::Work(..)))} }
            td { class: "num", {took(|phase| phase == Phase::Store)} }
        }
    }
}
