//! Stands where somebody with another role could act.

use dioxus::prelude::*;
use emboflow_model::access::Role;

use crate::me;

/// Whether whoever looks may start, repeat and cancel runs here.
pub(crate) fn may_run() -> bool {
    me::may_in_project(Role::Developer)
}

#[component]
pub(crate) fn LookOnly() -> Element {
    rsx! {
        p { class: "dim", "Your role here is viewer. Developers of the project start, repeat and cancel runs, and keep workflows." }
    }
}
