//! Who belongs to a project.

use dioxus::prelude::*;
use emboflow_model::access::{ProjectScope, Standing, UserName};
use emboflow_protocol::http::access::{MemberBody, MemberView};

use crate::api;
use crate::parts::act::use_act;
use crate::parts::list::{List, use_list};
use crate::parts::powers::{StandingChoice, word};
use crate::parts::toast;
use crate::route::encode;

fn address(project: &str, user: &str) -> String {
    api::of_project(project, &format!("members/{}", encode(user)))
}

#[component]
pub(super) fn Members(project: String) -> Element {
    let of = project.clone();
    let list = use_list::<MemberView>("user", move || api::of_project(&of, "members"));
    let table = project.clone();
    rsx! {
        section { class: "card", "aria-label": "Members",
            div { class: "card-head", h2 { "Members" } }
            {list.shown(
                rsx! { p { class: "card-body soft", "Nobody but the administrators of the platform." } },
                rsx! { Table { project: table, list } },
            )}
            AddMember { project, list }
        }
    }
}

#[component]
fn Table(project: String, list: List<MemberView>) -> Element {
    rsx! {
        div { class: "table-wrap",
            table {
                thead {
                    tr {
                        th { scope: "col", "User" }
                        th { scope: "col", "Role" }
                        th { scope: "col", span { class: "visually-hidden", "Take it away" } }
                    }
                }
                tbody {
                    for member in list.rows.read().iter() {
                        Row { key: "{member.user} {member.scope} {word(member.role)}", project: project.clone(), member: member.clone(), list }
                    }
                }
            }
        }
    }
}

#[component]
fn Row(project: String, member: MemberView, list: List<MemberView>) -> Element {
    let act = use_act();
    let user = member.user.to_string();
    let (changed, taken) = (address(&project, &user), address(&project, &user));
    let everywhere = member.scope == ProjectScope::All;
    rsx! {
        tr { "data-member": "{user}",
            td { class: "mono", "{user}" }
            td {
                if everywhere {
                    span { class: "tag", "{word(member.role)}" }
                    span { class: "dim", " in every project" }
                } else if member.role == Standing::Denied {
                    span { class: "tag", "denied" }
                    span { class: "dim", " whatever else is given" }
                } else {
                    StandingChoice {
                        label: "Role of {user}",
                        chosen: member.role,
                        onchoose: move |role| {
                            let address = changed.clone();
                            act.start(async move { api::tell("PUT", &address, &MemberBody { role }).await }, move |()| {
                                toast::done("The role is changed.");
                                list.reload();
                            });
                        },
                    }
                }
                {act.refusal()}
            }
            td { class: "right",
                if !everywhere {
                    button {
                        class: "button small",
                        r#type: "button",
                        "aria-label": "Take away the role of {user}",
                        disabled: act.is_busy(),
                        onclick: move |_| {
                            let address = taken.clone();
                            act.start(async move { api::delete(&address).await }, move |()| {
                                toast::done("The role is taken away.");
                                list.reload();
                            });
                        },
                        "Take away"
                    }
                }
            }
        }
    }
}

#[component]
fn AddMember(project: String, list: List<MemberView>) -> Element {
    let mut user = use_signal(String::new);
    let mut role = use_signal(|| Standing::Viewer);
    let act = use_act();
    let is_name = UserName::new(user.read().trim()).is_ok();
    let is_there = list
        .rows
        .read()
        .iter()
        .any(|member| member.user.as_str() == user.read().trim() && member.scope != ProjectScope::All);
    let submit = move |event: Event<FormData>| {
        event.prevent_default();
        let address = address(&project, user.peek().trim());
        let body = MemberBody { role: role() };
        act.start(async move { api::tell("PUT", &address, &body).await }, move |()| {
            user.set(String::new());
            toast::done("The role is given.");
            list.reload();
        });
    };
    rsx! {
        form { class: "card-body stack", onsubmit: submit,
            div { class: "row-flex wrap",
                input {
                    class: "input mono grow",
                    r#type: "text",
                    "aria-label": "User",
                    placeholder: "user",
                    autocomplete: "off",
                    autocapitalize: "none",
                    spellcheck: "false",
                    value: "{user}",
                    oninput: move |event| user.set(event.value()),
                }
                StandingChoice { label: "Role", chosen: role(), onchoose: move |chosen| role.set(chosen) }
                button { class: "button", r#type: "submit", disabled: act.is_busy() || !is_name || is_there, "Let in" }
            }
            if is_there {
                p { class: "dim", role: "status", "They have a role here already: change it above." }
            }
            {act.refusal()}
        }
    }
}
