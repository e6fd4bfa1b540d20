//! The lines in sight, and the end that stays in sight while somebody is there.

use dioxus::prelude::*;

use super::Which;
use super::ansi_line::AnsiLine;
use super::mark::marked;
use super::reading::Reading;
use crate::browser;
use crate::format;
use crate::parts::banner::{Loading, Problem};
use crate::parts::virtual_rows::{self, Frame};
use crate::place::{PLACE, adjust};

/// As in the style sheet.
const LINE_PX: f64 = 20.0;
/// Wrapped lines have no common height: so many are drawn at most.
const MOST_WRAPPED: usize = 2_000;
/// So near to the end counts as being there.
const NEAR_PX: f64 = 24.0;

#[component]
pub(super) fn Viewer(reading: Reading, which: Which, wrapped: bool) -> Element {
    let mut scroll = use_signal(|| (0.0, 700.0));
    let follows = use_signal(|| true);
    // Lines that had come when somebody last stood at the end.
    let mut seen = use_signal(|| 0_u64);
    let mut reading = reading;
    use_effect(move || {
        let arrived = reading.book.read().as_ref().map(|book| (book.arrived(), book.len()));
        if *follows.peek()
            && !*reading.detached.peek()
            && let Some((arrived, _)) = arrived
        {
            seen.set(arrived);
            spawn(to_end());
        }
    });
    if let Some(error) = reading.error.read().clone() {
        return rsx! { div { class: "card-body", Problem { error, retry: move |()| { reading.error.set(None); reading.again += 1; } } } };
    }
    let book = reading.book.read();
    let Some(book) = book.as_ref() else { return rsx! { div { class: "card-body", Loading { rows: 6 } } } };
    let total = book.len();
    let (top, height) = scroll();
    let Frame { first, last, above_px, below_px } = frame(wrapped, top, height, total);
    let rows = book.rows(first, last);
    let sizes = rows.iter().map(|(_, _, line)| line.bytes());
    let starts: Vec<_> = sizes
        .scan(book.offset_of(first), |next, bytes| Some(std::mem::replace(next, next.map(|at| at + bytes))))
        .collect();
    let pointed: Option<u64> = PLACE.read().get("line").and_then(|line| line.parse().ok());
    let fresh = book.arrived().saturating_sub(seen());
    let live = which.open;
    rsx! {
        div { class: if wrapped { "log wrapped" } else { "log" },
            if let Some(before) = book.before() {
                Earlier { reading, which: which.clone(), before }
            }
            div {
                id: "log-lines",
                class: "log-lines",
                role: "log",
                tabindex: "0",
                "aria-label": "Log of {which.task}",
                "aria-live": if live { "polite" } else { "off" },
                onscroll: move |event| {
                    let (top, height) = (event.scroll_top(), f64::from(event.client_height()));
                    let at_end = top + height >= f64::from(event.scroll_height()) - NEAR_PX;
                    note_place(at_end, reading, seen, follows);
                    scroll.set((top, height));
                },
                div { class: "log-rows",
                    div { height: "{above_px}px" }
                    for ((place , number , line) , at) in rows.into_iter().zip(starts) {
                        div { key: "{place}", class: if number.is_some() && number == pointed { "log-line hit" } else { "log-line" },
                            Number { number, at }
                            span { AnsiLine { line: line.text, start: line.start } }
                        }
                    }
                    div { height: "{below_px}px" }
                    if total == 0 {
                        Nothing { live }
                    }
                }
            }
            if !follows() && fresh > 0 {
                NewLines { fresh, follows }
            }
        }
    }
}

#[component]
fn Nothing(live: bool) -> Element {
    rsx! {
        div { class: "log-line fresh-note",
            span { class: "no" }
            if live { "Nothing written yet." } else { "The log is empty." }
        }
    }
}

/// The number of a line; a click makes the address point at it.
#[component]
fn Number(number: Option<u64>, at: Option<u64>) -> Element {
    let Some((number, at)) = number.zip(at) else {
        return rsx! {
            span { class: "no", "aria-hidden": "true", {number.map(|number| number.to_string()).unwrap_or_default()} }
        };
    };
    rsx! {
        // By keyboard the search leads to a line: a stop at each of thousands would be a barrier.
        button {
            class: "no",
            r#type: "button",
            tabindex: "-1",
            title: "Point the address at this line",
            "aria-label": "Line {number}",
            onclick: move |_| adjust(marked(number, at)),
            "{number}"
        }
    }
}

fn frame(wrapped: bool, top: f64, height: f64, total: usize) -> Frame {
    if wrapped {
        return Frame {
            first: total.saturating_sub(MOST_WRAPPED),
            last: total,
            above_px: 0.0,
            below_px: 0.0,
        };
    }
    virtual_rows::frame(top, height, LINE_PX, total)
}

/// Whether somebody stands at the end decides whether the view follows, and which lines count as seen.
fn note_place(at_end: bool, reading: Reading, mut seen: Signal<u64>, mut follows: Signal<bool>) {
    if at_end && let Some(book) = reading.book.peek().as_ref() {
        seen.set(book.arrived());
    }
    if *follows.peek() != at_end {
        follows.set(at_end);
    }
}

#[component]
fn Earlier(reading: Reading, which: Which, before: u64) -> Element {
    rsx! {
        div { class: "more",
            button {
                class: "button small",
                r#type: "button",
                onclick: move |_| {
                    let which = which.clone();
                    spawn(async move {
                        let added = reading.earlier(which).await;
                        keep_place(added).await;
                    });
                },
                "Load earlier lines"
            }
            span { class: "dim", {format!("{} lie before", format::bytes(before))} }
        }
    }
}

#[component]
fn NewLines(fresh: u64, follows: Signal<bool>) -> Element {
    let mut follows = follows;
    rsx! {
        button {
            class: "button small primary log-pill",
            r#type: "button",
            onclick: move |_| {
                follows.set(true);
                spawn(to_end());
            },
            {format!("{} ↓", format::count(fresh, "new line"))}
        }
    }
}

/// Scrolls to the end, once the new lines are drawn.
async fn to_end() {
    browser::sleep_ms(16).await;
    if let Some(lines) = browser::element("log-lines") {
        lines.set_scroll_top(lines.scroll_height());
    }
}

/// Keeps the same lines in sight after others came before them.
async fn keep_place(added: usize) {
    browser::sleep_ms(16).await;
    if let Some(lines) = browser::element("log-lines") {
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "pixels")]
        let moved = (added as f64 * LINE_PX) as i32;
        lines.set_scroll_top(lines.scroll_top().saturating_add(moved));
    }
}
