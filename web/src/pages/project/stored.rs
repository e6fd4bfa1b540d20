//! How much a project stores.

use dioxus::prelude::*;
use emboflow_protocol::http::access::ProjectUsage;

use crate::api;
use crate::format;

#[component]
pub(super) fn Stored(project: String) -> Element {
    let asked = use_resource(move || {
        let address = api::of_project(&project, "usage");
        async move { api::get::<ProjectUsage>(&address).await }
    });
    let shown = asked.read();
    // Without the storage the rest of the page is as good.
    let Some(Ok(usage)) = &*shown else { return rsx! {} };
    let least = if usage.complete { "" } else { "at least " };
    let size = format::bytes(usage.stored_bytes);
    rsx! {
        p { class: "soft", "data-stored": "{usage.stored_bytes}",
            "It stores {least}{size} in {format::thousands(usage.objects)} objects."
        }
    }
}
