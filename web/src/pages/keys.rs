//! API keys: the table of them, a new one, and the page of everybody's.

mod new_key;

use dioxus::prelude::*;
use emboflow_model::Timestamp;
use emboflow_protocol::http::access::KeyView;

use crate::api;
use crate::app::CLOCK;
use crate::me;
use crate::pages::refused::Refused;
use crate::parts::act::{Confirm, use_act};
use crate::parts::banner::Empty;
use crate::parts::list::{List, use_list};
use crate::parts::powers::May;
use crate::parts::text::Ago;
use crate::parts::toast;
use crate::place::Link;
use crate::route::{Place, Route, encode};

pub(crate) use new_key::NewKeyButton;

#[component]
pub(crate) fn Keys() -> Element {
    if !me::is_platform_admin() {
        return rsx! { Refused { what: "Everybody's keys", who: "administrators of the platform; your own are below Account" } };
    }
    rsx! { Everybodys {} }
}

#[component]
fn Everybodys() -> Element {
    let list = use_list("api-key", || api::global("keys?user=*"));
    rsx! {
        div { class: "page-head",
            div {
                h1 { "API keys" }
                p { class: "lead", "Those of all users. Nobody can read a value back." }
            }
            div { class: "actions",
                Link { to: Place::new(Route::Account), class: "button", "Your own keys" }
            }
        }
        {list.shown(
            rsx! {
                Empty { title: "There are no keys",
                    p { "Each user makes their own, below Account or with " code { "emboflow key create" } "." }
                }
            },
            rsx! { KeyTable { list, owners: true } },
        )}
    }
}

#[component]
pub(crate) fn KeyTable(
    list: List<KeyView>,
    /// They belong to several people.
    owners: bool,
) -> Element {
    rsx! {
        div { class: "table-wrap",
            table {
                thead {
                    tr {
                        th { scope: "col", "Key" }
                        if owners {
                            th { scope: "col", "Owner" }
                        }
                        th { scope: "col", class: "hide-s", "May" }
                        th { scope: "col", class: "hide-m", "Last used" }
                        th { scope: "col", "Ends" }
                        th { scope: "col", span { class: "visually-hidden", "Revoke it" } }
                    }
                }
                tbody {
                    for key in list.rows.read().iter() {
                        Row { key: "{key.id}", view: key.clone(), list, owners }
                    }
                }
            }
        }
    }
}

/// The day of a moment, in UTC.
fn day(at: Timestamp) -> String {
    at.to_string().chars().take("2026-11-21".len()).collect()
}

#[component]
fn Row(view: KeyView, list: List<KeyView>, owners: bool) -> Element {
    let mut asks = use_signal(|| false);
    let act = use_act();
    let id = view.id.clone();
    let is_over = view.expires_at.is_some_and(|end| end.0 <= *CLOCK.read());
    rsx! {
        tr { "data-key": "{view.name}",
            td {
                div { class: "names",
                    span { class: "cut", "{view.name}" }
                    span { class: "under dim mono cut", "{view.id}" }
                }
            }
            if owners {
                td { class: "mono", "{view.owner}" }
            }
            td { class: "hide-s", May { powers: view.powers } }
            td { class: "hide-m",
                match view.last_used_at {
                    Some(at) => rsx! { Ago { at } },
                    None => rsx! { span { class: "dim", "never" } },
                }
                if let Some(from) = view.last_used_from {
                    span { class: "dim mono", " {from}" }
                }
            }
            td { class: "nowrap",
                match view.expires_at {
                    None => rsx! { span { class: "dim", "never" } },
                    Some(_) if is_over => rsx! { span { class: "pill tone-bad", "ended" } },
                    Some(end) => rsx! { span { class: "num", title: "{end}", {day(end)} } },
                }
            }
            td { class: "right",
                button {
                    class: "button small",
                    r#type: "button",
                    "aria-label": "Revoke {view.name}",
                    onclick: move |_| asks.set(true),
                    "Revoke"
                }
                if asks() {
                    Confirm {
                        title: "Revoke the key {view.name}?",
                        text: "Programs that use it are refused from now on. It cannot be brought back.",
                        verb: "Revoke it",
                        act,
                        onclose: move |()| asks.set(false),
                        onconfirm: move |()| {
                            let address = api::global(&format!("keys/{}", encode(&id)));
                            act.start(async move { api::delete(&address).await }, move |()| {
                                asks.set(false);
                                toast::done("The key is revoked.");
                                list.reload();
                            });
                        },
                    }
                }
            }
        }
    }
}
