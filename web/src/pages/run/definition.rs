//! The workflow file that the run was made from.

use dioxus::prelude::*;

use super::file::RunFile;
use crate::parts::banner::{Loading, Problem};
use crate::parts::source::Source;

#[component]
pub(super) fn Definition() -> Element {
    let mut file = use_context::<RunFile>();
    match file.source() {
        None => rsx! { Loading { rows: 8 } },
        Some(Err(error)) => rsx! { Problem { error, retry: move |()| file.read_again() } },
        Some(Ok(text)) => rsx! { Source { text } },
    }
}
