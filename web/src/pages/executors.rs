//! The executors: who takes work, how much of it is left, and what each one is doing.

use std::collections::BTreeMap;

mod cordon;
mod what_if;

use cordon::Cordoned;
use dioxus::prelude::*;
use emboflow_model::Timestamp;
use emboflow_model::access::Role;
use emboflow_model::executor::ExecutorState;
use emboflow_protocol::http::{ExecutorView, Page};

use crate::api;
use crate::browser;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::live::{self, Arrival, RESYNC, use_arrivals};
use crate::me;
use crate::parts::banner::{Empty, Loading, Problem};
use crate::parts::meter::{Meter, usage_shares};
use crate::parts::text::Ago;
use crate::place::Link;
use crate::route::{Place, Route, Tab};
use what_if::AskWhatIf;

/// What operators keep away from executors is read again at most this often while these speak (milliseconds).
const READ_EACH_MS: i64 = 5_000;

/// What an executor has last said of itself.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    view: ExecutorView,
    /// When its heartbeat came, by the browser's clock (Unix milliseconds).
    at: i64,
}

impl Seen {
    fn now(view: ExecutorView) -> Self {
        let age = i64::try_from(view.age_ms).unwrap_or(i64::MAX);
        Self { view, at: browser::now_ms().saturating_sub(age) }
    }
}

