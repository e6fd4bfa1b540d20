//! What would be with one more executor, or with one less: asked, and never done.

use dioxus::prelude::*;
use emboflow_protocol::forecast::{Expected, RunIf, WhatIf};
use emboflow_protocol::http::what_if::{AddedExecutors, WhatIfBody};

use crate::api;
use crate::format;
use crate::parts::act::use_act;
use crate::parts::ask::Ask;
use crate::place::Link;
use crate::route::Place;

const GIB: u64 = 1024 * 1024 * 1024;
/// Runs that are compared in the answer.
const SHOWN: usize = 10;

/// What is asked, as the fields have it.
#[derive(Clone, Copy, PartialEq)]
struct Fields {
    count: Signal<String>,
    pool: Signal<String>,
    cores: Signal<String>,
    memory_gib: Signal<String>,
    gpu: Signal<String>,
    removed: Signal<String>,
}

impl Fields {
    /// None: a field holds no number, or nothing would be otherwise.
    fn body(self) -> Option<WhatIfBody> {
        let count: u32 = number(&self.count)?.unwrap_or(0);
        let pool = self.pool.read().trim().to_owned();
        let added = AddedExecutors {
            count: Some(count),
            pool: if pool.is_empty() { None } else { Some(pool.parse().ok()?) },
            cpu_millis: number::<u64>(&self.cores)?.map(|cores| cores.saturating_mul(1_000)),
            memory_bytes: number::<u64>(&self.memory_gib)?.map(|gib| gib.saturating_mul(GIB)),
            gpu: number(&self.gpu)?,
            ..AddedExecutors::default()
        };
        let removed = self.removed.read().clone();
        let remove = if removed.is_empty() { Vec::new() } else { vec![removed.parse().ok()?] };
        let add = if count == 0 { Vec::new() } else { vec![added] };
        (!add.is_empty() || !remove.is_empty()).then_some(WhatIfBody { add, remove })
    }
}

/// Some of nothing: the field is empty. None: it holds no number.
fn number<N: std::str::FromStr>(field: &Signal<String>) -> Option<Option<N>> {
    let text = field.read();
    match text.trim() {
        "" => Some(None),
        text => text.parse().ok().map(Some),
    }
}

/// The question, and its answer. `executors`: those that there are.
#[component]
pub(super) fn AskWhatIf(executors: Vec<String>, onclose: Callback<()>) -> Element {
    let fields = Fields {
        count: use_signal(|| "1".to_owned()),
        pool: use_signal(String::new),
        cores: use_signal(String::new),
        memory_gib: use_signal(String::new),
        gpu: use_signal(String::new),
        removed: use_signal(String::new),
    };
    let mut answer = use_signal(|| None::<WhatIf>);
    let act = use_act();
    let mut removed = fields.removed;
    let submit = move |()| {
        let Some(body) = fields.body() else { return };
        let asked = async move { api::post::<WhatIf>(&api::in_project("what-if"), &body).await };
        act.start(asked, move |told| answer.set(Some(told)));
    };
    rsx! {
        Ask {
            title: "What if",
            text: "Looks ahead with other executors, and changes nothing. What is left empty is as it is with the largest executor of the pool.",
            verb: "Look ahead",
            act,
            ready: fields.body().is_some(),
            onclose,
            onsubmit: submit,
            Field { id: "what-if-count", label: "Executors more", text: fields.count }
            Field { id: "what-if-pool", label: "In the pool", text: fields.pool, placeholder: "default" }
            Field { id: "what-if-cores", label: "Cores of each", text: fields.cores }
            Field { id: "what-if-memory", label: "Memory of each in GiB", text: fields.memory_gib }
            Field { id: "what-if-gpu", label: "Graphics processors of each", text: fields.gpu }
            div { class: "field",
                label { r#for: "what-if-removed", "Without" }
                select {
                    id: "what-if-removed",
                    class: "input",
                    onchange: move |event| removed.set(event.value()),
                    option { value: "", "nobody less" }
                    for executor in executors {
                        option { key: "{executor}", value: "{executor}", "{executor}" }
                    }
                }
            }
            div { role: "status",
                if let Some(told) = answer() {
                    Told { told }
                }
            }
        }
    }
}

#[component]
fn Field(
    id: String,
    label: String,
    mut text: Signal<String>,
    #[props(default)] placeholder: String,
) -> Element {
    rsx! {
        div { class: "field",
            label { r#for: "{id}", "{label}" }
            input {
                id: "{id}",
                class: "input",
                autocomplete: "off",
                placeholder: "{placeholder}",
                value: "{text}",
                oninput: move |event| text.set(event.value()),
            }
        }
    }
}

#[component]
fn Told(told: WhatIf) -> Element {
    let said = |expected: &Expected| expected.in_words(told.at, format::duration);
    let more = told.waiting_runs.saturating_sub(told.runs.len().min(SHOWN) as u64);
    rsx! {
        p {
            strong { {format::count(told.starts_at_once, "task")} " would start at once." }
            " Everything that is open now ends {said(&told.all_ended)}; instead it would end {said(&told.all_ended_if)}."
        }
        if !told.unknown.is_empty() {
            p { class: "soft", "Nothing is known yet of how long these take: {told.unknown.join(\", \")}." }
        }
        if !told.runs.is_empty() {
            div { class: "table-wrap", tabindex: "0", role: "region", "aria-label": "Runs that wait",
                table {
                    thead {
                        tr {
                            th { scope: "col", "Run" }
                            th { scope: "col", "Starts" }
                            th { scope: "col", "Instead" }
                        }
                    }
                    tbody {
                        for run in told.runs.iter().take(SHOWN) {
                            Compared { key: "{run.run}", run: run.clone(), start: half(&run.start, &told), start_if: half(&run.start_if, &told) }
                        }
                    }
                }
            }
        }
        if more > 0 {
            p { class: "soft", {format!("and {} that wait.", format::count(more, "more run"))} }
        }
    }
}

/// The half of the ways is enough to compare.
fn half(expected: &Expected, told: &WhatIf) -> String {
    Expected { p90: expected.p50, ..*expected }.in_words(told.at, format::duration)
}

#[component]
fn Compared(run: RunIf, start: String, start_if: String) -> Element {
    rsx! {
        tr {
            td {
                Link { to: Place::run(run.run), class: "id", {format::short_id(&run.run.to_string())} }
                " {run.workflow}"
            }
            td { "{start}" }
            td { "{start_if}" }
        }
    }
}
