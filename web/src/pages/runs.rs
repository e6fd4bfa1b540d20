//! The list of runs: filtered, sorted and paged by the server, kept up to date by events.

mod bulk;
pub(crate) mod feed;
mod filters;
mod selection;
mod table;
pub(crate) mod views;

use dioxus::prelude::*;
use emboflow_protocol::event::RunRow;
use emboflow_protocol::http::{Page, RunCounts, RunQuery};

use crate::api::{self, ApiError};
use crate::format;
use crate::live::{self, Arrival, RESYNC, use_arrivals};
use crate::parts::banner::{Empty, Loading, Problem};
use crate::place::{Link, PLACE, here};
use crate::route::{Place, Route};
use bulk::BulkBar;
use feed::{Census, Filter};
use filters::Filters;
use selection::Selection;
use table::Table;
use views::Views;

/// Rows of one answer.
const PAGE_ROWS: u32 = 50;

/// What the page has read so far.
#[derive(Clone, Copy)]
struct State {
    rows: Signal<Vec<RunRow>>,
    next: Signal<Option<String>>,
    /// Rows fell off at the end: what comes after the last one is not the next page.
    cut: Signal<bool>,
    loaded: Signal<bool>,
    error: Signal<Option<ApiError>>,
    census: Signal<Census>,
    selection: Signal<Selection>,
}

#[component]
pub(crate) fn Runs() -> Element {
    let state = State {
        rows: use_signal(Vec::new),
        next: use_signal(|| None),
        cut: use_signal(|| false),
        loaded: use_signal(|| false),
        error: use_signal(|| None),
        census: use_signal(Census::default),
        selection: use_signal(Selection::default),
    };
    let place = use_memo(|| PLACE.read().clone());
    let filter = use_memo(move || Filter::of(&place.read()));
    use_effect(move || {
        let _ = RESYNC.read();
        let filter = filter();
        narrow(state, &filter);
        spawn(load(state, filter, None));
    });
    use_effect(move || {
        let _ = RESYNC.read();
        spawn(count(state));
    });
    use_arrivals(move |arrival| {
        if let Arrival::Run(event) = arrival {
            take(state, &filter.peek(), &event.data.run);
        }
    });
    rsx! {
        div { class: "page-head",
            div {
                h1 { "Runs" }
                p { class: "lead", "Every run of the project, newest first unless you sort." }
            }
            Views {}
        }
        Filters { census: state.census, filter: filter() }
        BulkBar { rows: state.rows, selection: state.selection }
        if let Some(error) = (state.error)() {
            Problem { error, retry: move |()| { spawn(load(state, filter(), None)); } }
        }
        Rows { state, filter: filter() }
    }
}

#[component]
fn Rows(state: State, filter: Filter) -> Element {
    if !*state.loaded.read() {
        return if state.error.read().is_some() {
            rsx! {}
        } else {
            rsx! { Loading { rows: 8 } }
        };
    }
    if state.rows.read().is_empty() {
        return if filter.is_open() {
            rsx! { FirstRun {} }
        } else {
            rsx! { NothingFits {} }
        };
    }
    let cut = (state.cut)();
    let more = state.next.read().clone().filter(|_| !cut);
    let from_the_start = filter.clone();
    rsx! {
        Table { rows: state.rows, order: filter.order, selection: state.selection }
        if cut {
            div { class: "more",
                span { {format!("Only the newest {} stay in sight.", format::count(feed::MOST_ROWS as u64, "run"))} }
                button {
                    class: "button",
                    r#type: "button",
                    onclick: move |_| {
                        spawn(load(state, from_the_start.clone(), None));
                    },
                    "Read the list anew"
                }
            }
        }
        if let Some(cursor) = more {
            div { class: "more",
                button {
                    class: "button",
                    r#type: "button",
                    onclick: move |_| {
                        spawn(load(state, filter.clone(), Some(cursor.clone())));
                    },
                    "Load more"
                }
            }
        }
    }
}

#[component]
fn FirstRun() -> Element {
    rsx! {
        Empty { title: "No runs yet",
            p { "Run a workflow file from the command line:" }
            code { "emboflow run examples/hello/workflow.yaml --watch" }
            p {
                "or "
                Link { to: Place::new(Route::New), "paste one here" }
                "."
            }
        }
    }
}

#[component]
fn NothingFits() -> Element {
    rsx! {
        Empty { title: "No run fits these filters",
            Link { to: Place::new(Route::Runs), class: "button", "Clear the filters" }
        }
    }
}

/// Takes away at once what new filters do not want; the answer brings the rest.
fn narrow(mut state: State, filter: &Filter) {
    state.rows.write().retain(|row| filter.takes(row));
    if state.rows.peek().is_empty() {
        state.loaded.set(false);
    }
}

async fn load(mut state: State, filter: Filter, cursor: Option<String>) {
    live::settled().await;
    let goes_on = cursor.is_some();
    let query = RunQuery { limit: Some(PAGE_ROWS), cursor, ..filter.query() };
    let answer = api::get::<Page<RunRow>>(&api::in_project(&format!("runs{}", api::query(&query)))).await;
    if Filter::of(&here()) != filter {
        // Somebody has changed the filters meanwhile: another answer is on its way.
        return;
    }
    match answer {
        Ok(page) => {
            state.census.write().meet(&page.items);
            let mut rows = state.rows.write();
            if !goes_on {
                rows.clear();
                state.cut.set(false);
            }
            feed::append(&mut rows, page.items);
            drop(rows);
            state.next.set(page.next);
            state.error.set(None);
            state.loaded.set(true);
        }
        Err(error) => state.error.set(Some(error)),
    }
}

/// Reads how many runs are in each state, and which are open, so that events can carry the count on.
async fn count(mut state: State) {
    live::settled().await;
    let counts = api::get::<RunCounts>(&api::in_project("runs/counts")).await;
    let open = RunQuery {
        state: Some("queued,running,paused,cancelling".to_owned()),
        limit: Some(500),
        ..RunQuery::default()
    };
    let open = api::get::<Page<RunRow>>(&api::in_project(&format!("runs{}", api::query(&open)))).await;
    if let (Ok(counts), Ok(open)) = (counts, open) {
        let mut census = state.census.write();
        census.start(counts);
        census.meet(&open.items);
    }
}

fn take(mut state: State, filter: &Filter, row: &RunRow) {
    state.census.write().follow(row);
    if *state.loaded.peek() {
        let falls_off = feed::apply(&mut state.rows.write(), row, filter);
        if falls_off && !*state.cut.peek() {
            state.cut.set(true);
        }
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows
    }
}
