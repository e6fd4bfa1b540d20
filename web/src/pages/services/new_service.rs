//! A new service: its name, and what it may.

use dioxus::prelude::*;
use emboflow_model::ServiceName;
use emboflow_model::access::Powers;
use emboflow_protocol::http::service::{NewService as Body, ServiceView};

use crate::api;
use crate::me;
use crate::parts::act::use_act;
use crate::parts::ask::Ask;
use crate::parts::list::List;
use crate::parts::powers::PowersForm;
use crate::parts::toast;

#[component]
pub(super) fn NewService(list: List<ServiceView>, onclose: Callback<()>) -> Element {
    let mut name = use_signal(String::new);
    let powers = use_signal(Powers::default);
    let act = use_act();
    let projects = me::view().into_iter().flat_map(|me| me.projects).map(|at| at.project.to_string());
    let read = ServiceName::new(name.read().trim());
    let wrong = read.as_ref().err().filter(|_| !name.read().is_empty()).map(ToString::to_string);
    let (is_ready, is_wrong) = (read.is_ok(), wrong.is_some());
    let submit = move |()| {
        let Ok(name) = ServiceName::new(name.peek().trim()) else { return };
        let body = Body { name, powers: powers() };
        let make = async move { api::post::<ServiceView>(&api::global("services"), &body).await };
        act.start(make, move |made| {
            toast::done(format!("{} is made. It can do nothing before it has a token.", made.name));
            list.reload();
            onclose.call(());
        });
    };
    rsx! {
        Ask {
            title: "New service",
            verb: "Make the service",
            act,
            ready: is_ready,
            onclose,
            onsubmit: submit,
            div { class: "field",
                label { r#for: "service-name", "Name" }
                input {
                    id: "service-name",
                    class: "input mono",
                    r#type: "text",
                    autocomplete: "off",
                    autocapitalize: "none",
                    spellcheck: "false",
                    placeholder: "nightly-import",
                    "aria-invalid": is_wrong.then_some("true"),
                    "aria-describedby": "service-name-wrong",
                    value: "{name}",
                    oninput: move |event| name.set(event.value()),
                }
                p { id: "service-name-wrong", class: "wrong", {wrong.unwrap_or_default()} }
            }
            PowersForm { powers, projects: projects.collect::<Vec<_>>(), platform: false }
        }
    }
}
