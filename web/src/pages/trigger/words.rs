//! What the pages of triggers have in common.

use dioxus::prelude::*;
use emboflow_model::Timestamp;
use emboflow_model::trigger::StartResult;

use crate::app::CLOCK;
use crate::format;
use crate::icon::{Drawn, Icon};

/// How long it is until then.
pub(crate) fn until(at: Timestamp) -> String {
    match at.ms_since(Timestamp(*CLOCK.read())) {
        0 => "now".to_owned(),
        ms => format!("in {}", format::left(ms)),
    }
}

/// What became of a start, as a word with its colour and picture.
#[component]
pub(crate) fn Result(result: StartResult) -> Element {
    let (tone, icon, word) = match result {
        StartResult::Requested => ("tone-idle", Icon::Clock, "Requested"),
        StartResult::Started => ("tone-ok", Icon::Check, "Started"),
        StartResult::Rejected => ("tone-bad", Icon::Cross, "Rejected"),
        StartResult::Skipped => ("tone-stop", Icon::Skip, "Skipped"),
        StartResult::Missed => ("tone-warn", Icon::Alarm, "Missed"),
        StartResult::Failed => ("tone-bad", Icon::Alert, "Failed"),
    };
    rsx! {
        span { class: "pill {tone}",
            Drawn { icon }
            "{word}"
        }
    }
}
