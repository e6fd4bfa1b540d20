//! The file of a trigger in an editor, checked as it is written.

use dioxus::prelude::*;
use emboflow_protocol::http::trigger::{TriggerBody, TriggerView};
use emboflow_web_reader::{DrawnTrigger, Read};

use super::of_trigger;
use crate::api::{self, ApiError};
use crate::parts::act::use_act;
use crate::parts::banner::Problem;
use crate::parts::dialog::Dialog;
use crate::parts::editor::Editor;
use crate::parts::toast;
use crate::reader;

#[component]
pub(crate) fn EditTrigger(
    source: String,
    /// The version that was read; none = a new one.
    version: Option<String>,
    onclose: Callback<()>,
    onkept: Callback<()>,
) -> Element {
    let mut text = use_signal(|| source.clone());
    // The one whose text is edited, whatever others keep meanwhile.
    let version = use_hook(|| version.clone());
    let act = use_act();
    let mut read = use_resource(move || {
        let source = text();
        async move {
            let read = reader::trigger(&source).await;
            (source, read)
        }
    });
    // What was found in an older text says nothing of this one.
    let checked = use_memo(move || {
        let read = read.read();
        read.as_ref().filter(|(source, _)| *source == *text.read()).map(|(_, read)| read.clone())
    });
    let is_new = version.is_none();
    let title = if is_new { "New trigger" } else { "Edit the trigger" };
    let submit = move |event: Event<FormData>| {
        event.prevent_default();
        let Some(Ok(Ok(file))) = &*checked.peek() else { return };
        let address = of_trigger(&file.name, "");
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
                    div { role: "status", {found(checked(), Callback::new(move |()| read.restart()))} }
                    {act.refusal()}
                }
                div { class: "dialog-foot",
                    button { class: "button", r#type: "button", onclick: move |_| onclose.call(()), "Cancel" }
                    button { class: "button primary", r#type: "submit", disabled: act.is_busy() || !matches!(*checked.read(), Some(Ok(Ok(_)))), "Keep it" }
                }
            }
        }
    }
}

/// What has been found in the file; nothing while it is read.
fn found(checked: Option<Result<Read<DrawnTrigger>, ApiError>>, retry: Callback<()>) -> Element {
    match checked {
        None => rsx! {},
        Some(Err(error)) => rsx! { Problem { error, retry } },
        Some(Ok(Ok(file))) => rsx! {
            p { class: "soft", "{file.name} starts {file.workflow} by {file.by}." }
        },
        Some(Ok(Err(findings))) => rsx! {
            ul { class: "problems",
                for (index , finding) in findings.iter().take(5).enumerate() {
                    li { key: "{index}", "{finding.text}" }
                }
            }
        },
    }
}
