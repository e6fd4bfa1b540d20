//! One task on the timeline, and the axis above them all.

use dioxus::prelude::*;
use emboflow_model::{Task, Timestamp};

use super::phases::{self, Bar, Phase, bars};
use super::scale::{self, Scale};
use super::tip::{self, Pointed, row_id};
use super::window::{SCALE_ID, Window};
use crate::format;
use crate::pages::run::file::RunFile;
use crate::pages::run::panel;
use crate::parts::definition::in_one_line;
use crate::parts::pill::TaskIcon;
use crate::place::{Link, PLACE, go};

#[component]
pub(super) fn Axis(scale: Scale, window: Window) -> Element {
    rsx! {
        div { class: "timeline-row axis", "aria-hidden": "true",
            span { class: "name", "Task" }
            div { id: SCALE_ID, class: "scale",
                svg {
                    for tick in scale.ticks() {
                        line { key: "{tick}", class: "grid", x1: "{scale.x(tick)}", x2: "{scale.x(tick)}", y1: "20", y2: "28" }
                        text { x: "{scale.x(tick) + 4.0}", y: "18", {scale::tick_text(tick)} }
                    }
                    if let Some((from, to)) = window.range() {
                        rect { class: "range", x: "{from:.1}", y: "0", width: "{to - from:.1}", height: "4000" }
                    }
                }
            }
            span { class: "took", "Took" }
        }
    }
}

#[component]
pub(super) fn Row(
    task: Task,
    scale: Scale,
    until: Timestamp,
    window: Window,
    pointed: Signal<Option<Pointed>>,
) -> Element {
    let file = use_context::<RunFile>();
    let mut pointed = pointed;
    let key = task.key.to_string();
    let position = task.position;
    let place = PLACE.read().with("task", &key);
    let selected = PLACE.read().get("task") == Some(key.as_str());
    let described = pointed.read().as_ref().is_some_and(|pointed| pointed.position == position);
    let bars = bars(&task, until);
    let works = !task.attempts.is_empty() || task.child.is_some();
    let took = works.then(|| phases::work_ms(&bars));
    let pull = task.open_attempt().and_then(|attempt| attempt.pull.as_ref()).map(ToString::to_string);
    let words = [Some(phases::in_words(&bars)), pull.clone()];
    let words = words.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let label = pull.zip(bars.last().and_then(|last| scale.span(last.from, last.to)));
    let tries = task.attempts.len();
    let values = in_one_line(&file.values(&task));
    rsx! {
        div {
            id: row_id(position),
            class: if selected { "timeline-row selected" } else { "timeline-row" },
            "data-task": "{key}",
            onmouseenter: move |event| pointed.set(Pointed::at(position, Some(event.client_coordinates().x))),
            onmouseleave: move |_| pointed.set(None),
            onfocusin: move |_| pointed.set(Pointed::at(position, None)),
            onfocusout: move |_| pointed.set(None),
            onkeydown: move |event| if event.key() == Key::Enter { panel::focus_next() },
            Link {
                to: place.clone(),
                current: selected.then(|| "true".to_owned()),
                described_by: described.then(|| tip::ID.to_owned()),
                TaskIcon { state: task.state }
                span { class: "mono key", "{key}" }
                if !values.is_empty() {
                    span { class: "dim cut hide-s", "{values}" }
                }
                if tries > 1 {
                    span { class: "tag", title: "{tries} attempts", "×{tries}" }
                }
            }
            svg {
                role: "img",
                "aria-label": "{key}: {words}",
                onclick: move |_| {
                    if !window.swallows_click() {
                        go(place.clone());
                    }
                },
                Bars { bars, scale }
                if let Some((pull, (x, width))) = label {
                    Label { text: pull, from: x, to: x + width }
                }
            }
            span { class: "took", {took.map(format::duration).unwrap_or_default()} }
        }
    }
}

/// What happens now: in the last bar where it has room, else to its left, or behind a bar at the very left.
#[component]
fn Label(text: String, from: f64, to: f64) -> Element {
    const LETTER_PX: f64 = 5.8;
    #[expect(clippy::cast_precision_loss, reason = "a line of text")]
    let room = text.chars().count() as f64 * LETTER_PX + 12.0;
    let class = if to - from > room { "label inside" } else { "label" };
    let (x, anchor) = if to > room { (to - 6.0, "end") } else { (to + 6.0, "start") };
    rsx! {
        text { class, x: "{x:.1}", y: "20", "text-anchor": anchor, "{text}" }
    }
}

#[component]
fn Bars(bars: Vec<Bar>, scale: Scale) -> Element {
    let ends = bars.first().zip(bars.last());
    let short = ends.and_then(|(first, last)| scale.short_span(first.from, last.to));
    let class_of_all = phases::leading(&bars).map_or("", Phase::class);
    rsx! {
        if let Some((x, width)) = short {
            rect { class: "bar {class_of_all}", x: "{x:.2}", y: "8", width: "{width:.2}", height: "16", rx: "2" }
        } else {
            for (number , bar) in bars.into_iter().enumerate() {
                Piece { key: "{number}", bar, scale }
            }
        }
    }
}

#[component]
fn Piece(bar: Bar, scale: Scale) -> Element {
    let Some((x, width)) = scale.span(bar.from, bar.to) else { return rsx! {} };
    let (y, height) =
        if matches!(bar.phase, Phase::Queue | Phase::Asked) { (13.0, 6.0) } else { (8.0, 16.0) };
    rsx! {
        rect {
            class: "bar {bar.phase.class()}",
            x: "{x:.2}",
            y: "{y}",
            width: "{width:.2}",
            height: "{height}",
            rx: "2",
        }
    }
}
