//! The secrets of the project: their names. A value goes in and never comes out again.

use dioxus::prelude::*;
use emboflow_model::access::Role;
use emboflow_protocol::http::secret::{SecretBody, SecretView};

use crate::api;
use crate::icon::{Drawn, Icon};
use crate::me;
use crate::pages::refused::Refused;
use crate::parts::act::{Confirm, use_act};
use crate::parts::banner::Empty;
use crate::parts::dialog::Dialog;
use crate::parts::list::{List, use_list};
use crate::parts::text::Ago;
use crate::parts::toast;
use crate::place::PLACE;
use crate::route::encode;

#[component]
pub(crate) fn Secrets() -> Element {
    if !me::may_in_project(Role::Developer) {
        return rsx! { Refused { what: "The project's secrets", who: "its developers, operators and administrators" } };
    }
    rsx! { Names {} }
}

#[component]
fn Names() -> Element {
    let list = use_list("secret", || api::of_project(PLACE.read().project(), "secrets"));
    let mut asks = use_signal(|| false);
    let may_set = me::may_in_project(Role::Operator);
    rsx! {
        div { class: "page-head",
            div {
                h1 { "Secrets" }
                p { class: "lead",
                    if may_set {
                        "Values for tasks. They are encrypted, and nobody can read one back."
                    } else {
                        "Values for tasks. The project's operators and administrators set them."
                    }
                }
            }
            if may_set {
                div { class: "actions",
                    button { class: "button primary", r#type: "button", onclick: move |_| asks.set(true),
                        Drawn { icon: Icon::Plus }
                        "New secret"
                    }
                }
            }
        }
        if asks() {
            SetSecret { name: None, onclose: move |()| asks.set(false), list }
        }
        {list.shown(
            rsx! {
                Empty { title: "The project has no secrets",
                    p { "A task names those it needs:" }
                    code { "secrets: {{ TOKEN: my-token }}" }
                    p { "It finds the value in the file " code { "/run/secrets/TOKEN" } "." }
                }
            },
            rsx! { Table { list, may_set } },
        )}
    }
}

#[component]
fn Table(list: List<SecretView>, may_set: bool) -> Element {
    rsx! {
        div { class: "table-wrap",
            table {
                thead {
                    tr {
                        th { scope: "col", "Secret" }
                        th { scope: "col", class: "right hide-s", "Version" }
                        th { scope: "col", "Changed" }
                        th { scope: "col", class: "hide-s", "By" }
                        if may_set {
                            th { scope: "col", span { class: "visually-hidden", "Change it" } }
                        }
                    }
                }
                tbody {
                    for secret in list.rows.read().iter() {
                        Row { key: "{secret.name}", secret: secret.clone(), list, may_set }
                    }
                }
            }
        }
    }
}

#[component]
fn Row(secret: SecretView, list: List<SecretView>, may_set: bool) -> Element {
    let mut sets = use_signal(|| false);
    let mut asks = use_signal(|| false);
    let act = use_act();
    let name = secret.name.to_string();
    let removed = name.clone();
    rsx! {
        tr { "data-secret": "{name}",
            td { class: "mono", "{name}" }
            td { class: "right num hide-s", "{secret.version}" }
            td { Ago { at: secret.changed_at } }
            td { class: "mono hide-s", "{secret.changed_by}" }
            if may_set {
                td { class: "right",
                    span { class: "row-flex wrap at-end",
                        button { class: "button small", r#type: "button", "aria-label": "Replace {name}", onclick: move |_| sets.set(true), "Replace" }
                        button { class: "button small", r#type: "button", "aria-label": "Remove {name}", onclick: move |_| asks.set(true), "Remove" }
                    }
                    if sets() {
                        SetSecret { name: Some(name.clone()), onclose: move |()| sets.set(false), list }
                    }
                    if asks() {
                        Confirm {
                            title: "Remove the secret {name}?",
                            text: "Tasks that name it fail from now on.",
                            verb: "Remove it",
                            act,
                            onclose: move |()| asks.set(false),
                            onconfirm: move |()| {
                                let address = api::in_project(&format!("secrets/{}", encode(&removed)));
                                act.start(async move { api::delete(&address).await }, move |()| {
                                    asks.set(false);
                                    toast::done("The secret is removed.");
                                    list.reload();
                                });
                            },
                        }
                    }
                }
            }
        }
    }
}

#[component]
fn SetSecret(
    /// The secret to replace; none = a new one.
    name: Option<String>,
    onclose: Callback<()>,
    list: List<SecretView>,
) -> Element {
    let is_new = name.is_none();
    let chosen = use_signal(|| name.clone().unwrap_or_default());
    let mut value = use_signal(String::new);
    let act = use_act();
    let title = match &name {
        None => "New secret".to_owned(),
        Some(name) => format!("Replace {name}"),
    };
    let submit = move |event: Event<FormData>| {
        event.prevent_default();
        let address = api::in_project(&format!("secrets/{}", encode(chosen.peek().trim())));
        let body = SecretBody { value: value() };
        let set = async move { api::put::<SecretView>(&address, &body).await };
        act.start(set, move |kept| {
            toast::done(format!("{} is set, version {}.", kept.name, kept.version));
            list.reload();
            onclose.call(());
        });
    };
    rsx! {
        Dialog { label: title.clone(), onclose,
            form { onsubmit: submit,
                div { class: "dialog-body",
                    h2 { "{title}" }
                    if is_new {
                        NameField { chosen }
                    } else {
                        p { class: "soft", "Tasks that start from now on get the new value; those that run keep the old one." }
                    }
                    div { class: "field",
                        label { r#for: "secret-value", "Value" }
                        textarea {
                            id: "secret-value",
                            class: "input mono",
                            rows: "4",
                            autocomplete: "off",
                            spellcheck: "false",
                            value: "{value}",
                            oninput: move |event| value.set(event.value()),
                        }
                        p { class: "hint", "Taken as it is, line breaks included. It is not shown again." }
                    }
                    {act.refusal()}
                }
                div { class: "dialog-foot",
                    button { class: "button", r#type: "button", onclick: move |_| onclose.call(()), "Cancel" }
                    button { class: "button primary", r#type: "submit", disabled: act.is_busy() || value.read().is_empty() || chosen.read().trim().is_empty(), "Set the secret" }
                }
            }
        }
    }
}

#[component]
fn NameField(chosen: Signal<String>) -> Element {
    let mut chosen = chosen;
    rsx! {
        div { class: "field",
            label { r#for: "secret-name", "Name" }
            input {
                id: "secret-name",
                class: "input mono",
                r#type: "text",
                autocomplete: "off",
                autocapitalize: "none",
                spellcheck: "false",
                placeholder: "my-token",
                value: "{chosen}",
                oninput: move |event| chosen.set(event.value()),
            }
        }
    }
}
