//! A dialog over the page. The browser itself keeps the focus in it, shades the rest and gives the focus back.

use dioxus::prelude::*;

use crate::browser;

/// One dialog is open at a time.
const ID: &str = "dialog";

/// Closes it at once, so that the focus is back where it came from before anything else takes it.
pub(crate) fn close() {
    browser::close_dialog(ID);
}

#[component]
pub(crate) fn Dialog(
    /// What it is about, for those who cannot see it.
    label: String,
    #[props(default)] class: String,
    /// It asks for a decision.
    #[props(default)]
    alert: bool,
    /// Neither Escape nor a click beside it closes it.
    #[props(default)]
    stays: bool,
    onclose: Callback<()>,
    children: Element,
) -> Element {
    use_effect(|| browser::show_dialog(ID));
    use_drop(close);
    rsx! {
        dialog {
            id: ID,
            class: "{class}",
            role: if alert { "alertdialog" } else { "dialog" },
            "aria-modal": "true",
            "aria-label": label,
            "closedby": if stays { "none" },
            // What is around it counts as the dialog itself; its content stops the click.
            onclick: move |_| {
                if !stays {
                    onclose.call(());
                }
            },
            // A browser closes it on a second Escape without asking: it must not see the key at all.
            onkeydown: move |event| {
                if stays && event.key() == Key::Escape {
                    event.prevent_default();
                }
            },
            oncancel: move |event| {
                if stays {
                    event.prevent_default();
                } else {
                    onclose.call(());
                }
            },
            div { onclick: move |event| event.stop_propagation(), {children} }
        }
    }
}
