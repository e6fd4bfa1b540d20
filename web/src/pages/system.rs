//! The health of the installation: every dependency, the storage, the versions.

mod health;

use dioxus::prelude::*;
use emboflow_protocol::http::{CheckView, StorageView, SystemView};

use crate::api;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::live::{self, RESYNC};
use crate::parts::banner::{Loading, Problem};
use crate::parts::meter::{Meter, usage_shares};
use crate::parts::text::{Ago, Copy};
use health::Health;

#[component]
pub(crate) fn System() -> Element {
    let mut asked = use_signal(|| 0_u32);
    let answer = use_resource(move || async move {
        let _ = (RESYNC.read(), asked.read());
        live::settled().await;
        api::get::<SystemView>(&api::global("system")).await
    });
    let shown = answer.read();
    rsx! {
        div { class: "page-head",
            div {
                h1 { "System" }
                p { class: "lead", "What this installation consists of, and whether each part works." }
            }
            div { class: "actions",
                button { class: "button", r#type: "button", onclick: move |_| asked += 1,
                    Drawn { icon: Icon::Retry }
                    "Check again"
                }
            }
        }
        match &*shown {
            None => rsx! { Loading { rows: 5 } },
            Some(Err(error)) => rsx! { Problem { error: error.clone(), retry: move |()| asked += 1 } },
            Some(Ok(system)) => rsx! { Whole { system: system.clone(), asked: asked() } },
        }
    }
}

#[component]
fn Whole(system: SystemView, asked: u32) -> Element {
    rsx! {
        div { class: "stack loose",
            Health { asked }
            div { class: "card",
                dl { class: "strip",
                    div {
                        dt { "Version" }
                        dd { class: "mono", "{system.version}" }
                    }
                    div { class: "with-copy",
                        dt { "Installation" }
                        dd { class: "mono",
                            "{system.instance} "
                            Copy { text: system.instance.clone(), what: "the installation's name" }
                        }
                    }
                    div {
                        dt { "API started" }
                        dd { Ago { at: system.started_at } }
                    }
                }
            }
            if let Some(storage) = system.storage {
                Storage { storage }
            }
        }
    }
}

#[component]
fn Storage(storage: StorageView) -> Element {
    let disk = storage.free_bytes.zip(storage.total_bytes);
    rsx! {
        if let Some((free, total)) = disk {
            div { class: "card",
                div { class: "card-head", h2 { "Disk of the storage" } }
                div { class: "card-body gauge",
                    span { "{storage.backend}" }
                    Meter {
                        shares: usage_shares(total.saturating_sub(free), total),
                        label: "{format::bytes(free)} of {format::bytes(total)} free",
                    }
                    span { class: "num", "{format::bytes(free)} of {format::bytes(total)} free" }
                }
            }
        }
        Checks { title: "Storage probe", checks: storage.steps }
    }
}

#[component]
fn Checks(title: &'static str, checks: Vec<CheckView>) -> Element {
    rsx! {
        div { class: "card",
            div { class: "card-head", h2 { "{title}" } }
            div { class: "table-wrap",
                table { class: "dense",
                    thead {
                        tr {
                            th { scope: "col", "Part" }
                            th { scope: "col", "State" }
                            th { scope: "col", "What it says" }
                            th { scope: "col", class: "right hide-s", "Answer" }
                        }
                    }
                    tbody {
                        for check in checks {
                            tr { key: "{check.name}", class: if check.ok { "" } else { "failing" },
                                td { class: "nowrap", "{check.name}" }
                                td { Works { ok: check.ok } }
                                td { class: "soft", "{check.detail}" }
                                td { class: "right num hide-s", {format::duration(check.latency_ms)} }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[component]
fn Works(ok: bool) -> Element {
    let (tone, icon, word) =
        if ok { ("tone-ok", Icon::Check, "Works") } else { ("tone-bad", Icon::Cross, "Fails") };
    rsx! {
        span { class: "pill {tone}",
            Drawn { icon }
            "{word}"
        }
    }
}
