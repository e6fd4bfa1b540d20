//! The run's history: every decision, with what it changed. Read once, then carried on by the stream.

mod words;

use dioxus::prelude::*;
use emboflow_model::{Change, Timestamp, Transition};
use emboflow_protocol::event::Event;
use emboflow_protocol::http::Page;

use super::RunView;
use crate::api::{self, ApiError};
use crate::browser;
use crate::format;
use crate::live::{self, Arrival, RESYNC, use_arrivals};
use crate::parts::banner::{Loading, Problem};
use crate::parts::virtual_rows::{self, Frame};

/// Decisions of one answer.
const PAGE: u32 = 200;

/// As in the style sheet, for a decision of one line.
const LINE_PX: f64 = 21.0;
const CELL_PX: f64 = 12.0;

/// What has been read.
#[derive(Clone, Copy)]
struct History {
    run: Signal<String>,
    items: Signal<Vec<Step>>,
    error: Signal<Option<ApiError>>,
    busy: Signal<bool>,
    /// The newest decision that an event has told of.
    newest: Signal<u64>,
    /// Something lies beyond what has been read, and nobody has asked for it.
    more: Signal<bool>,
}

/// A decision, as it is shown.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    number: u64,
    at: Timestamp,
    lines: Vec<String>,
}

impl Step {
    fn of(number: u64, at: Timestamp, changes: &[Change]) -> Self {
        Self { number, at, lines: words::lines(changes) }
    }

    fn height_px(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "pixels")]
        let lines = self.lines.len().max(1) as f64;
        lines * LINE_PX + CELL_PX
    }
}

/// What an event means for a history that has been read up to `last`.
#[derive(Debug, PartialEq)]
enum News {
    Next(Step),
    Known,
    /// Something lies between, or the event does not say what changed: the history is asked.
    Gap,
}

fn news(last: u64, event: &Event) -> News {
    let number = event.data.run.version;
    if number <= last {
        News::Known
    } else if number == last + 1 && !event.data.changes.is_empty() {
        News::Next(Step::of(number, event.time, &event.data.changes))
    } else {
        News::Gap
    }
}

#[component]
pub(super) fn Events() -> Element {
    let view = use_context::<RunView>();
    let history = History {
        run: use_signal(|| view.summary.peek().as_ref().map(|run| run.id.to_string()).unwrap_or_default()),
        items: use_signal(Vec::new),
        error: use_signal(|| None),
        busy: use_signal(|| false),
        newest: use_signal(|| 0),
        more: use_signal(|| false),
    };
    use_effect(move || {
        let _ = RESYNC.read();
        spawn(read(history));
    });
    use_arrivals(move |arrival| {
        if let Arrival::Run(event) = arrival
            && event.subject.to_string() == *history.run.peek()
        {
            take(history, event);
        }
    });
    let items = history.items.read();
    if let (Some(error), true) = (history.error.read().clone(), items.is_empty()) {
        return rsx! { Problem { error, retry: move |()| { spawn(read(history)); } } };
    }
    if items.is_empty() {
        return rsx! { Loading { rows: 6 } };
    }
    rsx! {
        div { class: "card",
            Steps { items: history.items }
            if let Some(error) = history.error.read().clone() {
                Problem { error, retry: move |()| { spawn(read(history)); } }
            }
            if *history.more.read() {
                div { class: "more",
                    button {
                        class: "button",
                        r#type: "button",
                        disabled: *history.busy.read(),
                        onclick: move |_| {
                            spawn(read(history));
                        },
                        "Show more decisions"
                    }
                }
            }
        }
    }
}

