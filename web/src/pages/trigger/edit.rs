//! The file of a trigger in an editor, checked as it is written.

use dioxus::prelude::*;
use emboflow_model::workflow::parse_trigger;
use emboflow_protocol::http::trigger::{TriggerBody, TriggerView};

use super::of_trigger;
use crate::api;
use crate::parts::act::use_act;
use crate::parts::dialog::Dialog;
use crate::parts::editor::Editor;
use crate::parts::toast;

#[component]
pub(crate) fn EditTrigger(
    source: String,
    /// The version that was read; none = a new one.
    version: Option<String>,
    onclose: Callback<()>,
    onkept: Callback<()>,
) -> Element {
    let mut text = use_signal(|| source.clone());
    let act = use_act();
    let checked = use_memo(move || parse_trigger(&text.read()));
    let is_new = version.is_none();
    let title = if is_new { "New trigger" } else { "Edit the trigger" };
    let submit = move |event: Event<FormData>| {
        event.prevent_default();
        let Ok(spec) = &*checked.peek() else { return };
        let address = of_trigger(spec.name.as_str(), "");
        let (body, version) = (TriggerBody { source: text() }, version.clone());
        let put = async move { api::put_versioned::<TriggerView>(&address, version.as_deref(), &body).await };
        act.start(put, move |kept| {
            toast::done(format!("{} is kept.", kept.name));
            onkept.call(());
        });
    };
    rsx! {
        Dialog { label: title, class: "wide", stays: true, onclose,
            form { onsubmit: submit,
                div { class: "dialog-body",
                    h2 { "{title}" }
                    Editor { text: text(), label: "Trigger file", onchange: move |new| text.set(new) }
                    div { role: "status",
                        match &*checked.read() {
                            Ok(spec) => rsx! {
                                p { class: "soft", "{spec.name} starts {spec.workflow} by {spec.on.word()}." }
                            },
                            Err(problems) => rsx! {
                                ul { class: "problems",
                                    for (index , problem) in problems.iter().take(5).enumerate() {
                                        li { key: "{index}", "{problem}" }
                                    }
                                }
                            },
                        }
                    }
                    {act.refusal()}
                }
                div { class: "dialog-foot",
                    button { class: "button", r#type: "button", onclick: move |_| onclose.call(()), "Cancel" }
                    button { class: "button primary", r#type: "submit", disabled: act.is_busy() || checked.read().is_err(), "Keep it" }
                }
            }
        }
    }
}
