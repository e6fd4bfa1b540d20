//! The executors: who takes work, how much of it is left, and what each one is doing.

mod allocations;

use dioxus::prelude::*;
use emboflow_model::executor::ExecutorState;
use emboflow_model::{Resources, Task};
use emboflow_protocol::http::{ExecutorView, Page};

use crate::api;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::live::{self, Arrival, RESYNC, use_arrivals};
use allocations::Allocations;

use crate::parts::banner::{Empty, Loading, Problem};
use crate::parts::meter::{Meter, usage_shares};
use crate::place::Link;
use crate::route::{Place, Route, Tab};

#[component]
pub(crate) fn Executors() -> Element {
    let mut rows = use_signal(Vec::<ExecutorView>::new);
    let mut held = use_signal(Allocations::default);
    let mut answer = use_resource(move || async move {
        let _ = RESYNC.read();
        live::settled().await;
        let page = api::get::<Page<ExecutorView>>(&api::global("executors")).await?;
        spawn(read_allocations(page.items.clone(), held));
        rows.set(page.items);
        Ok::<(), api::ApiError>(())
    });
    use_arrivals(move |arrival| match arrival {
        Arrival::Executor(view) => take(&mut rows.write(), view),
        Arrival::Run(event) => event.data.tasks.iter().for_each(|task| held.write().follow(task)),
        Arrival::Log(_) => {}
    });
    let online = rows.read().iter().filter(|row| row.online).count();
    let total = rows.read().len();
    let shown = answer.read().clone();
    rsx! {
        div { class: "page-head",
            div {
                h1 { "Executors" }
                p { class: "lead", "{online} of {total} online" }
            }
        }
        match shown {
            None => rsx! { Loading { rows: 3 } },
            Some(Err(error)) => rsx! { Problem { error, retry: move |()| answer.restart() } },
            Some(Ok(())) if total == 0 => rsx! {
                Empty { title: "No executor has reported",
                    p { "Runs wait until one does. Start one on a machine with a container engine:" }
                    code { "emboflow up" }
                }
            },
            Some(Ok(())) => rsx! {
                div { class: "cards",
                    for view in rows.read().iter() {
                        Card {
                            key: "{view.heartbeat.executor}",
                            used: held.read().of(&view.heartbeat.executor),
                            view: view.clone(),
                        }
                    }
                }
            },
        }
    }
}

/// Asks for the tasks whose attempts the executors hold: their sizes are what is taken of the capacity.
async fn read_allocations(executors: Vec<ExecutorView>, mut held: Signal<Allocations>) {
    for attempt in executors.iter().flat_map(|view| &view.heartbeat.attempts) {
        let run = attempt.attempt.run.to_string();
        let task = crate::route::encode(&attempt.attempt.task.to_string());
        if let Ok(task) = api::get::<Task>(&api::of_run(&run, &format!("tasks/{task}"))).await {
            held.write().follow(&task);
        }
    }
}

/// What an executor has become.
fn take(rows: &mut Vec<ExecutorView>, view: &ExecutorView) {
    match rows.iter_mut().find(|row| row.heartbeat.executor == view.heartbeat.executor) {
        Some(row) => row.clone_from(view),
        None => rows.push(view.clone()),
    }
}

#[component]
fn Card(view: ExecutorView, used: Resources) -> Element {
    let beat = view.heartbeat;
    let (tone, icon, word) = match (view.online, beat.state) {
        (_, ExecutorState::Stopped) => ("tone-stop", Icon::Stop, "Stopped"),
        (false, _) => ("tone-bad", Icon::Broken, "Offline"),
        (true, ExecutorState::Draining) => ("tone-warn", Icon::Pause, "Draining"),
        (true, ExecutorState::Online) => ("tone-ok", Icon::Check, "Online"),
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
                    dd { class: "num", {format::ago(view.age_ms)} }
                }
                if !beat.labels.is_empty() {
                    div { class: "row-flex wrap",
                        for (name , value) in &beat.labels {
                            span { key: "{name}", class: "tag", "{name}={value}" }
                        }
                    }
                }
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
fn Gauge(name: &'static str, used: u64, total: u64, text: String) -> Element {
    rsx! {
        div { class: "gauge",
            span { class: "dim", "{name}" }
            Meter { shares: usage_shares(used, total), label: "{name}: {text}" }
            span { class: "num nowrap", "{text}" }
        }
    }
}
