//! Moments, ids and other text with more behind it.

use dioxus::prelude::*;
use emboflow_model::Timestamp;

use crate::app::CLOCK;
use crate::browser;
use crate::format;
use crate::icon::{Drawn, Icon};

/// How long ago, with the exact moment in the viewer's zone and in UTC on hover.
#[component]
pub(crate) fn Ago(at: Timestamp) -> Element {
    let age = u64::try_from(*CLOCK.read() - at.0).unwrap_or(0);
    let exact = format!("{} {} · {at}", browser::local_time(at.0), browser::zone(at.0));
    rsx! {
        time { class: "num nowrap", datetime: "{at}", title: exact, {format::ago(age)} }
    }
}

/// From one moment to another, or until now.
#[component]
pub(crate) fn Took(from: Option<Timestamp>, to: Option<Timestamp>) -> Element {
    let Some(from) = from else { return rsx! { span { class: "dim", "–" } } };
    let text = match to {
        Some(to) => format::duration(to.ms_since(from)),
        None => {
            let ms = Timestamp(*CLOCK.read()).ms_since(from);
            format::duration(ms / 1000 * 1000)
        }
    };
    rsx! { span { class: "num nowrap", "{text}" } }
}

/// A button that copies.
#[component]
pub(crate) fn Copy(text: String, what: String) -> Element {
    let mut outcome = use_signal(|| None::<bool>);
    let (icon, title) = match outcome() {
        None => (Icon::Copy, format!("Copy {what}")),
        Some(true) => (Icon::Check, "Copied".to_owned()),
        Some(false) => (Icon::Cross, "The browser does not copy here: select it and copy by hand".to_owned()),
    };
    rsx! {
        button {
            class: "button ghost small square copy",
            r#type: "button",
            title,
            "aria-label": "Copy {what}",
            onclick: move |event| {
                event.stop_propagation();
                let text = text.clone();
                spawn(async move {
                    outcome.set(Some(browser::copy(&text).await));
                    browser::sleep_ms(3_000).await;
                    outcome.set(None);
                });
            },
            Drawn { icon }
            span { class: "visually-hidden", role: "status",
                match outcome() {
                    Some(true) => "Copied",
                    Some(false) => "Not copied: the browser does not allow it here",
                    None => "",
                }
            }
        }
    }
}
