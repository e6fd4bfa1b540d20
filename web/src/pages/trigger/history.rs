//! What became of a trigger's newest starts.

use dioxus::prelude::*;
use emboflow_model::trigger::Start;
use emboflow_protocol::http::trigger::TriggerHistory;

use super::{of_trigger, words};
use crate::api;
use crate::format;
use crate::live::{Arrival, RESYNC, use_arrivals};
use crate::parts::banner::{Empty, Loading, Problem};
use crate::parts::text::Ago;
use crate::place::Link;
use crate::route::Place;

#[component]
pub(super) fn History(
    name: String,
    /** Changes when somebody has started something. */
    fired: u32,
) -> Element {
    let of_name = name.clone();
    let mut asked = use_resource(use_reactive!(|(name, fired)| async move {
        let _ = (RESYNC.read(), fired);
        api::get::<TriggerHistory>(&of_trigger(&name, "history")).await
    }));
    use_arrivals(move |arrival| {
        if let Arrival::Run(event) = arrival
            && event.data.run.labels.get("emboflow/trigger") == Some(&of_name)
        {
            asked.restart();
        }
    });
    let answer = asked.read().clone();
    rsx! {
        section { class: "card", "aria-label": "History",
            div { class: "card-head", h2 { class: "grow", "History" } }
            match answer {
                None => rsx! { Loading { rows: 3 } },
                Some(Err(error)) => rsx! { Problem { error, retry: move |()| asked.restart() } },
                Some(Ok(history)) if history.items.is_empty() => rsx! {
                    Empty { title: "It has not started anything yet", p { "Fire it to try it out." } }
                },
                Some(Ok(history)) => rsx! {
                    div { class: "table-wrap",
                        table {
                            thead {
                                tr {
                                    th { scope: "col", "When" }
                                    th { scope: "col", "Result" }
                                    th { scope: "col", "For" }
                                    th { scope: "col", "Run" }
                                    th { scope: "col", class: "hide-s", "Why" }
                                }
                            }
                            tbody {
                                for (index , start) in history.items.iter().enumerate() {
                                    Row { key: "{index}", start: start.clone() }
                                }
                            }
                        }
                    }
                },
            }
        }
    }
}

#[component]
fn Row(start: Start) -> Element {
    rsx! {
        tr { "data-result": start.result.word(),
            td { Ago { at: start.at } }
            td { words::Result { result: start.result } }
            td { "{start.cause}" }
            td { class: "mono",
                if let Some(run) = start.run {
                    Link { to: Place::run(run), label: format!("run {run}"), {format::short_id(&run.to_string())} }
                } else {
                    span { class: "dim", "–" }
                }
            }
            td { class: "hide-s", {start.why()} }
        }
    }
}
