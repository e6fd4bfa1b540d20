//! One module a page.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod executors;
pub(crate) mod keys;
pub(crate) mod new_run;
pub(crate) mod no_project;
pub(crate) mod notifications;
pub(crate) mod project;
pub(crate) mod projects;
pub(crate) mod queues;
pub(crate) mod refused;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod secrets;
pub(crate) mod services;
pub(crate) mod system;
pub(crate) mod trigger;
pub(crate) mod triggers;
pub(crate) mod uploads;
pub(crate) mod users;
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
