//! Search over the whole log, on the server; a match leads to its line.

use dioxus::prelude::*;
use emboflow_protocol::http::{LogMatches, LogSearchQuery};

use super::Which;
use super::mark::{marked, unmarked};
use super::reading::Reading;
use crate::api;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::parts::banner::Problem;
use crate::place::{PLACE, adjust, here};

#[component]
pub(super) fn SearchBox(which: Which, reading: Reading) -> Element {
    let mut typed = use_signal(|| here().get("find").unwrap_or_default().to_owned());
    let wanted = PLACE.read().get("find").unwrap_or_default().to_owned();
    rsx! {
        form {
            class: "search",
            role: "search",
            onsubmit: move |event| {
                event.prevent_default();
                adjust(unmarked().with("find", typed.peek().trim()));
            },
            Drawn { icon: Icon::Search }
            input {
                class: "input",
                r#type: "search",
                placeholder: "Search the whole log (regular expression)",
                "aria-label": "Search the whole log (regular expression)",
                value: "{typed}",
                oninput: move |event| typed.set(event.value()),
            }
        }
        if !wanted.is_empty() {
            Matches { pattern: wanted, which, reading }
        }
    }
}

#[component]
fn Matches(pattern: String, which: Which, reading: Reading) -> Element {
    let Which { run, task, attempt, .. } = which.clone();
    let asked = use_resource(use_reactive!(|pattern, run, task, attempt| async move {
        let which = Which { run, task, attempt, open: false };
        let attempt = (attempt > 0).then_some(attempt);
        let query = LogSearchQuery { pattern, attempt, limit: Some(200) };
        api::get::<LogMatches>(&which.address(&format!("/search{}", api::query(&query)))).await
    }));
    let answer = asked.read().clone();
    let close = move |_| adjust(unmarked().with("find", ""));
    rsx! {
        div { class: "matches",
            match answer {
                None => rsx! {
                    p { class: "dim", role: "status", "Searching…" }
                },
                Some(Err(error)) => rsx! {
                    Problem { error }
                },
                Some(Ok(found)) => rsx! {
                    div { class: "row-flex",
                        p { class: "dim grow", role: "status", {format::count(found.total, "matching line")} }
                        button { class: "button small", r#type: "button", onclick: close, "Close the search" }
                    }
                    Found { found, which, reading }
                },
            }
        }
    }
}

#[component]
fn Found(found: LogMatches, which: Which, reading: Reading) -> Element {
    if found.matches.is_empty() {
        return rsx! {};
    }
    rsx! {
        div { class: "findings",
            for hit in found.matches {
                Hit { key: "{hit.offset}", offset: hit.offset, line: hit.line, text: hit.text, which: which.clone(), reading }
            }
        }
    }
}

#[component]
fn Hit(offset: u64, line: u64, text: String, which: Which, reading: Reading) -> Element {
    rsx! {
        button {
            class: "finding",
            r#type: "button",
            onclick: move |_| {
                adjust(marked(line, offset));
                spawn(reading.jump(which.clone(), offset, line));
            },
            span { class: "where", {format::thousands(line)} }
            span { class: "mono cut", "{text}" }
        }
    }
}