#[component]
fn Steps(items: ReadSignal<Vec<Step>>) -> Element {
    let mut scroll = use_signal(|| (0.0, 900.0));
    let steps = items.read();
    let began = steps.first().map(|first| first.at).unwrap_or(Timestamp(0));
    let (top, height) = scroll();
    let long = virtual_rows::is_long(steps.len());
    let Frame { first, last, above_px, below_px } =
        virtual_rows::frame_of(top, height, steps.iter().map(Step::height_px));
    let shown: Vec<Step> = steps.get(first..last).map(<[Step]>::to_vec).unwrap_or_default();
    rsx! {
        div {
            class: if long { "table-wrap tall" } else { "table-wrap" },
            tabindex: "0",
            role: "region",
            "aria-label": "Decisions on the run",
            onscroll: move |event| {
                if long {
                    scroll.set((event.scroll_top(), f64::from(event.client_height())));
                }
            },
            table { class: "dense steps", "aria-rowcount": "{steps.len()}",
                thead {
                    tr {
                        th { scope: "col", class: "right", "No." }
                        th { scope: "col", class: "right", "After" }
                        th { scope: "col", class: "hide-s", "When" }
                        th { scope: "col", "What" }
                    }
                }
                tbody {
                    virtual_rows::Pad { px: above_px, columns: 4 }
                    for step in shown {
                        tr { key: "{step.number}", "data-step": "{step.number}",
                            td { class: "right num dim", "{step.number}" }
                            td { class: "right num nowrap", {format::duration(step.at.ms_since(began))} }
                            td { class: "num nowrap dim hide-s", title: "{step.at}, here {browser::zone(step.at.0)}", {browser::local_time(step.at.0)} }
                            td {
                                for (place , line) in step.lines.iter().enumerate() {
                                    div { key: "{place}", class: "line", "{line}" }
                                }
                            }
                        }
                    }
                    virtual_rows::Pad { px: below_px, columns: 4 }
                }
            }
        }
    }
}

fn take(mut history: History, event: &Event) {
    history.newest.set(event.data.run.version);
    let Some(last) = history.items.peek().last().map(|last| last.number) else { return };
    // What was left for later comes in its order, or not at all.
    if *history.more.peek() {
        return;
    }
    match news(last, event) {
        News::Next(step) => history.items.write().push(step),
        News::Known => {}
        News::Gap => {
            spawn(read(history));
        }
    }
}

/// Reads what comes after the last decision that is shown, and what events have told of meanwhile.
async fn read(mut history: History) {
    if *history.busy.peek() {
        return;
    }
    history.busy.set(true);
    live::settled().await;
    let mut last = 0;
    while let Some(read) = read_page(history).await {
        let behind = read < *history.newest.peek() && !*history.more.peek();
        if !behind || read == last {
            break;
        }
        last = read;
    }
    history.busy.set(false);
}

/// Reads one page; gives the number of the last decision that is shown then.
async fn read_page(mut history: History) -> Option<u64> {
    let shown = move || history.items.peek().last().map_or(0, |last| last.number);
    let after = shown();
    let cursor = if after > 0 { format!("&cursor={after}") } else { String::new() };
    let address = api::of_run(&history.run.peek().clone(), &format!("history?limit={PAGE}{cursor}"));
    match api::get::<Page<Transition>>(&address).await {
        Ok(page) => {
            // Events may have brought some of it meanwhile.
            let last = shown();
            let fresh = page.items.iter().filter(|step| step.number > last);
            history.items.write().extend(fresh.map(|step| Step::of(step.number, step.at, &step.changes)));
            history.more.set(page.next.is_some());
            history.error.set(None);
            Some(shown())
        }
        Err(error) => {
            history.error.set(Some(error));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(version: u64, changes: Vec<Change>) -> Event {
        let run = emboflow_model::RunId::from_bits(1);
        let changes = serde_json::to_value(changes).unwrap();
        serde_json::from_value(serde_json::json!({
            "specversion": "1.0", "id": "a/1", "source": "/", "type": "t", "subject": run, "time": Timestamp(5),
            "datacontenttype": "application/json",
            "data": {
                "project": "default", "shard": 0, "seq": 9, "changes": changes,
                "run": {
                    "id": run, "project": "default", "workflow": "w", "state": "running", "created_at": Timestamp(0),
                    "tasks": emboflow_model::TaskCounts::default(), "version": version,
                },
            },
        }))
        .unwrap()
    }

    #[test]
    fn the_next_decision_is_appended_and_a_gap_is_asked_for() {
        let moved = || {
            vec![Change::AttemptMoved {
                task: "say".parse().unwrap(),
                number: 1,
                to: emboflow_model::AttemptState::Running,
                at: Timestamp(4),
                pulled_at: None,
            }]
        };
        let News::Next(step) = news(6, &event(7, moved())) else { panic!("it is the next one") };
        assert_eq!((step.number, step.lines), (7, vec!["say: attempt 1 is running".to_owned()]));
        assert_eq!(news(7, &event(7, moved())), News::Known);
        assert_eq!(news(5, &event(7, moved())), News::Gap);
        assert_eq!(news(6, &event(7, Vec::new())), News::Gap, "it does not say what changed");
    }
}
