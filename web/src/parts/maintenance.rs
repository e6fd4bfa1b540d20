//! Says on every page that the installation or a pool is in maintenance.

use dioxus::prelude::*;
use emboflow_protocol::http::maintenance::MaintenanceView;

use crate::api;
use crate::icon::{Drawn, Icon};
use crate::live::{self, RESYNC};
use crate::place::PLACE;

/// Looked at again with each page, and when the live stream comes back: never by the clock.
#[component]
pub(crate) fn MaintenanceBanner() -> Element {
    let looked = use_resource(|| async {
        let _ = (RESYNC.read(), PLACE.read());
        live::settled().await;
        api::get::<MaintenanceView>(&api::global("maintenance")).await.unwrap_or_default()
    });
    let looked = looked.read();
    let Some(MaintenanceView { maintenance, pools }) = &*looked else { return rsx! {} };
    if maintenance.is_none() && pools.is_empty() {
        return rsx! {};
    }
    rsx! {
        div { class: "banner warn", role: "status",
            Drawn { icon: Icon::Alert }
            div { class: "grow",
                if let Some(maintenance) = maintenance {
                    p { "Maintenance: {maintenance.reason}" }
                    p { class: "soft", "Nothing new is taken in or started; what runs goes on to its end." }
                }
                for (pool , maintenance) in pools {
                    p { key: "{pool}", "Maintenance of pool {pool}, where nothing is started: {maintenance.reason}" }
                }
            }
        }
    }
}
