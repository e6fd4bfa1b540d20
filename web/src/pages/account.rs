//! Oneself: who one is here, the password, where one is signed in, and one's keys.

mod password;
mod sessions;

use dioxus::prelude::*;
use emboflow_protocol::http::access::{CallerKind, MeView};

use crate::api;
use crate::icon::{Drawn, Icon};
use crate::me;
use crate::pages::keys::{KeyTable, NewKeyButton};
use crate::parts::act::use_act;
use crate::parts::list::use_list;
use crate::parts::pill::RolePill;
use crate::place::Link;
use crate::route::{Place, Route};
use password::PasswordCard;
use sessions::Sessions;

#[component]
pub(crate) fn Account() -> Element {
    let Some(me) = me::view() else { return rsx! {} };
    let act = use_act();
    rsx! {
        div { class: "page-head",
            div {
                h1 { "Account" }
                p { class: "lead", "Who you are here, and where you are signed in." }
            }
            div { class: "actions",
                button {
                    class: "button",
                    r#type: "button",
                    disabled: act.is_busy(),
                    onclick: move |_| {
                        act.start(async { api::delete(&api::of_site("session")).await }, |()| me::left());
                    },
                    "Sign out"
                }
            }
        }
        div { class: "stack loose",
            {act.refusal()}
            if me.by_link && me.kind == CallerKind::User {
                div { class: "banner warn", role: "status",
                    Drawn { icon: Icon::Key }
                    p { "A link signed you in, and it is used up. Choose a password, so that you can come back." }
                }
            }
            Facts { me: me.clone() }
            if me.kind == CallerKind::User {
                PasswordCard { has_password: me.has_password, by_link: me.by_link }
                Sessions {}
                OwnKeys {}
            } else {
                div { class: "banner",
                    Drawn { icon: Icon::Info }
                    p {
                        "You came with the installation's token. Passwords, sessions and keys belong to users: "
                        Link { to: Place::new(Route::Users), "make one" }
                        " and sign in as it."
                    }
                }
            }
        }
    }
}

#[component]
fn Facts(me: MeView) -> Element {
    let kind = match me.kind {
        CallerKind::User => "A user",
        CallerKind::Key => "An API key",
        CallerKind::Service => "A service",
        CallerKind::Local => "Whoever has the installation's token",
    };
    rsx! {
        div { class: "card",
            dl { class: "strip",
                if let Some(name) = &me.name {
                    div {
                        dt { "Signed in as" }
                        dd { class: "mono", "{name}" }
                    }
                }
                if let Some(display) = &me.display {
                    div {
                        dt { "Called" }
                        dd { "{display}" }
                    }
                }
                div {
                    dt { "That is" }
                    dd {
                        "{kind}"
                        if me.platform_admin {
                            ", administrator of the platform"
                        }
                    }
                }
            }
            if me.projects.is_empty() {
                p { class: "card-body soft", "No project is open to you yet. An administrator can give you a role in one." }
            } else {
                div { class: "table-wrap",
                    table { class: "dense",
                        thead {
                            tr {
                                th { scope: "col", "Project" }
                                th { scope: "col", "Your role" }
                            }
                        }
                        tbody {
                            for at in me.projects {
                                tr { key: "{at.project}",
                                    td {
                                        Link { to: Place::new(Route::Runs).of_project(at.project.as_str()), class: "mono", "{at.project}" }
                                    }
                                    td { RolePill { role: at.role } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[component]
fn OwnKeys() -> Element {
    let list = use_list("api-key", || api::global("keys"));
    rsx! {
        section { class: "card", "aria-label": "API keys",
            div { class: "card-head",
                h2 { class: "grow", "API keys" }
                NewKeyButton { onmade: move |()| list.reload() }
            }
            {list.shown(
                rsx! { p { class: "card-body soft", "A key lets a program act for you, as far as you say, and never further than you may yourself." } },
                rsx! { KeyTable { list, owners: false } },
            )}
        }
    }
}