#[component]
pub(crate) fn Executors() -> Element {
    let mut rows = use_signal(Vec::<Seen>::new);
    let mut answer = use_resource(move || async move {
        let _ = RESYNC.read();
        live::settled().await;
        let page = api::get::<Page<ExecutorView>>(&api::global("executors")).await?;
        rows.set(page.items.into_iter().map(Seen::now).collect());
        Ok::<(), api::ApiError>(())
    });
    let mut read_at = use_signal(browser::now_ms);
    use_arrivals(move |arrival| {
        if let Arrival::Executor(view) = arrival {
            take(&mut rows.write(), Seen::now((**view).clone()));
            let now = browser::now_ms();
            if now - *read_at.peek() >= READ_EACH_MS {
                read_at.set(now);
                answer.restart();
            }
        }
    });
    let online = rows.read().iter().filter(|row| row.view.online).count();
    let total = rows.read().len();
    let shown = answer.read().clone();
    let mut asks = use_signal(|| false);
    rsx! {
        div { class: "page-head",
            div {
                h1 { "Executors" }
                p { class: "lead", role: "status",
                    if shown.is_some() {
                        "{online} of {total} online"
                    } else {
                        "They carry out the attempts."
                    }
                }
            }
            if me::may_in_project(Role::Operator) {
                button { class: "button", r#type: "button", onclick: move |_| asks.set(true), "What if…" }
            }
        }
        if asks() {
            AskWhatIf {
                executors: rows.read().iter().map(|row| row.view.heartbeat.executor.to_string()).collect::<Vec<_>>(),
                onclose: move |()| asks.set(false),
            }
        }
        if let Some(Err(error)) = &shown {
            Problem { error: error.clone(), retry: move |()| answer.restart() }
        }
        if shown.is_none() {
            Loading { rows: 3 }
        } else if total == 0 && shown == Some(Ok(())) {
            Empty { title: "No executor has reported",
                p { "Runs wait until one does. Start one on a machine with a container engine:" }
                code { "emboflow up" }
            }
        } else {
            // What was last known stays in sight below an error.
            div { class: "cards",
                for seen in rows.read().iter() {
                    Card { key: "{seen.view.heartbeat.executor}", seen: seen.clone(), reload: move |()| answer.restart() }
                }
            }
        }
    }
}

/// What an executor has become.
fn take(rows: &mut Vec<Seen>, seen: Seen) {
    let executor = &seen.view.heartbeat.executor;
    if seen.view.forgotten {
        return rows.retain(|row| row.view.heartbeat.executor != *executor);
    }
    match rows.iter_mut().find(|row| row.view.heartbeat.executor == *executor) {
        // Heartbeats say nothing of cordons.
        Some(row) => {
            let cordon = row.view.cordon.take();
            *row = seen;
            row.view.cordon = cordon;
        }
        None => rows.push(seen),
    }
}

#[component]
fn Card(seen: Seen, reload: Callback<()>) -> Element {
    let cordon = seen.view.cordon;
    let beat = seen.view.heartbeat;
    let used = beat.used;
    let (tone, icon, word) = match (seen.view.online, beat.state) {
        (_, ExecutorState::Stopped) => ("tone-stop", Icon::Stop, "Stopped"),
        (false, _) => ("tone-bad", Icon::Broken, "Suspect"),
        (true, ExecutorState::Draining) => ("tone-warn", Icon::Pause, "Draining"),
        (true, ExecutorState::Online) => ("tone-ok", Icon::Check, "Online"),
    };
    let (tone, icon, word) = match cordon.as_ref().filter(|_| seen.view.online).map(cordon::word) {
        Some((tone, word)) => (tone, Icon::Pause, word),
        None => (tone, icon, word),
    };
    let disk_used = beat.disk.total_bytes.saturating_sub(beat.disk.free_bytes);
    let cpu = format!("{} of {}", format::cores(used.cpu_millis), format::cores(beat.capacity.cpu_millis));
    let memory =
        format!("{} of {}", format::bytes(used.memory_bytes), format::bytes(beat.capacity.memory_bytes));
    let disk = format!("{} of {}", format::bytes(disk_used), format::bytes(beat.disk.total_bytes));
    let attempts: Vec<_> = beat.attempts.iter().map(|held| held.attempt.clone()).collect();
    rsx! {
        section { class: "card", "data-executor": "{beat.executor}",
            div { class: "card-head",
                h2 { class: "mono grow cut", title: "{beat.executor}", "{beat.executor}" }
                span { class: "pill {tone}",
                    Drawn { icon }
                    "{word}"
                }
            }
            div { class: "card-body stack",
                Gauge { name: "CPU", used: used.cpu_millis, total: beat.capacity.cpu_millis, text: cpu }
                Gauge { name: "Memory", used: used.memory_bytes, total: beat.capacity.memory_bytes, text: memory }
                Gauge { name: "Disk", used: disk_used, total: beat.disk.total_bytes, text: disk }
                if beat.capacity.gpu > 0 {
                    Gauge { name: "GPU", used: used.gpu, total: beat.capacity.gpu, text: format!("{} of {}", used.gpu, beat.capacity.gpu) }
                }
                dl { class: "facts",
                    dt { "Pool" }
                    dd { "{beat.pool}" }
                    dt { "Attempts" }
                    dd { class: "num", {format!("{} of {} at the same time", attempts.len(), beat.slots)} }
                    dt { "Runtime" }
                    dd { "{beat.runtime}" }
                    dt { "Version" }
                    dd { class: "mono", "{beat.version}" }
                    dt { "Heartbeat" }
                    dd { Ago { at: Timestamp(seen.at) } }
                }
                Tags { labels: beat.labels.clone(), taints: beat.taints.clone() }
                Cordoned { executor: beat.executor.to_string(), cordon, reload }
                if !attempts.is_empty() {
                    ul { class: "stack", "aria-label": "Attempts under way",
                        for attempt in attempts {
                            li { key: "{attempt}",
                                Link {
                                    to: Place::new(Route::Run { id: attempt.run.to_string(), tab: Tab::Logs })
                                        .with("task", &attempt.task.to_string()),
                                    class: "id cut",
                                    "{attempt.task} · {format::short_id(&attempt.run.to_string())}"
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[component]
fn Tags(labels: BTreeMap<String, String>, taints: BTreeMap<String, String>) -> Element {
    rsx! {
        if !labels.is_empty() || !taints.is_empty() {
            div { class: "row-flex wrap",
                for (name , value) in labels {
                    span { key: "{name}", class: "tag", "{name}={value}" }
                }
                for (name , value) in taints {
                    span { key: "taint {name}", class: "tag tone-warn", title: "Only for tasks that tolerate it", "taint {name}={value}" }
                }
            }
        }
    }
}

#[component]
fn Gauge(name: &'static str, used: u64, total: u64, text: String) -> Element {
    rsx! {
        div { class: "gauge",
            span { class: "dim", "{name}" }
            Meter { shares: usage_shares(used, total), label: "{name}: {text}" }
            span { class: "num nowrap", "{text}" }
        }
    }
}
