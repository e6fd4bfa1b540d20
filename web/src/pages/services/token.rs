//! A new token of a service, shown once.

use dioxus::prelude::*;
use emboflow_protocol::http::service::{NewServiceToken, ServiceTokenMade};

use super::of_service;
use crate::api;
use crate::parts::act::use_act;
use crate::parts::ask::Ask;
use crate::parts::once::ShownOnce;

/// How long a token may be good: days, and the words for them.
const ENDS: [(u32, &str); 4] =
    [(1, "in a day"), (7, "in a week"), (30, "in a month"), (90, "in three months")];

#[component]
pub(super) fn NewToken(name: String, onclose: Callback<()>) -> Element {
    let mut days = use_signal(|| 30_u32);
    let mut made = use_signal(|| None::<ServiceTokenMade>);
    let act = use_act();
    if let Some(token) = made() {
        return rsx! {
            ShownOnce {
                title: "A token of {name}",
                text: "Give it to the program as a bearer token, in a file or a secret of its own. It ends at {token.expires_at}.",
                value: token.token,
                onclose,
            }
        };
    }
    let address = of_service(&name, "/tokens");
    let submit = move |()| {
        let (address, body) = (address.clone(), NewServiceToken { expires_in_days: days() });
        let sign = async move { api::post::<ServiceTokenMade>(&address, &body).await };
        act.start(sign, move |token| made.set(Some(token)));
    };
    rsx! {
        Ask { title: "New token for {name}", verb: "Make the token", act, onclose, onsubmit: submit,
            div { class: "field",
                label { r#for: "token-ends", "It ends" }
                select {
                    id: "token-ends",
                    class: "input",
                    onchange: move |event| days.set(event.value().parse().unwrap_or(30)),
                    for (count , words) in ENDS {
                        option { key: "{count}", value: "{count}", selected: days() == count, "{words}" }
                    }
                }
            }
        }
    }
}
