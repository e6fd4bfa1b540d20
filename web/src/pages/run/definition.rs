//! The workflow file that the run was made from.

use dioxus::prelude::*;

use super::RunView;
use crate::api;
use crate::parts::banner::{Loading, Problem};
use crate::parts::source::Source;

#[component]
pub(super) fn Definition() -> Element {
    let view = use_context::<RunView>();
    let id = use_memo(move || view.summary.read().as_ref().map(|run| run.id.to_string()).unwrap_or_default());
    let asked = use_resource(move || async move { api::get_text(&api::of_run(&id(), "source")).await });
    let answer = asked.read().clone();
    match answer {
        None => rsx! { Loading { rows: 8 } },
        Some(Err(error)) => rsx! { Problem { error } },
        Some(Ok(text)) => rsx! { Source { text } },
    }
}
