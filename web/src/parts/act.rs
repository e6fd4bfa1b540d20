//! Something that a form or a button does: once at a time, and what refuses it is shown where it was asked for.

use std::future::Future;

use dioxus::prelude::*;

use crate::api::ApiError;
use crate::parts::banner::Problem;
use crate::parts::dialog::Dialog;

/// How far it is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Act {
    busy: Signal<bool>,
    error: Signal<Option<ApiError>>,
}

pub(crate) fn use_act() -> Act {
    Act { busy: use_signal(|| false), error: use_signal(|| None) }
}

impl Act {
    /// Does it, unless it is being done already; `then` gets what came of it.
    pub(crate) fn start<T: 'static>(
        mut self,
        work: impl Future<Output = Result<T, ApiError>> + 'static,
        then: impl FnOnce(T) + 'static,
    ) {
        if *self.busy.peek() {
            return;
        }
        self.busy.set(true);
        spawn(async move {
            let outcome = work.await;
            self.busy.set(false);
            match outcome {
                Ok(done) => {
                    self.error.set(None);
                    then(done);
                }
                Err(error) => self.error.set(Some(error)),
            }
        });
    }

    pub(crate) fn is_busy(self) -> bool {
        (self.busy)()
    }

    /// Why it was refused, if it was.
    pub(crate) fn refusal(self) -> Element {
        let error = self.error.read().clone();
        rsx! {
            if let Some(error) = error {
                if error.is_outdated() {
                    div { class: "banner warn", role: "alert",
                        p { "Somebody else has changed it since you opened this. Close it and look again, so that nothing of theirs is lost." }
                    }
                } else {
                    Problem { error }
                }
            }
        }
    }
}

/// Asks before something that cannot be taken back.
#[component]
pub(crate) fn Confirm(
    title: String,
    text: String,
    /// What the button says.
    verb: String,
    act: Act,
    onclose: Callback<()>,
    onconfirm: Callback<()>,
) -> Element {
    rsx! {
        Dialog { label: title.clone(), alert: true, onclose,
            div { class: "dialog-body",
                h2 { "{title}" }
                p { class: "soft", "{text}" }
                {act.refusal()}
            }
            div { class: "dialog-foot",
                button { class: "button", r#type: "button", autofocus: true, onclick: move |_| onclose.call(()), "Keep it" }
                button {
                    class: "button danger",
                    r#type: "button",
                    disabled: act.is_busy(),
                    onclick: move |_| onconfirm.call(()),
                    "{verb}"
                }
            }
        }
    }
}
