//! An address in a project that is not open to whoever looks: because there is none, or because it is somebody else's.

use dioxus::prelude::*;

use crate::me;
use crate::parts::banner::Empty;
use crate::place::{Link, here};
use crate::route::{Place, Route};

#[component]
pub(crate) fn NoProject(project: String) -> Element {
    let projects = me::view().map(|me| me.projects).unwrap_or_default();
    let route = match here().route {
        Route::Workflows | Route::Workflow { .. } => Route::Workflows,
        _ => Route::Runs,
    };
    rsx! {
        Empty { title: "No project {project} is open to you", heading: true,
            if projects.is_empty() {
                p { "No other one is either. An administrator can give you a role in a project; then reload this page." }
            } else {
                p { "Open to you:" }
                ul { class: "row-flex wrap centred",
                    for at in projects {
                        li { key: "{at.project}",
                            Link { to: Place::new(route.clone()).of_project(at.project.as_str()), class: "button", "{at.project}" }
                        }
                    }
                }
            }
        }
    }
}
