//! A page that whoever looks may not see: it says so, and who may.

use dioxus::prelude::*;

use crate::parts::banner::Empty;

#[component]
pub(crate) fn Refused(what: String, who: String) -> Element {
    rsx! {
        Empty { title: "{what} are not open to you", heading: true,
            p { "They are for {who}." }
        }
    }
}
