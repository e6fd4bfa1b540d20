//! One module a page.

pub(crate) mod executors;
pub(crate) mod new_run;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod system;
pub(crate) mod workflow;
pub(crate) mod workflows;

use dioxus::prelude::*;

use crate::parts::banner::Empty;
use crate::place::Link;
use crate::route::{Place, Route};

/// An address that leads nowhere.
#[component]
pub(crate) fn Unknown() -> Element {
    rsx! {
        Empty { title: "There is no such page", heading: true,
            Link { to: Place::new(Route::Runs), class: "button", "Go to the runs" }
        }
    }
}
