//! When each task waited, was prepared, ran and was stored: one row a task, one bar a phase.

mod phases;
mod scale;

use dioxus::prelude::*;
use emboflow_model::{Task, Timestamp};

use super::RunView;
use crate::app::CLOCK;
use crate::browser::WidthWatch;
use crate::format;
use crate::parts::pill::TaskIcon;
use crate::parts::virtual_rows::{self, Frame};
use crate::place::{Link, PLACE, go};
use crate::route::Tab;
use phases::{Bar, Phase, bars};
use scale::Scale;

/// As in the style sheet.
const ROW_PX: f64 = 32.0;
const LEGEND: [(Phase, &str); 7] = [
    (Phase::Queue, "Queue"),
    (Phase::Image, "Image"),
    (Phase::Inputs, "Inputs and container"),
    (Phase::Running, "Running"),
    (Phase::Ended, "Ran"),
    (Phase::Failed, "Ran and failed"),
    (Phase::Store, "Log and outputs"),
];

#[component]
pub(super) fn Timeline() -> Element {
    let view = use_context::<RunView>();
    let mut width = use_signal(|| 800.0_f64);
    let mut scroll = use_signal(|| (0.0, 900.0));
    let mut watch = use_signal(|| None::<WidthWatch>);
    use_effect(move || {
        let (sender, mut widths) = futures::channel::mpsc::unbounded();
        watch.set(WidthWatch::start("timeline-scale", move |px| {
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
    let Some((from, ended)) = view.summary.read().as_ref().map(|run| (run.created_at, run.finished_at))
    else {
        return rsx! {};
    };
    // A run that has ended stands still: the clock is not even read.
    let until = ended.unwrap_or_else(|| Timestamp(*CLOCK.read()));
    let scale = Scale::new(from, until, width());
    let tasks = view.tasks.read();
    let (top, height) = scroll();
    let Frame { first, last, above_px, below_px } = virtual_rows::frame(top, height, ROW_PX, tasks.len());
    let shown: Vec<Task> = tasks.get(first..last).map(<[Task]>::to_vec).unwrap_or_default();
    let long = virtual_rows::is_long(tasks.len());
    rsx! {
        div {
            div { class: "card",
                div { class: "card-head",
                    h2 { class: "grow visually-hidden", "Timeline" }
                    div { class: "legend",
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
                div {
                    class: "timeline",
                    onscroll: move |event| {
                        if long {
                            scroll.set((event.scroll_top(), f64::from(event.client_height())));
                        }
                    },
                    Axis { scale }
                    div { height: "{above_px}px" }
                    for task in shown {
                        Row { key: "{task.key}", task, scale, until }
                    }
                    div { height: "{below_px}px" }
                }
            }
            Figures {}
        }
    }
}

#[component]
fn Axis(scale: Scale) -> Element {
    rsx! {
        div { class: "timeline-row axis", "aria-hidden": "true",
            span { class: "name", "Task" }
            div { id: "timeline-scale", class: "scale",
                svg {
                    for tick in scale.ticks() {
                        line { key: "{tick}", class: "grid", x1: "{scale.x(tick)}", x2: "{scale.x(tick)}", y1: "20", y2: "28" }
                        text { x: "{scale.x(tick) + 4.0}", y: "18", {scale::tick_text(tick)} }
                    }
                }
            }
            span { class: "took", "Took" }
        }
    }
}

#[component]
fn Row(task: Task, scale: Scale, until: Timestamp) -> Element {
    let key = task.key.to_string();
    let place = PLACE.read().with("task", &key);
    let selected = PLACE.read().get("task") == Some(key.as_str());
    let class = if selected { "selected" } else { "" };
    let bars = bars(&task, until);
    let took = bars.first().zip(bars.last()).map(|(first, last)| last.to.ms_since(first.from));
    let tries = task.attempts.len();
    let short = bars.first().zip(bars.last()).and_then(|(first, last)| scale.short_span(first.from, last.to));
    let class_of_all = phases::leading(&bars).map_or("", Phase::class);
    rsx! {
        div { class: "timeline-row {class}", "data-task": "{key}",
            Link { to: place.clone(), current: selected.then(|| "true".to_owned()),
                TaskIcon { state: task.state }
                span { class: "cut mono", "{key}" }
                if tries > 1 {
                    span { class: "tag", title: "{tries} attempts", "×{tries}" }
                }
            }
            svg { role: "img", "aria-label": "{key}: {phases::in_words(&bars)}", onclick: move |_| go(place.clone()),
                if let Some((x, width)) = short {
                    rect { class: "bar {class_of_all}", x: "{x:.2}", y: "8", width: "{width:.2}", height: "16", rx: "2",
                        title { {phases::in_words(&bars)} }
                    }
                } else {
                    for (number , bar) in bars.iter().enumerate() {
                        Piece { key: "{number}", bar: *bar, scale }
                    }
                }
            }
            span { class: "took", {took.map(format::duration).unwrap_or_default()} }
        }
    }
}

#[component]
fn Piece(bar: Bar, scale: Scale) -> Element {
    let (x, width) = scale.span(bar.from, bar.to);
    let (y, height) = if bar.phase == Phase::Queue { (13.0, 6.0) } else { (8.0, 16.0) };
    let took = format::duration(bar.to.ms_since(bar.from));
    rsx! {
        rect {
            class: "bar {bar.phase.class()}",
            x: "{x:.2}",
            y: "{y}",
            width: "{width:.2}",
            height: "{height}",
            rx: "2",
            title { "{bar.phase.name()}, attempt {bar.attempt}: {took}" }
        }
    }
}

/// The same as a table, for those who cannot use the bars.
#[component]
fn Figures() -> Element {
    let view = use_context::<RunView>();
    let mut open = use_signal(|| false);
    rsx! {
        details { class: "card spaced-above", ontoggle: move |_| open.toggle(),
            summary { class: "card-head", "The same as a table" }
            if open() {
                div { class: "table-wrap tall",
                    table { class: "dense",
                        thead {
                            tr {
                                for title in ["Task", "State", "Attempt", "Queue", "Image", "Inputs", "Program", "Log and outputs"] {
                                    th { key: "{title}", scope: "col", "{title}" }
                                }
                            }
                        }
                        tbody {
                            for task in view.tasks.read().iter().take(500) {
                                FigureRow { key: "{task.key}", task: task.clone() }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[component]
fn FigureRow(task: Task) -> Element {
    let now = Timestamp(*CLOCK.read());
    let bars = bars(&task, task.finished_at.unwrap_or(now));
    let attempt = task.attempts.len() as u32;
    let took = move |wanted: &[Phase]| {
        let own = bars.iter().filter(|bar| bar.attempt == attempt && wanted.contains(&bar.phase));
        own.map(|bar| format::duration(bar.to.ms_since(bar.from))).next().unwrap_or_else(|| "–".to_owned())
    };
    rsx! {
        tr {
            td {
                Link { to: PLACE.read().with_tab(Tab::Logs).with("task", &task.key.to_string()), class: "mono", "{task.key}" }
            }
            td { "{task.state}" }
            td { class: "num", "{attempt}" }
            td { class: "num", {took(&[Phase::Queue])} }
            td { class: "num", {took(&[Phase::Image])} }
            td { class: "num", {took(&[Phase::Inputs])} }
            td { class: "num", {took(&[Phase::Running, Phase::Ended, Phase::Failed, Phase::Stopped])} }
            td { class: "num", {took(&[Phase::Store])} }
        }
    }
}
