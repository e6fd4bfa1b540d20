//! The next five times of a table, in both zones.

use dioxus::prelude::*;
use emboflow_model::trigger::ClockChange;
use emboflow_protocol::http::trigger::{TriggerTime, TriggerTimes};

use super::{of_trigger, words};
use crate::api;
use crate::live::RESYNC;
use crate::parts::banner::Problem;

#[component]
pub(super) fn Times(
    name: String,
    /** Of the trigger: another one may have another table. */
    version: Option<String>,
) -> Element {
    let mut asked = use_resource(use_reactive!(|(name, version)| async move {
        let _ = (RESYNC.read(), version);
        api::get::<TriggerTimes>(&of_trigger(&name, "times")).await
    }));
    let answer = asked.read().clone();
    match answer {
        None => rsx! {},
        Some(Err(error)) => rsx! { Problem { error, retry: move |()| asked.restart() } },
        Some(Ok(times)) => rsx! {
            section { class: "card", "aria-label": "Next times",
                div { class: "card-head",
                    h2 { class: "grow", "Next times" }
                    span { class: "soft", "{times.sentence}" }
                }
                TimeTable { timezone: times.timezone, times: times.times, ahead: true }
            }
        },
    }
}

/// Times in the zone of the table and in UTC.
#[component]
pub(super) fn TimeTable(
    timezone: String,
    times: Vec<TriggerTime>,
    /// They are still to come.
    #[props(default)]
    ahead: bool,
) -> Element {
    rsx! {
        div { class: "table-wrap", tabindex: "0", role: "region", "aria-label": "Times of the table",
            table {
                thead {
                    tr {
                        th { scope: "col", "In {timezone}" }
                        th { scope: "col", "UTC" }
                        if ahead {
                            th { scope: "col", "Starts" }
                        }
                        th { scope: "col", class: "hide-s", span { class: "visually-hidden", "Notes" } }
                    }
                }
                tbody {
                    for time in times {
                        Row { key: "{time.at}", time, ahead }
                    }
                }
            }
        }
    }
}

#[component]
fn Row(time: TriggerTime, ahead: bool) -> Element {
    // RFC 3339 with the zone's name behind: the name stands in the head of the column.
    let local = time.local.split('[').next().unwrap_or_default().replace('T', " ");
    let utc = time.at.to_string().replace('T', " ").replace(".000Z", "");
    let note = time.clock_change.map(|change| match change {
        ClockChange::Forward => "the clock goes forward that day",
        ClockChange::Back => "the clock goes back that day",
    });
    rsx! {
        tr {
            td { class: "mono nowrap", "{local}" }
            td { class: "mono nowrap", "{utc}" }
            if ahead {
                td { class: "num nowrap", {words::until(time.due_at)} }
            }
            td { class: "hide-s soft", {note.unwrap_or_default()} }
        }
    }
}
