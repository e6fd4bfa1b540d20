//! The triggers of the project: what starts runs by itself, when it does next, and what came of it last.

use dioxus::prelude::*;
use emboflow_model::access::Role;
use emboflow_protocol::http::trigger::TriggerView;

use crate::api;
use crate::icon::{Drawn, Icon};
use crate::live::{Arrival, use_arrivals};
use crate::me;
use crate::pages::trigger::edit::EditTrigger;
use crate::pages::trigger::words;
use crate::parts::banner::Empty;
use crate::parts::list::{List, use_list};
use crate::parts::text::Ago;
use crate::place::{Link, PLACE};
use crate::route::{Place, Route};

const SAMPLE: &str = "version: 1\nname: nightly\nworkflow: my-workflow\non:\n  schedule:\n    cron: \"0 6 * * *\"\n    timezone: UTC\n";

#[component]
pub(crate) fn Triggers() -> Element {
    let list = use_list::<TriggerView>("trigger", || api::of_project(PLACE.read().project(), "triggers"));
    let mut asks = use_signal(|| false);
    let may_change = me::may_in_project(Role::Developer);
    use_arrivals(move |arrival| {
        // A run that a trigger has started is news about the trigger.
        if let Arrival::Run(event) = arrival
            && event.data.run.version == 1
            && event.data.run.labels.contains_key("emboflow/trigger")
        {
            list.reload();
        }
    });
    rsx! {
        div { class: "page-head",
            div {
                h1 { "Triggers" }
                p { class: "lead", "They start runs by themselves: by time, by messages, by signed requests, by new objects, and when other runs end." }
            }
            if may_change {
                div { class: "actions",
                    button { class: "button primary", r#type: "button", onclick: move |_| asks.set(true),
                        Drawn { icon: Icon::Plus }
                        "New trigger"
                    }
                }
            }
        }
        if asks() {
            EditTrigger {
                source: SAMPLE,
                version: None,
                onclose: move |()| asks.set(false),
                onkept: move |()| {
                    asks.set(false);
                    list.reload();
                },
            }
        }
        {list.shown(
            rsx! {
                Empty { title: "Nothing starts runs by itself here",
                    p { "A workflow's own file says when it runs:" }
                    code { "on: {{ schedule: {{ cron: \"0 6 * * *\" }} }}" }
                }
            },
            rsx! { Table { list } },
        )}
    }
}

#[component]
fn Table(list: List<TriggerView>) -> Element {
    rsx! {
        div { class: "table-wrap",
            table {
                thead {
                    tr {
                        th { scope: "col", "Trigger" }
                        th { scope: "col", "Starts" }
                        th { scope: "col", class: "hide-s", "When" }
                        th { scope: "col", "Next" }
                        th { scope: "col", "Last" }
                    }
                }
                tbody {
                    for trigger in list.rows.read().iter() {
                        Row { key: "{trigger.name}", trigger: trigger.clone() }
                    }
                }
            }
        }
    }
}

#[component]
fn Row(trigger: TriggerView) -> Element {
    let name = trigger.name.to_string();
    let workflow = trigger.workflow.to_string();
    rsx! {
        tr { "data-trigger": "{name}",
            td { class: "mono",
                Link { to: Place::new(Route::Trigger { name: name.clone() }), label: name.clone(), "{name}" }
            }
            td { class: "mono",
                Link { to: Place::new(Route::Workflow { name: workflow.clone() }), label: workflow.clone(), "{workflow}" }
            }
            td { class: "hide-s", "{trigger.summary}" }
            td { class: "nowrap",
                match (&trigger.paused, &trigger.next) {
                    (Some(_), _) => rsx! { span { class: "pill tone-warn", Drawn { icon: Icon::Pause } "Paused" } },
                    (None, Some(time)) => rsx! { time { class: "num", datetime: "{time.at}", title: "{time.local}", {words::until(time.at)} } },
                    (None, None) => rsx! { span { class: "dim", "–" } },
                }
            }
            td {
                match &trigger.last {
                    Some(last) => rsx! {
                        span { class: "row-flex",
                            words::Result { result: last.result }
                            Ago { at: last.at }
                        }
                    },
                    None => rsx! { span { class: "dim", "never" } },
                }
            }
        }
    }
}
