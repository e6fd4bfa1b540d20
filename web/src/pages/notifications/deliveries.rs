//! What became of a notification's newest deliveries.

use dioxus::prelude::*;
use emboflow_model::notification::Delivery;
use emboflow_protocol::http::notification::NotificationView;

use super::Ended;
use crate::api;
use crate::format;
use crate::parts::banner::{Loading, Problem};
use crate::parts::dialog::Dialog;
use crate::parts::text::Ago;
use crate::place::Link;
use crate::route::{Place, encode};

#[component]
pub(super) fn Deliveries(name: String, onclose: Callback<()>) -> Element {
    let address = api::in_project(&format!("notifications/{}", encode(&name)));
    let mut asked = use_resource(move || {
        let address = address.clone();
        async move { api::get::<NotificationView>(&address).await }
    });
    let answer = asked.read().clone();
    rsx! {
        Dialog { label: "Deliveries of {name}", onclose,
            div { class: "dialog-body",
                h2 { "Deliveries of " span { class: "mono", "{name}" } }
                match answer {
                    None => rsx! { Loading { rows: 3 } },
                    Some(Err(error)) => rsx! { Problem { error, retry: move |()| asked.restart() } },
                    Some(Ok(view)) if view.deliveries.is_empty() => rsx! {
                        p { class: "soft", "Nothing has been sent yet: nothing that it tells of has happened since it was made." }
                    },
                    Some(Ok(view)) => rsx! { Table { deliveries: view.deliveries } },
                }
            }
            div { class: "dialog-foot",
                button { class: "button", r#type: "button", onclick: move |_| asked.restart(), "Look again" }
                button { class: "button primary", r#type: "button", onclick: move |_| onclose.call(()), "Close" }
            }
        }
    }
}

#[component]
fn Table(deliveries: Vec<Delivery>) -> Element {
    rsx! {
        div { class: "table-wrap",
            table {
                thead {
                    tr {
                        th { scope: "col", "Run" }
                        th { scope: "col", "What" }
                        th { scope: "col", "Delivery" }
                        th { scope: "col", class: "right", "Tries" }
                        th { scope: "col", "Last error" }
                    }
                }
                tbody {
                    for delivery in deliveries {
                        tr { key: "{delivery.run}{about(&delivery)}",
                            td {
                                Link { to: Place::run(delivery.run), class: "mono", title: "{delivery.run}",
                                    {format::short_id(&delivery.run.to_string())}
                                }
                            }
                            td { class: "nowrap",
                                {about(&delivery)}
                                " "
                                Ago { at: delivery.ended_at }
                            }
                            td { Ended { delivery: delivery.clone() } }
                            td { class: "right num", "{delivery.tries}" }
                            td { class: "soft anywhere", {delivery.error.clone().unwrap_or_default()} }
                        }
                    }
                }
            }
        }
    }
}

/// What it tells of the run.
fn about(delivery: &Delivery) -> String {
    match &delivery.task {
        None => delivery.state.word().replace('_', " "),
        Some(task) => format!("asks about {task}"),
    }
}
