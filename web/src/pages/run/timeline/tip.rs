//! What a row of the timeline stands for, in full: shown while the pointer or the focus is on it.

use dioxus::prelude::*;
use emboflow_model::{Task, Timestamp};

use super::phases::{Bar, bars};
use crate::browser;
use crate::format;
use crate::pages::run::RunView;
use crate::pages::run::failure::in_words;
use crate::pages::run::file::RunFile;
use crate::pages::run::pulling::sentence;
use crate::parts::pill::TaskPill;

/// Names it to those who cannot see it.
pub(super) const ID: &str = "timeline-tip";
const WIDTH_PX: f64 = 360.0;

/// The row that is pointed at, and where the tip goes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pointed {
    pub(super) position: u32,
    left_px: f64,
    /// From the top of the window, or from its bottom.
    top_px: Option<f64>,
    bottom_px: Option<f64>,
}

pub(super) fn row_id(position: u32) -> String {
    format!("timeline-row-{position}")
}

impl Pointed {
    /// Below the row, or above one that lies low.
    pub(super) fn at(position: u32, x: Option<f64>) -> Option<Self> {
        let place = browser::element(&row_id(position))?.get_bounding_client_rect();
        let (width, height) = browser::window_size();
        let left = x.map_or(browser::left_of(super::window::SCALE_ID), |x| x + 12.0);
        let left_px = left.min(width - WIDTH_PX - 12.0).max(12.0);
        let low = place.bottom() > height * 0.6;
        Some(Self {
            position,
            left_px,
            top_px: (!low).then(|| place.bottom() + 6.0),
            bottom_px: low.then(|| height - place.top() + 6.0),
        })
    }
}

#[component]
pub(super) fn Tip(pointed: Pointed, until: Timestamp) -> Element {
    let view = use_context::<RunView>();
    let file = use_context::<RunFile>();
    let tasks = view.tasks.read();
    let found = tasks.binary_search_by_key(&pointed.position, |task| task.position).ok();
    let Some(task) = found.and_then(|place| tasks.get(place)) else { return rsx! {} };
    let key = task.key.to_string();
    let bars = bars(task, until);
    let top = pointed.top_px.map_or("auto".to_owned(), |px| format!("{px}px"));
    let bottom = pointed.bottom_px.map_or("auto".to_owned(), |px| format!("{px}px"));
    rsx! {
        div { id: ID, role: "tooltip", class: "tip", left: "{pointed.left_px}px", top, bottom,
            div { class: "row-flex",
                strong { class: "mono grow cut", "{key}" }
                TaskPill { state: task.state, asks: task.open_approval().is_some() }
            }
            Axes { values: file.values(task).to_vec() }
            if bars.is_empty() {
                p { class: "dim", "Nothing has happened yet." }
            } else {
                Stretches { bars, several: task.attempts.len() > 1 }
            }
            if let Some(why) = why(task) {
                p { class: "soft", "{why}" }
            }
        }
    }
}

/// Why the task is where it is, when its state alone does not say it.
fn why(task: &Task) -> Option<String> {
    let pull = task.open_attempt().and_then(|attempt| attempt.pull.as_ref()).map(sentence);
    let wait = task.wait_reason.as_ref().map(|wait| format!("Waits: {wait}"));
    pull.or(wait).or_else(|| task.message.clone()).or_else(|| Some(format!("{}.", in_words(task.reason?))))
}

#[component]
fn Axes(values: Vec<(String, String)>) -> Element {
    if values.is_empty() {
        return rsx! {};
    }
    rsx! {
        div { class: "row-flex wrap",
            for (axis , value) in values {
                span { key: "{axis}", class: "tag", "{axis} = {value}" }
            }
        }
    }
}

#[component]
fn Stretches(bars: Vec<Bar>, several: bool) -> Element {
    rsx! {
        dl { class: "stretches",
            for (number , bar) in bars.into_iter().enumerate() {
                div { key: "{number}",
                    svg { view_box: "0 0 10 10", "aria-hidden": "true",
                        rect { class: bar.phase.class(), width: "10", height: "10", rx: "2" }
                    }
                    dt {
                        "{bar.phase.name()}"
                        if several {
                            span { class: "dim", ", attempt {bar.attempt}" }
                        }
                    }
                    dd { class: "num", {format::duration(bar.to.ms_since(bar.from))} }
                }
            }
        }
    }
}
