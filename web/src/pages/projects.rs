//! The projects that are open to whoever looks.

use dioxus::prelude::*;
use emboflow_model::ProjectName;
use emboflow_model::access::Quotas;
use emboflow_protocol::http::access::{NewProject, ProjectView};

use crate::api;
use crate::icon::{Drawn, Icon};
use crate::me;
use crate::parts::act::use_act;
use crate::parts::banner::Empty;
use crate::parts::dialog::Dialog;
use crate::parts::list::{List, use_list};
use crate::parts::pill::RolePill;
use crate::parts::toast;
use crate::place::{Link, go};
use crate::route::{Place, Route};

#[component]
pub(crate) fn Projects() -> Element {
    let list = use_list::<ProjectView>("project", || api::global("projects"));
    let mut asks = use_signal(|| false);
    let may_make = me::is_platform_admin();
    rsx! {
        div { class: "page-head",
            div {
                h1 { "Projects" }
                p { class: "lead", "Each has workflows, runs, secrets and members of its own; nothing crosses." }
            }
            if may_make {
                div { class: "actions",
                    button { class: "button primary", r#type: "button", onclick: move |_| asks.set(true),
                        Drawn { icon: Icon::Plus }
                        "New project"
                    }
                }
            }
        }
        if asks() {
            NewProjectDialog { onclose: move |()| asks.set(false) }
        }
        {list.shown(
            rsx! {
                Empty { title: "No project is open to you",
                    p { "An administrator can give you a role in one." }
                }
            },
            rsx! { Table { list } },
        )}
    }
}

#[component]
fn Table(list: List<ProjectView>) -> Element {
    rsx! {
        div { class: "table-wrap",
            table {
                thead {
                    tr {
                        th { scope: "col", "Project" }
                        th { scope: "col", "Your role" }
                        th { scope: "col", class: "hide-s", "What for" }
                        th { scope: "col", span { class: "visually-hidden", "Go there" } }
                    }
                }
                tbody {
                    for project in list.rows.read().iter() {
                        tr { key: "{project.name}", "data-project": "{project.name}",
                            td {
                                Link { to: Place::new(Route::Project { name: project.name.to_string() }), class: "mono", "{project.name}" }
                            }
                            td {
                                if let Some(role) = project.role {
                                    RolePill { role }
                                }
                            }
                            td { class: "soft hide-s", {project.description.clone().unwrap_or_default()} }
                            td { class: "right",
                                Link { to: Place::new(Route::Runs).of_project(project.name.as_str()), class: "button small", label: "Runs of {project.name}", "Runs" }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[component]
fn NewProjectDialog(onclose: Callback<()>) -> Element {
    let mut name = use_signal(String::new);
    let mut description = use_signal(String::new);
    let act = use_act();
    let read = ProjectName::new(name.read().trim());
    let wrong = read.as_ref().err().filter(|_| !name.read().is_empty()).map(ToString::to_string);
    let (is_ready, is_wrong) = (read.is_ok(), wrong.is_some());
    let submit = move |event: Event<FormData>| {
        event.prevent_default();
        let Ok(name) = ProjectName::new(name.peek().trim()) else { return };
        let description = Some(description.peek().trim().to_owned()).filter(|text| !text.is_empty());
        let body = NewProject { name, description, quotas: Quotas::default() };
        let make = async move { api::post::<ProjectView>(&api::global("projects"), &body).await };
        act.start(make, move |made| {
            toast::done(format!("The project {} is made. Now let people in.", made.name));
            onclose.call(());
            // The new one is among those that are open.
            dioxus::core::spawn_forever(me::ask_again());
            go(Place::new(Route::Project { name: made.name.to_string() }));
        });
    };
    rsx! {
        Dialog { label: "New project", onclose,
            form { onsubmit: submit,
                div { class: "dialog-body",
                    h2 { "New project" }
                    div { class: "field",
                        label { r#for: "project-name", "Name" }
                        input {
                            id: "project-name",
                            class: "input mono",
                            r#type: "text",
                            autocomplete: "off",
                            autocapitalize: "none",
                            spellcheck: "false",
                            "aria-invalid": is_wrong.then_some("true"),
                            "aria-describedby": "project-name-hint",
                            value: "{name}",
                            oninput: move |event| name.set(event.value()),
                        }
                        p { id: "project-name-hint", class: if is_wrong { "wrong" } else { "hint" },
                            {wrong.unwrap_or_else(|| "It is part of addresses and never changes: a-z, 0-9 and -.".to_owned())}
                        }
                    }
                    div { class: "field",
                        label { r#for: "project-description", "What for " span { class: "dim", "(optional)" } }
                        input {
                            id: "project-description",
                            class: "input",
                            r#type: "text",
                            maxlength: "1000",
                            autocomplete: "off",
                            value: "{description}",
                            oninput: move |event| description.set(event.value()),
                        }
                    }
                    {act.refusal()}
                }
                div { class: "dialog-foot",
                    button { class: "button", r#type: "button", onclick: move |_| onclose.call(()), "Cancel" }
                    button { class: "button primary", r#type: "submit", disabled: act.is_busy() || !is_ready, "Make the project" }
                }
            }
        }
    }
}
