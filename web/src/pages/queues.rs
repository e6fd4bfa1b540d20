//! The queues: what each may hold and holds, and what waits in it.

use dioxus::prelude::*;
use emboflow_model::queue::{Amount, Limits, shown};
use emboflow_protocol::http::queue::QueueView;

use crate::api;
use crate::browser;
use crate::live::{Arrival, use_arrivals};
use crate::look::Tone;
use crate::parts::list::{List, use_list};
use crate::parts::meter::{Meter, Share};
use crate::parts::text::Ago;

/// Executors speak every few seconds; what queues hold is read again at most this often (milliseconds).
const READ_EACH_MS: i64 = 5_000;

#[component]
pub(crate) fn Queues() -> Element {
    let list = use_list::<QueueView>("queue", || api::global("queues"));
    let mut read_at = use_signal(browser::now_ms);
    use_arrivals(move |arrival| {
        let now = browser::now_ms();
        if matches!(arrival, Arrival::Executor(_)) && now - *read_at.peek() >= READ_EACH_MS {
            read_at.set(now);
            list.reload();
        }
    });
    rsx! {
        div { class: "page-head",
            div {
                h1 { "Queues" }
                p { class: "lead", "Runs wait in them. Below its guarantee a queue goes first; above it the weights decide." }
            }
        }
        {list.shown(rsx! {}, rsx! { Table { list } })}
    }
}

#[component]
fn Table(list: List<QueueView>) -> Element {
    rsx! {
        div { class: "table-wrap",
            table {
                thead {
                    tr {
                        th { scope: "col", "Queue" }
                        th { scope: "col", class: "num", "Weight" }
                        th { scope: "col", "Holds" }
                        th { scope: "col", class: "hide-s", "Guarantee" }
                        th { scope: "col", class: "hide-s", "Maximum" }
                        th { scope: "col", class: "num", "Waiting" }
                        th { scope: "col", class: "hide-m", "The first since" }
                    }
                }
                tbody {
                    for queue in list.rows.read().iter() {
                        Row { key: "{queue.name}", queue: queue.clone() }
                    }
                }
            }
        }
    }
}

#[component]
fn Row(queue: QueueView) -> Element {
    let QueueView { name, rules, now } = queue;
    let guarantee = match rules.borrowing {
        true => bounds(&rules.guarantee),
        false => format!("{}, borrows nothing", bounds(&rules.guarantee)),
    };
    rsx! {
        tr { "data-queue": "{name}",
            td {
                span { class: "mono", "{name}" }
                if let Some(description) = &rules.description {
                    div { class: "dim cut", "{description}" }
                }
            }
            td { class: "num", "{rules.weight}" }
            match now {
                None => rsx! {
                    td { class: "dim", "unknown" }
                },
                Some(ref now) => rsx! {
                    td {
                        {held(&now.held)}
                        Meter {
                            shares: vec![Share { percent: now.share * 100.0, tone: Tone::Run }],
                            label: format!("{:.0} % of what there is", now.share * 100.0),
                        }
                    }
                },
            }
            td { class: "hide-s", "{guarantee}" }
            td { class: "hide-s", {bounds(&rules.maximum)} }
            td { class: "num", {now.as_ref().map_or_else(|| "?".to_owned(), |now| now.waiting.to_string())} }
            td { class: "hide-m",
                if let Some(at) = now.and_then(|now| now.oldest) {
                    Ago { at }
                }
            }
        }
    }
}

fn bounds(limits: &Limits) -> String {
    said([limits.cpu_millis, limits.memory_bytes, limits.gpu, limits.slots])
}

fn held(amount: &Amount) -> String {
    said(
        [amount.cpu_millis, amount.memory_bytes, amount.gpu, amount.slots]
            .map(|held| Some(held).filter(|held| *held > 0)),
    )
}

fn said(amounts: [Option<u64>; 4]) -> String {
    let named = ["cpu", "memory", "gpu", "slots"].into_iter().zip(amounts);
    let all: Vec<_> =
        named.filter_map(|(name, amount)| Some(format!("{} {name}", shown(name, amount?)))).collect();
    if all.is_empty() { "–".to_owned() } else { all.join(", ") }
}
