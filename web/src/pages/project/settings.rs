//! What a project is for and may use, changed from the version that was read.

use dioxus::prelude::*;
use emboflow_model::access::Quotas;
use emboflow_protocol::http::access::{ProjectChange, ProjectView};

use crate::api;
use crate::format;
use crate::me;
use crate::parts::act::use_act;
use crate::parts::toast;

/// The words for a quota, and which it is.
type Quota = (&'static str, &'static str, fn(&mut Quotas) -> &mut Option<u64>);

const QUOTAS: [Quota; 7] = [
    ("open-runs", "Runs that have not ended", |quotas| &mut quotas.open_runs),
    ("queued-runs", "Runs that wait for their start", |quotas| &mut quotas.queued_runs),
    ("runs-per-minute", "New runs a minute", |quotas| &mut quotas.runs_per_minute),
    ("cpu-millis", "Thousandths of a core held at once", |quotas| &mut quotas.cpu_millis),
    ("memory-bytes", "Bytes of memory held at once", |quotas| &mut quotas.memory_bytes),
    ("gpu", "Graphics processors held at once", |quotas| &mut quotas.gpu),
    ("stored-bytes", "Bytes of everything stored", |quotas| &mut quotas.stored_bytes),
];

/// Reads a quota: nothing is no limit.
fn read(text: &str) -> Result<Option<u64>, ()> {
    match text.trim() {
        "" => Ok(None),
        number => number.parse().map(Some).map_err(|_| ()),
    }
}

#[component]
pub(super) fn Settings(
    project: ProjectView,
    version: Option<String>,
    may_change: bool,
    onchanged: Callback<()>,
) -> Element {
    if may_change {
        rsx! { Form { project, version, onchanged } }
    } else {
        rsx! { Facts { project } }
    }
}

#[component]
fn Facts(project: ProjectView) -> Element {
    let mut quotas = project.quotas.clone();
    rsx! {
        div { class: "card",
            dl { class: "strip",
                if let Some(description) = &project.description {
                    div {
                        dt { "What for" }
                        dd { "{description}" }
                    }
                }
                for (id , words , one) in QUOTAS {
                    div { key: "{id}",
                        dt { "{words}" }
                        dd { {(*one(&mut quotas)).map_or_else(|| "no limit".to_owned(), |most| format!("{} at most", format::thousands(most)))} }
                    }
                }
            }
        }
    }
}

#[component]
fn Form(project: ProjectView, version: Option<String>, onchanged: Callback<()>) -> Element {
    let before = project.clone();
    let mut description = use_signal(|| project.description.clone().unwrap_or_default());
    let quotas = use_signal(|| {
        let mut quotas = project.quotas.clone();
        QUOTAS.map(|(_, _, one)| (*one(&mut quotas)).map(|most| most.to_string()).unwrap_or_default())
    });
    let act = use_act();
    let is_right = quotas.read().iter().all(|text| read(text).is_ok());
    let of_platform = me::is_platform_admin();
    let submit = move |event: Event<FormData>| {
        event.prevent_default();
        let mut wanted = before.quotas.clone();
        for ((_, _, one), text) in QUOTAS.iter().zip(quotas.peek().iter()) {
            *one(&mut wanted) = read(text).unwrap_or_default();
        }
        let text = description.peek().trim().to_owned();
        let body = ProjectChange {
            description: (before.description.clone().unwrap_or_default() != text).then_some(text),
            quotas: (before.quotas != wanted).then_some(wanted),
        };
        let (address, version) = (api::of_project(before.name.as_str(), ""), version.clone());
        let change = async move { api::patch::<ProjectView>(&address, version.as_deref(), &body).await };
        act.start(change, move |_| {
            toast::done("The project is changed.");
            onchanged.call(());
        });
    };
    rsx! {
        form { class: "card", onsubmit: submit,
            div { class: "card-head", h2 { "Settings" } }
            div { class: "card-body stack",
                div { class: "field",
                    label { r#for: "description", "What for" }
                    input {
                        id: "description",
                        class: "input",
                        r#type: "text",
                        maxlength: "1000",
                        value: "{description}",
                        oninput: move |event| description.set(event.value()),
                    }
                }
                if of_platform {
                    for (number , (id , words , _)) in QUOTAS.into_iter().enumerate() {
                        QuotaField { key: "{id}", id, words, number, quotas }
                    }
                    p { class: "dim", "An empty field is no limit." }
                } else {
                    QuotaFacts { project: project.clone() }
                }
                {act.refusal()}
                div {
                    button { class: "button primary", r#type: "submit", disabled: act.is_busy() || !is_right, "Change the project" }
                }
            }
        }
    }
}

#[component]
fn QuotaFacts(project: ProjectView) -> Element {
    let mut quotas = project.quotas.clone();
    let limited = QUOTAS.map(|(_, words, one)| (*one(&mut quotas)).map(|most| (words, most)));
    rsx! {
        dl { class: "facts",
            for (words , most) in limited.into_iter().flatten() {
                div { key: "{words}", class: "pair",
                    dt { "{words}" }
                    dd { class: "num", {format!("{} at most", format::thousands(most))} }
                }
            }
        }
        p { class: "dim", "Administrators of the platform change what a project may use." }
    }
}

#[component]
fn QuotaField(
    id: &'static str,
    words: &'static str,
    number: usize,
    quotas: Signal<[String; QUOTAS.len()]>,
) -> Element {
    let mut quotas = quotas;
    let text = quotas.read()[number].clone();
    let is_wrong = read(&text).is_err();
    rsx! {
        div { class: "field",
            label { r#for: id, "{words}, at most" }
            input {
                id,
                class: "input num",
                r#type: "text",
                inputmode: "numeric",
                autocomplete: "off",
                placeholder: "no limit",
                "aria-invalid": is_wrong.then_some("true"),
                value: "{text}",
                oninput: move |event| quotas.write()[number] = event.value(),
            }
            if is_wrong {
                p { class: "wrong", role: "alert", "A whole number, or nothing." }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_quota_is_no_limit_and_a_word_is_none() {
        assert_eq!(read(" "), Ok(None));
        assert_eq!(read(" 20 "), Ok(Some(20)));
        for bad in ["many", "-1", "1.5"] {
            assert_eq!(read(bad), Err(()), "{bad}");
        }
    }

    #[test]
    fn every_quota_has_a_field() {
        let mut quotas = Quotas::default();
        for (_, _, one) in QUOTAS {
            *one(&mut quotas) = Some(1);
        }
        let fields = serde_json::to_value(&quotas).unwrap();
        assert_eq!(fields.as_object().unwrap().len(), QUOTAS.len());
    }
}
