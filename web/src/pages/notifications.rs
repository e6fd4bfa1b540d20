//! Notifications: to whom it is told that the project's runs ended or wait for people, and what became of it.

mod deliveries;
mod form;

use dioxus::prelude::*;
use emboflow_model::access::Role;
use emboflow_model::notification::{Delivery, Destination};
use emboflow_protocol::http::notification::{NotificationRow, NotificationView};

use crate::api;
use crate::icon::{Drawn, Icon};
use crate::look::Tone;
use crate::me;
use crate::parts::act::{Confirm, use_act};
use crate::parts::banner::Empty;
use crate::parts::list::{List, use_list};
use crate::parts::text::Ago;
use crate::parts::toast;
use crate::place::PLACE;
use crate::route::encode;
use deliveries::Deliveries;
use form::Form;

/// What is open above the table.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    Nothing,
    Deliveries,
    Change,
    Pause,
    Removal,
}

#[component]
pub(crate) fn Notifications() -> Element {
    let list = use_list("notification", || api::of_project(PLACE.read().project(), "notifications"));
    let mut asks = use_signal(|| false);
    let may_set = me::may_in_project(Role::Operator);
    rsx! {
        div { class: "page-head",
            div {
                h1 { "Notifications" }
                p { class: "lead",
                    "To whom it is told that a run ended or waits for a person: by webhook, by mail, or on a NATS subject."
                    if !may_set {
                        " The project's operators and administrators set them."
                    }
                }
            }
            if may_set {
                div { class: "actions",
                    button { class: "button primary", r#type: "button", onclick: move |_| asks.set(true),
                        Drawn { icon: Icon::Plus }
                        "New notification"
                    }
                }
            }
        }
        if asks() {
            Form { name: None, list, onclose: move |()| asks.set(false) }
        }
        {list.shown(
            rsx! {
                Empty { title: "Nobody is told",
                    p { "A failed run can tell you itself:" }
                    code { "emboflow notification set on-call --email you@example.org" }
                }
            },
            rsx! { Table { list, may_set } },
        )}
    }
}

#[component]
fn Table(list: List<NotificationRow>, may_set: bool) -> Element {
    rsx! {
        div { class: "table-wrap",
            table {
                thead {
                    tr {
                        th { scope: "col", "Notification" }
                        th { scope: "col", "To" }
                        th { scope: "col", class: "hide-s", "Tells of" }
                        th { scope: "col", "Last" }
                        th { scope: "col", span { class: "visually-hidden", "Actions" } }
                    }
                }
                tbody {
                    for row in list.rows.read().iter() {
                        Row { key: "{row.name}", row: row.clone(), list, may_set }
                    }
                }
            }
        }
    }
}

