//! One project: what it is for, what it may use, who belongs to it.

mod members;
mod settings;
mod stored;

use dioxus::prelude::*;
use emboflow_model::access::Role;
use emboflow_protocol::http::access::ProjectView;

use crate::api;
use crate::live::RESYNC;
use crate::me;
use crate::parts::banner::{Empty, Loading, Problem};
use crate::place::Link;
use crate::route::{Place, Route};
use members::Members;
use settings::Settings;
use stored::Stored;

#[component]
pub(crate) fn ProjectPage(name: String) -> Element {
    let asked = name.clone();
    let mut read = use_resource(move || {
        let _ = RESYNC.read();
        let address = api::of_project(&asked, "");
        async move { api::get_versioned::<ProjectView>(&address).await }
    });
    let may_change = me::role_in(&name) == Some(Role::Admin);
    let shown = read.read().clone();
    rsx! {
        div { class: "page-head",
            div {
                h1 { class: "mono", "{name}" }
                p { class: "lead", "A project: what it may use, and who belongs to it." }
            }
            div { class: "actions",
                Link { to: Place::new(Route::Runs).of_project(&name), class: "button", "Runs" }
                if may_change {
                    Link { to: Place::new(Route::Audit).of_project(&name).with("project", &name), class: "button", "Audit" }
                }
            }
        }
        match shown {
            None => rsx! { Loading { rows: 5 } },
            Some(Err(error)) if error.is_missing() => rsx! {
                Empty { title: "No project {name} is open to you",
                    Link { to: Place::new(Route::Projects), class: "button", "To the projects" }
                }
            },
            Some(Err(error)) => rsx! { Problem { error, retry: move |()| read.restart() } },
            Some(Ok((project, version))) => rsx! {
                div { class: "stack loose",
                    Settings { key: "{version:?}", project, version, may_change, onchanged: move |()| read.restart() }
                    Stored { project: name.clone() }
                    if may_change {
                        Members { project: name }
                    } else {
                        p { class: "soft", "Its administrators see who belongs to it, and change what it may use." }
                    }
                }
            },
        }
    }
}
