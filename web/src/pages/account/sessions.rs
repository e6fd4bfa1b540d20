//! Where one is signed in.

use dioxus::prelude::*;
use emboflow_protocol::http::access::SessionView;

use crate::api;
use crate::me;
use crate::parts::act::use_act;
use crate::parts::list::{List, use_list};
use crate::parts::text::Ago;
use crate::parts::toast;
use crate::route::encode;

#[component]
pub(super) fn Sessions() -> Element {
    let list = use_list("session", || api::global("sessions"));
    rsx! {
        section { class: "card", "aria-label": "Sessions",
            div { class: "card-head", h2 { "Signed in at" } }
            {list.shown(
                rsx! { p { class: "card-body soft", "Nowhere." } },
                rsx! { Table { list } },
            )}
        }
    }
}

#[component]
fn Table(list: List<SessionView>) -> Element {
    rsx! {
        div { class: "table-wrap",
            table {
                thead {
                    tr {
                        th { scope: "col", "With" }
                        th { scope: "col", class: "hide-s", "From" }
                        th { scope: "col", class: "hide-s", "Since" }
                        th { scope: "col", "Last seen" }
                        th { scope: "col", span { class: "visually-hidden", "End it" } }
                    }
                }
                tbody {
                    for session in list.rows.read().iter() {
                        Row { key: "{session.id}", session: session.clone(), list }
                    }
                }
            }
        }
    }
}

#[component]
fn Row(session: SessionView, list: List<SessionView>) -> Element {
    let act = use_act();
    let agent = session.agent.unwrap_or_else(|| "a program that does not say".to_owned());
    let (id, current) = (session.id.clone(), session.current);
    rsx! {
        tr {
            td {
                div { class: "names",
                    span { class: "cut", title: "{agent}", {program(&agent)} }
                    if current {
                        span { class: "under dim", "this browser" }
                    }
                    {act.refusal()}
                }
            }
            td { class: "mono hide-s", {session.address.unwrap_or_default()} }
            td { class: "hide-s", Ago { at: session.created_at } }
            td { Ago { at: session.last_seen_at } }
            td { class: "right",
                button {
                    class: "button small",
                    r#type: "button",
                    disabled: act.is_busy(),
                    onclick: move |_| {
                        let address = api::global(&format!("sessions/{}", encode(&id)));
                        act.start(async move { api::delete(&address).await }, move |()| {
                            if current {
                                me::left();
                            } else {
                                toast::done("The session is ended.");
                                list.reload();
                            }
                        });
                    },
                    "End"
                }
            }
        }
    }
}

/// The name of the browser in what it calls itself.
fn program(agent: &str) -> &str {
    // What names itself after others comes first.
    let known = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    let found = known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    found.unwrap_or(agent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_told_by_its_own_name_and_a_program_by_what_it_says() {
        let edge = "Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0";
        assert_eq!(program(edge), "Edge");
        assert_eq!(program("Mozilla/5.0 (X11; rv:140.0) Gecko Firefox/140.0"), "Firefox");
        assert_eq!(program("emboflow 0.1.0 on lab"), "emboflow 0.1.0 on lab");
    }
}
