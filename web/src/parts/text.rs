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
    let mut done = use_signal(|| false);
    let icon = if done() { Icon::Check } else { Icon::Copy };
    rsx! {
        button {
            class: "button ghost small square copy",
            r#type: "button",
            title: "Copy {what}",
            "aria-label": "Copy {what}",
            onclick: move |event| {
                event.stop_propagation();
                browser::copy(&text);
                done.set(true);
                spawn(async move {
                    browser::sleep_ms(1_500).await;
                    done.set(false);
                });
            },
            Drawn { icon }
        }
    }
}
