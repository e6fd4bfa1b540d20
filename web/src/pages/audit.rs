//! Who did what: filtered by the server, page by page, and as a file.

use dioxus::prelude::*;
use emboflow_model::access::audit::AuditResult;
use emboflow_model::access::{AuditEntry, Role};
use serde::Serialize;

use crate::api;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::me;
use crate::pages::refused::Refused;
use crate::parts::banner::Empty;
use crate::parts::list::{List, use_list};
use crate::parts::text::Ago;
use crate::place::{Link, PLACE, adjust, here};
use crate::route::{Place, Route};

/// A pause in typing after which the server is asked.
const TYPING_MS: i32 = 250;

/// What is asked of the server; the same words are in the page's address.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Filter {
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
}

impl Filter {
    fn of(place: &Place) -> Self {
        let get = |name: &str| place.get(name).filter(|value| !value.is_empty()).map(str::to_owned);
        Self { who: get("who"), action: get("action"), result: get("result"), project: get("project") }
    }

    /// The address of the list: a project's own for its administrator, or the platform's.
    fn address(&self, of_platform: bool, shown: &str) -> String {
        if of_platform {
            return api::global(&format!("audit{}", api::query(self)));
        }
        let rest = Self { project: None, ..self.clone() };
        api::of_project(shown, &format!("audit{}", api::query(&rest)))
    }
}

#[component]
pub(crate) fn Audit() -> Element {
    let of_platform = me::is_platform_admin();
    if !of_platform && !me::may_in_project(Role::Admin) {
        return rsx! { Refused { what: "The audit's entries", who: "administrators of the platform, and of a project" } };
    }
    rsx! { Entries { of_platform } }
}

#[component]
fn Entries(of_platform: bool) -> Element {
    let place = use_memo(|| PLACE.read().clone());
    let filter = use_memo(move || Filter::of(&place.read()));
    let list =
        use_list::<AuditEntry>("audit", move || filter.read().address(of_platform, place.read().project()));
    let export = api::global(&format!("audit/export{}", api::query(&*filter.read())));
    let is_open = filter() == Filter::default();
    rsx! {
        div { class: "page-head",
            div {
                h1 { "Audit" }
                p { class: "lead",
                    if of_platform {
                        "Who did what, from where, and whether it was let through. Nothing is ever taken out."
                    } else {
                        {format!("Who did what in {}, and whether it was let through.", place.read().project())}
                    }
                }
            }
            if of_platform {
                div { class: "actions",
                    a { class: "button", href: export, download: "audit.jsonl",
                        Drawn { icon: Icon::Download }
                        "Export"
                    }
                }
            }
        }
        Filters { filter: filter(), of_platform }
        {list.shown(
            if is_open {
                rsx! { Empty { title: "Nothing has been noted yet", p { "Every sign-in and every change will be here." } } }
            } else {
                rsx! {
                    Empty { title: "Nothing fits these filters",
                        Link { to: Place::new(Route::Audit), class: "button", "Clear the filters" }
                    }
                }
            },
            rsx! { Table { list } },
        )}
    }
}

#[component]
fn Filters(filter: Filter, of_platform: bool) -> Element {
    let place = PLACE.read().clone();
    rsx! {
        div { class: "toolbar",
            Text { name: "who", label: "By whom: user:anna", text: filter.who.clone().unwrap_or_default() }
            Text { name: "action", label: "Action: POST /api/v1/users", text: filter.action.clone().unwrap_or_default() }
            if of_platform {
                Text { name: "project", label: "In project", text: filter.project.clone().unwrap_or_default() }
            }
            div { class: "chips", role: "group", "aria-label": "Result",
                Link { to: place.with("result", ""), class: "chip", current: filter.result.is_none().then(|| "true".to_owned()), "All" }
                for result in AuditResult::ALL {
                    Link {
                        key: "{result.word()}",
                        to: place.with("result", result.word()),
                        class: "chip",
                        current: (filter.result.as_deref() == Some(result.word())).then(|| "true".to_owned()),
                        {look(result).2}
                    }
                }
            }
        }
    }
}

#[component]
fn Text(name: &'static str, label: &'static str, text: String) -> Element {
    let mut typed = use_signal(|| text.clone());
    let mut strokes = use_signal(|| 0_u32);
    use_effect(use_reactive!(|text| {
        if *typed.peek() != text {
            typed.set(text);
        }
    }));
    rsx! {
        div { class: "search narrow",
            Drawn { icon: Icon::Search }
            input {
                class: "input",
                r#type: "search",
                placeholder: label,
                "aria-label": label,
                value: "{typed}",
                oninput: move |event| {
                    typed.set(event.value());
                    strokes += 1;
                    let stroke = *strokes.peek();
                    spawn(async move {
                        crate::browser::sleep_ms(TYPING_MS).await;
                        if *strokes.peek() == stroke {
                            let place = here().with(name, typed.peek().trim());
                            adjust(place);
                        }
                    });
                },
            }
        }
    }
}

/// Tone, picture and word of a result.
fn look(result: AuditResult) -> (&'static str, Icon, &'static str) {
    match result {
        AuditResult::Ok => ("tone-ok", Icon::Check, "Done"),
        AuditResult::Denied => ("tone-warn", Icon::Stop, "Refused"),
        AuditResult::Failed => ("tone-bad", Icon::Cross, "Failed"),
    }
}

#[component]
fn Table(list: List<AuditEntry>) -> Element {
    rsx! {
        div { class: "table-wrap",
            table {
                thead {
                    tr {
                        th { scope: "col", "When" }
                        th { scope: "col", "Who" }
                        th { scope: "col", "Result" }
                        th { scope: "col", "What" }
                        th { scope: "col", class: "hide-m", "From" }
                    }
                }
                tbody {
                    for entry in list.rows.read().iter() {
                        Row { key: "{entry.id}", entry: entry.clone() }
                    }
                }
            }
        }
    }
}

#[component]
fn Row(entry: AuditEntry) -> Element {
    let (tone, icon, word) = look(entry.result);
    let code = entry.code.clone().unwrap_or_else(|| entry.status.to_string());
    rsx! {
        tr { "data-result": entry.result.word(),
            td { Ago { at: entry.at } }
            td { class: "mono", "{entry.who}" }
            td {
                span { class: "pill {tone}", title: "{code}",
                    Drawn { icon }
                    "{word}"
                    if entry.count > 1 {
                        {format!(" ×{}", format::thousands(entry.count))}
                    }
                }
            }
            td {
                div { class: "names",
                    span { class: "mono cut", title: "{entry.action}", "{entry.action}" }
                    if let Some(what) = &entry.what {
                        span { class: "under dim mono cut", title: "{what}", "{what}" }
                    }
                }
            }
            td { class: "mono hide-m", {entry.from.clone().unwrap_or_default()} }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_are_in_the_address_of_the_page() {
        let place = Place::parse("audit", "who=user:anna&result=denied&action=");
        let filter = Filter::of(&place);
        assert_eq!((filter.who.as_deref(), filter.result.as_deref()), (Some("user:anna"), Some("denied")));
        assert_eq!((filter.action, filter.project), (None, None));
    }
}
