//! The users: who can sign in, and what they may.

mod edit;
mod new_user;

use dioxus::prelude::*;
use emboflow_protocol::http::access::{OneTimeLink, ProjectView, UserView};

use crate::api;
use crate::app::CLOCK;
use crate::browser;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::me;
use crate::pages::refused::Refused;
use crate::parts::act::{Confirm, use_act};
use crate::parts::banner::Empty;
use crate::parts::list::{List, use_list};
use crate::parts::once::ShownOnce;
use crate::parts::powers::May;
use crate::parts::text::Ago;
use crate::parts::toast;
use crate::route::encode;
use edit::EditUser;
use new_user::NewUserDialog;

#[component]
pub(crate) fn Users() -> Element {
    if !me::is_platform_admin() {
        return rsx! { Refused { what: "The users", who: "administrators of the platform" } };
    }
    rsx! { Everybody {} }
}

/// The whole address of a link, to be sent to somebody.
fn absolute(link: &str) -> String {
    let is_whole = link.starts_with("https://") || link.starts_with("http://");
    if is_whole { link.to_owned() } else { format!("{}{}{link}", browser::origin(), browser::root()) }
}

#[component]
fn Everybody() -> Element {
    let list = use_list::<UserView>("user", || api::global("users"));
    let projects = use_list::<ProjectView>("project", || api::global("projects"));
    let names =
        use_memo(move || projects.rows.read().iter().map(|one| one.name.to_string()).collect::<Vec<_>>());
    let mut asks = use_signal(|| false);
    let mut link = use_signal(|| None::<(String, OneTimeLink)>);
    rsx! {
        div { class: "page-head",
            div {
                h1 { "Users" }
                p { class: "lead", "Who can sign in, and what they may." }
            }
            div { class: "actions",
                button { class: "button primary", r#type: "button", onclick: move |_| asks.set(true),
                    Drawn { icon: Icon::Plus }
                    "New user"
                }
            }
        }
        if asks() {
            NewUserDialog {
                projects: names(),
                onclose: move |()| asks.set(false),
                onmade: move |made: (String, Option<OneTimeLink>)| {
                    asks.set(false);
                    list.reload();
                    link.set(made.1.map(|link| (made.0, link)));
                },
            }
        }
        if let Some((name, one)) = link() {
            ShownOnce {
                title: "A link for {name}",
                text: "Send it to {name}: it signs in once, until {one.expires_at}, and lets them choose a password.",
                value: absolute(&one.link),
                onclose: move |()| link.set(None),
            }
        }
        {list.shown(
            rsx! {
                Empty { title: "There are no users yet",
                    p { "Make one here, or with " code { "emboflow user create NAME" } "." }
                }
            },
            rsx! { Table { list, projects: names(), link } },
        )}
    }
}

#[component]
fn Table(
    list: List<UserView>,
    projects: Vec<String>,
    link: Signal<Option<(String, OneTimeLink)>>,
) -> Element {
    rsx! {
        div { class: "table-wrap",
            table {
                thead {
                    tr {
                        th { scope: "col", "User" }
                        th { scope: "col", "State" }
                        th { scope: "col", class: "hide-s", "May" }
                        th { scope: "col", class: "hide-m", "Signed in" }
                        th { scope: "col", span { class: "visually-hidden", "Change it" } }
                    }
                }
                tbody {
                    for user in list.rows.read().iter() {
                        Row { key: "{user.name}", user: user.clone(), list, projects: projects.clone(), link }
                    }
                }
            }
        }
    }
}

#[component]
fn Row(
    user: UserView,
    list: List<UserView>,
    projects: Vec<String>,
    link: Signal<Option<(String, OneTimeLink)>>,
) -> Element {
    let mut link = link;
    let mut edits = use_signal(|| false);
    let mut asks = use_signal(|| false);
    let act = use_act();
    let name = user.name.to_string();
    let linked = name.clone();
    rsx! {
        tr { "data-user": "{name}",
            td {
                div { class: "names",
                    span { class: "mono cut", "{name}" }
                    if let Some(display) = &user.display {
                        span { class: "under dim cut", "{display}" }
                    }
                }
            }
            td { State { user: user.clone() } }
            td { class: "hide-s", May { powers: user.powers.clone() } }
            td { class: "hide-m",
                match user.last_sign_in_at {
                    Some(at) => rsx! { Ago { at } },
                    None => rsx! { span { class: "dim", "never" } },
                }
            }
            td { class: "right",
                span { class: "row-flex wrap at-end",
                    button { class: "button small", r#type: "button", "aria-label": "Change {name}", onclick: move |_| edits.set(true), "Change" }
                    button {
                        class: "button small",
                        r#type: "button",
                        "aria-label": "New link for {name}",
                        title: "A link with which the user chooses a password",
                        disabled: act.is_busy(),
                        onclick: move |_| {
                            let name = linked.clone();
                            let address = api::global(&format!("users/{}/link", encode(&name)));
                            let make = async move { api::post::<OneTimeLink>(&address, &serde_json::json!({})).await };
                            act.start(make, move |made| link.set(Some((name, made))));
                        },
                        "Link"
                    }
                    button { class: "button small", r#type: "button", "aria-label": "Remove {name}", onclick: move |_| asks.set(true), "Remove" }
                }
                {act.refusal()}
                if edits() {
                    EditUser { name: name.clone(), projects, list, onclose: move |()| edits.set(false) }
                }
                if asks() {
                    Removal { name: name.clone(), list, onclose: move |()| asks.set(false) }
                }
            }
        }
    }
}

#[component]
fn Removal(name: String, list: List<UserView>, onclose: Callback<()>) -> Element {
    let act = use_act();
    rsx! {
        Confirm {
            title: "Remove {name}?",
            text: "Their sessions and keys no longer work. What they did stays in the audit.",
            verb: "Remove the user",
            act,
            onclose,
            onconfirm: move |()| {
                let address = api::global(&format!("users/{}", encode(&name)));
                act.start(async move { api::delete(&address).await }, move |()| {
                    toast::done("The user is removed.");
                    list.reload();
                    onclose.call(());
                });
            },
        }
    }
}

#[component]
fn State(user: UserView) -> Element {
    let now = *CLOCK.read();
    let locked = user.locked_until.filter(|until| until.0 > now);
    let left = locked.map(|until| u64::try_from(until.0 - now).unwrap_or(0));
    let (tone, icon, word) = match (user.disabled, left) {
        (true, _) => ("tone-bad", Icon::Stop, "Kept out".to_owned()),
        (false, Some(left)) => ("tone-warn", Icon::Clock, format!("Locked, {}", format::left(left))),
        (false, None) if user.last_sign_in_at.is_none() => ("tone-idle", Icon::Dots, "Invited".to_owned()),
        (false, None) => ("tone-ok", Icon::Check, "Let in".to_owned()),
    };
    rsx! {
        span { class: "pill {tone}",
            Drawn { icon }
            "{word}"
        }
    }
}
