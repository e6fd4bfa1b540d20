//! Accounts of services: programs that belong to no person. Their tokens are signed, end by themselves, and can be taken
//! back.

mod new_service;
mod token;

use dioxus::prelude::*;
use emboflow_protocol::http::service::{ServiceView, SigningKeyView};

use crate::api;
use crate::icon::{Drawn, Icon};
use crate::me;
use crate::pages::refused::Refused;
use crate::parts::act::{Confirm, use_act};
use crate::parts::banner::Empty;
use crate::parts::list::{List, use_list};
use crate::parts::powers::May;
use crate::parts::text::Ago;
use crate::parts::toast;
use crate::route::encode;
use new_service::NewService;
use token::NewToken;

/// The address of something of a service, such as `/tokens`; of the service itself when `path` is empty.
fn of_service(name: &str, path: &str) -> String {
    api::global(&format!("services/{}{path}", encode(name)))
}

/// What is open.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    Nothing,
    New,
    Rotate,
    Token,
    Revoke,
    Remove,
}

#[component]
pub(crate) fn Services() -> Element {
    if !me::is_platform_admin() {
        return rsx! { Refused { what: "The accounts of services", who: "administrators of the platform" } };
    }
    rsx! { Accounts {} }
}

#[component]
fn Accounts() -> Element {
    let list = use_list::<ServiceView>("service", || api::global("services"));
    let mut open = use_signal(|| Open::Nothing);
    let close = move |()| open.set(Open::Nothing);
    rsx! {
        div { class: "page-head",
            div {
                h1 { "Services" }
                p { class: "lead", "Accounts of programs that belong to no person. Their tokens end by themselves." }
            }
            div { class: "actions",
                button { class: "button", r#type: "button", onclick: move |_| open.set(Open::Rotate), "New signing key…" }
                button { class: "button primary", r#type: "button", onclick: move |_| open.set(Open::New),
                    Drawn { icon: Icon::Plus }
                    "New service"
                }
            }
        }
        match open() {
            Open::New => rsx! { NewService { list, onclose: close } },
            Open::Rotate => rsx! { Rotate { onclose: close } },
            _ => rsx! {},
        }
        {list.shown(
            rsx! {
                Empty { title: "There are no services",
                    p { "Make one for each program that starts runs or reads them, with just what it needs." }
                }
            },
            rsx! { Table { list } },
        )}
    }
}

#[component]
fn Table(list: List<ServiceView>) -> Element {
    rsx! {
        div { class: "table-wrap",
            table {
                thead {
                    tr {
                        th { scope: "col", "Service" }
                        th { scope: "col", class: "hide-s", "May" }
                        th { scope: "col", class: "hide-m", "Made" }
                        th { scope: "col", class: "hide-m", "Good are tokens since" }
                        th { scope: "col", span { class: "visually-hidden", "Change it" } }
                    }
                }
                tbody {
                    for service in list.rows.read().iter() {
                        Row { key: "{service.name}", service: service.clone(), list }
                    }
                }
            }
        }
    }
}

#[component]
fn Row(service: ServiceView, list: List<ServiceView>) -> Element {
    let mut open = use_signal(|| Open::Nothing);
    let onclose = move |()| open.set(Open::Nothing);
    let name = service.name.to_string();
    rsx! {
        tr { "data-service": "{name}",
            td { class: "mono", "{name}" }
            td { class: "hide-s", May { powers: service.powers } }
            td { class: "hide-m", Ago { at: service.created_at } }
            td { class: "hide-m", Ago { at: service.tokens_since } }
            td { class: "right",
                span { class: "row-flex wrap at-end",
                    button { class: "button small", r#type: "button", "aria-label": "New token for {name}", onclick: move |_| open.set(Open::Token), "Token" }
                    button { class: "button small", r#type: "button", "aria-label": "Revoke the tokens of {name}", onclick: move |_| open.set(Open::Revoke), "Revoke" }
                    button { class: "button small", r#type: "button", "aria-label": "Remove {name}", onclick: move |_| open.set(Open::Remove), "Remove" }
                }
                match open() {
                    Open::Token => rsx! { NewToken { name: name.clone(), onclose } },
                    Open::Revoke => rsx! { Revoke { name: name.clone(), list, onclose } },
                    Open::Remove => rsx! { Remove { name: name.clone(), list, onclose } },
                    Open::Nothing | Open::New | Open::Rotate => rsx! {},
                }
            }
        }
    }
}

#[component]
fn Rotate(onclose: Callback<()>) -> Element {
    let act = use_act();
    rsx! {
        Confirm {
            title: "Sign with a new key?",
            text: "Tokens are signed with it from now on. Those that were given out stay good until they end.",
            verb: "Make the key",
            act,
            onclose,
            onconfirm: move |()| {
                let make = async move { api::post::<SigningKeyView>(&api::global("service-keys"), &()).await };
                act.start(make, move |key| {
                    toast::done(format!("The key {} signs from now on.", key.kid));
                    onclose.call(());
                });
            },
        }
    }
}

#[component]
fn Revoke(name: String, list: List<ServiceView>, onclose: Callback<()>) -> Element {
    let act = use_act();
    rsx! {
        Confirm {
            title: "Revoke the tokens of {name}?",
            text: "Every token that was given out until now is refused. The service stays, and can be given new ones.",
            verb: "Revoke them",
            act,
            onclose,
            onconfirm: move |()| {
                let address = of_service(&name, "/tokens");
                act.start(async move { api::delete(&address).await }, move |()| {
                    toast::done("The tokens are revoked.");
                    list.reload();
                    onclose.call(());
                });
            },
        }
    }
}

#[component]
fn Remove(name: String, list: List<ServiceView>, onclose: Callback<()>) -> Element {
    let act = use_act();
    rsx! {
        Confirm {
            title: "Remove the service {name}?",
            text: "None of its tokens is good any more. What it did stays in the audit.",
            verb: "Remove it",
            act,
            onclose,
            onconfirm: move |()| {
                let address = of_service(&name, "");
                act.start(async move { api::delete(&address).await }, move |()| {
                    toast::done("The service is removed.");
                    onclose.call(());
                    list.reload();
                });
            },
        }
    }
}
