//! When each task waited, was prepared, ran and was stored: one row a task, one bar a phase.

mod phases;
mod row;
mod scale;
mod table;
mod tip;
mod window;
mod zoom;

use dioxus::prelude::*;
use emboflow_model::{Task, TaskState, Timestamp};

use super::RunView;
use crate::app::CLOCK;
use crate::browser::{self, WidthWatch};
use crate::format;
use crate::icon::Drawn;
use crate::look::{self, TASK_STATES};
use crate::parts::virtual_rows::{self, Frame};
use crate::place::{Link, PLACE};
use phases::{Carrier, Course, Phase};
use row::{Axis, Row};
use scale::Scale;
use table::Figures;
use tip::{Pointed, Tip};
use window::{Buttons, SCALE_ID, use_window};

/// As in the style sheet.
const ROW_PX: f64 = 32.0;
/// The element that scrolls.
const ROWS_ID: &str = "timeline-rows";
const LEGEND: [(Phase, &str); 7] = [
    (Phase::Queue, "Queue"),
    (Phase::Image, "Image"),
    (Phase::Inputs, "Inputs and container"),
    (Phase::Work(Carrier::Program, Course::Underway), "Running"),
    (Phase::Work(Carrier::Program, Course::Well), "Ran"),
    (Phase::Work(Carrier::Program, Course::Badly), "Ran and failed"),
    (Phase::Store, "Log and outputs"),
];

#[component]
pub(super) fn Timeline() -> Element {
    let view = use_context::<RunView>();
    let width = use_width();
    let window = use_window();
    let mut scroll = use_signal(|| (0.0, 900.0));
    let mut pointed = use_signal(|| None::<Pointed>);
    use_chosen_in_sight(view);
    let Some((from, ended)) = view.summary.read().as_ref().map(|run| (run.created_at, run.finished_at))
    else {
        return rsx! {};
    };
    // A run that has ended stands still: the clock is not even read.
    let until = ended.unwrap_or_else(|| Timestamp(*CLOCK.read()));
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^53")]
    let whole_ms = until.ms_since(from).max(1) as f64;
    let scale = Scale::new(from, window.zoom().stretch(whole_ms), width());
    let only = only();
    let tasks = view.tasks.read();
    let picked: Vec<&Task> = tasks.iter().filter(|task| only.is_none_or(|only| task.state == only)).collect();
    let (top, height) = scroll();
    let Frame { first, last, above_px, below_px } = virtual_rows::frame(top, height, ROW_PX, picked.len());
    let shown: Vec<Task> = picked.get(first..last).unwrap_or_default().iter().copied().cloned().collect();
    let long = virtual_rows::is_long(picked.len());
    let none = picked.is_empty() && only.is_some();
    rsx! {
        div {
            div { class: "card",
                Bar { only, window, whole_ms }
                div {
                    id: ROWS_ID,
                    class: "timeline",
                    role: "group",
                    "aria-label": "Timeline; plus, minus and the arrows zoom and move",
                    onscroll: move |event| {
                        pointed.set(None);
                        if long {
                            scroll.set((event.scroll_top(), f64::from(event.client_height())));
                        }
                    },
                    onwheel: move |event| window.wheel(&event, scale, whole_ms),
                    onpointerdown: move |event| window.press(&event, width()),
                    onpointermove: move |event| window.drag_on(&event),
                    onpointerup: move |_| window.release(scale, whole_ms),
                    onpointerleave: move |_| window.release(scale, whole_ms),
                    onkeydown: move |event| match event.key() {
                        Key::Escape => pointed.set(None),
                        _ => window.key(&event, whole_ms),
                    },
                    Axis { scale, window }
                    div { height: "{above_px}px" }
                    for task in shown {
                        Row { key: "{task.key}", task, scale, until, window, pointed }
                    }
                    div { height: "{below_px}px" }
                    if none {
                        p { class: "card-body dim", "No task is in this state." }
                    }
                }
            }
            if let (Some(pointed), None) = (pointed(), window.range()) {
                Tip { pointed, until }
            }
            Figures {}
        }
    }
}

/// The state that the rows are limited to.
fn only() -> Option<TaskState> {
    let place = PLACE.read();
    let word = place.get("only")?;
    TASK_STATES.into_iter().find(|state| state.word() == word)
}

/// What the colours mean, which states there are, and the zoom.
#[component]
fn Bar(only: Option<TaskState>, window: window::Window, whole_ms: f64) -> Element {
    rsx! {
        div { class: "card-head wrap",
            h2 { class: "visually-hidden", "Timeline" }
            States { only }
            span { class: "grow" }
            Buttons { window, whole_ms }
        }
        div { class: "legend", "aria-label": "Colours", role: "group",
            for (phase , name) in LEGEND {
                span { key: "{name}",
                    svg { view_box: "0 0 10 10", "aria-hidden": "true",
                        rect { class: phase.class(), width: "10", height: "10", rx: "2" }
                    }
                    "{name}"
                }
            }
        }
    }
}

/// Limits the rows to one state; only worth its space where there are several.
#[component]
fn States(only: Option<TaskState>) -> Element {
    let view = use_context::<RunView>();
    let counts = view.summary.read().as_ref().map(|run| run.tasks.clone()).unwrap_or_default();
    let place = PLACE.read().clone();
    rsx! {
        div { class: "chips", role: "group", "aria-label": "State of the tasks",
            Link { to: place.with("only", ""), class: "chip", current: only.is_none().then(|| "true".to_owned()),
                "All"
                span { class: "count", {format::thousands(counts.total.into())} }
            }
            for state in TASK_STATES.into_iter().filter(|state| counts.in_state(*state) > 0 || only == Some(*state)) {
                Link {
                    key: "{state}",
                    to: place.with("only", if only == Some(state) { "" } else { state.word() }),
                    class: "chip",
                    current: (only == Some(state)).then(|| "true".to_owned()),
                    Drawn { icon: look::of_task(state).icon, class: "state-icon {look::of_task(state).tone.class()}" }
                    {look::of_task(state).word}
                    span { class: "count", {format::thousands(counts.in_state(state).into())} }
                }
            }
        }
    }
}

/// The width that the moments are drawn in, in pixels.
fn use_width() -> Signal<f64> {
    let mut width = use_signal(|| 800.0_f64);
    let mut watch = use_signal(|| None::<WidthWatch>);
    use_effect(move || {
        let (sender, mut widths) = futures::channel::mpsc::unbounded();
        watch.set(WidthWatch::start(SCALE_ID, move |px| {
            // Nobody listens any more once the page shows something else.
            let _ = sender.unbounded_send(px);
        }));
        spawn(async move {
            while let Some(px) = futures::StreamExt::next(&mut widths).await {
                if px > 0.0 && (*width.peek() - px).abs() > 0.5 {
                    width.set(px);
                }
            }
        });
    });
    width
}

/// Brings the row of the address into sight, once the tasks are there.
fn use_chosen_in_sight(view: RunView) {
    let mut done = use_signal(|| false);
    use_effect(move || {
        if !*view.complete.read() || *done.peek() {
            return;
        }
        done.set(true);
        let Some(task) = PLACE.peek().get("task").map(str::to_owned) else { return };
        let place = view.tasks.peek().iter().position(|each| each.key.to_string() == task);
        if let (Some(place), Some(rows)) = (place, browser::element(ROWS_ID)) {
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "pixels")]
            let top = (place as f64 * ROW_PX) as i32 - rows.client_height() / 2;
            rows.set_scroll_top(top.max(0));
        }
    });
}