#[component]
fn Row(row: NotificationRow, list: List<NotificationRow>, may_set: bool) -> Element {
    let mut open = use_signal(|| Open::Nothing);
    let name = row.name.to_string();
    let states = row.spec.states.iter().map(|state| state.word());
    let states: Vec<&str> = states.chain(row.spec.approvals.then_some("approval")).collect();
    let workflows: Vec<&str> = row.spec.workflows.iter().map(|name| name.as_str()).collect();
    rsx! {
        tr { "data-notification": "{name}",
            td { class: "mono", "{name}" }
            td { class: "anywhere", To { destination: row.spec.to.clone() } }
            td { class: "hide-s",
                {states.join(", ").replace('_', " ")}
                if !workflows.is_empty() {
                    span { class: "soft", " of " {workflows.join(", ")} }
                }
            }
            td { Last { row: row.clone() } }
            td { class: "right",
                span { class: "row-flex wrap at-end",
                    button { class: "button small", r#type: "button", "aria-label": "Deliveries of {name}", onclick: move |_| open.set(Open::Deliveries), "Deliveries" }
                    if may_set {
                        button { class: "button small", r#type: "button", "aria-label": "Change {name}", onclick: move |_| open.set(Open::Change), "Change" }
                        if row.paused.is_some() {
                            Resume { name: name.clone(), list }
                        } else {
                            button { class: "button small", r#type: "button", "aria-label": "Pause {name}", onclick: move |_| open.set(Open::Pause), "Pause" }
                        }
                        button { class: "button small", r#type: "button", "aria-label": "Remove {name}", onclick: move |_| open.set(Open::Removal), "Remove" }
                    }
                }
                Above { name: name.clone(), open, list }
            }
        }
    }
}

/// The dialog of a row that is open, if one is.
#[component]
fn Above(name: String, open: Signal<Open>, list: List<NotificationRow>) -> Element {
    let mut open = open;
    let onclose = move |()| open.set(Open::Nothing);
    match open() {
        Open::Nothing => rsx! {},
        Open::Deliveries => rsx! { Deliveries { name, onclose } },
        Open::Change => rsx! { Form { name: Some(name), list, onclose } },
        Open::Pause => rsx! { form::Pause { name, list, onclose } },
        Open::Removal => rsx! { Removal { name, list, onclose } },
    }
}

#[component]
fn Removal(name: String, list: List<NotificationRow>, onclose: Callback<()>) -> Element {
    let act = use_act();
    rsx! {
        Confirm {
            title: "Remove the notification {name}?",
            text: "What of it is under way is not sent any more.",
            verb: "Remove it",
            act,
            onclose,
            onconfirm: move |()| {
                let address = api::in_project(&format!("notifications/{}", encode(&name)));
                act.start(async move { api::delete(&address).await }, move |()| {
                    toast::done("The notification is removed.");
                    list.reload();
                    onclose.call(());
                });
            },
        }
    }
}

#[component]
fn Resume(name: String, list: List<NotificationRow>) -> Element {
    let address = api::in_project(&format!("notifications/{}/resume", encode(&name)));
    rsx! {
        button {
            class: "button small",
            r#type: "button",
            "aria-label": "Resume {name}",
            onclick: move |_| {
                let (address, name) = (address.clone(), name.clone());
                spawn(async move {
                    match api::post::<NotificationView>(&address, &serde_json::json!({})).await {
                        Ok(_) => {
                            toast::done(format!("{name} tells again."));
                            list.reload();
                        }
                        Err(error) => toast::failed(error),
                    }
                });
            },
            "Resume"
        }
    }
}

#[component]
fn To(destination: Destination) -> Element {
    match destination {
        Destination::Webhook { url, .. } => {
            rsx! { span { class: "soft", "webhook " } span { class: "mono", "{url}" } }
        }
        Destination::Email { addresses } => {
            rsx! { span { class: "soft", "mail to " } {addresses.join(", ")} }
        }
        Destination::Nats { topic } => {
            rsx! { span { class: "soft", "NATS topic " } span { class: "mono", "{topic}" } }
        }
    }
}

#[component]
fn Last(row: NotificationRow) -> Element {
    let under_way = row.under_way;
    rsx! {
        if let Some(paused) = row.paused {
            span { title: "{paused.reason}", "paused by {paused.by}" }
        } else if let Some(last) = row.last {
            Ended { delivery: last.clone() }
            " "
            Ago { at: last.ended_at }
        } else if under_way == 0 {
            span { class: "dim", "nothing yet" }
        }
        if under_way > 0 {
            span { class: "soft", " {under_way} under way" }
        }
    }
}

/// What became of a delivery: a word with its picture.
#[component]
fn Ended(delivery: Delivery) -> Element {
    let (icon, tone, word) = match (delivery.delivered_at, delivery.next_at) {
        (Some(_), _) => (Icon::Check, Tone::Ok, "delivered"),
        (None, Some(_)) => (Icon::Clock, Tone::Run, "under way"),
        (None, None) => (Icon::Cross, Tone::Bad, "given up"),
    };
    rsx! {
        span { class: "pill {tone.class()}",
            Drawn { icon }
            "{word}"
        }
    }
}
