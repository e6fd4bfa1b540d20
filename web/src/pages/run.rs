//! One run: what it is, how it goes, and everything it made.

mod actions;
mod approval;
mod artifacts;
mod definition;
mod events;
mod failure;
mod file;
mod graph;
mod head;
mod inputs;
mod logs;
mod merge;
mod outputs;
mod panel;
mod pulling;
mod rerun;
mod timeline;
mod waits;

use dioxus::prelude::*;
use emboflow_model::{RunSummary, Task, TaskKey};
use emboflow_protocol::http::Page;

use crate::api::{self, ApiError};
use crate::browser;
use crate::format;
use crate::live::{self, Arrival, RESYNC, use_arrivals};
use crate::parts::banner::{Empty, Loading, Problem};
use crate::place::{Link, PLACE};
use crate::route::{Place, Route, Tab};

/// Tasks of one answer.
const PAGE_TASKS: u32 = 1_000;

/// A pause in which more events may say that tasks have to be read again.
const CATCH_UP_MS: i32 = 300;

/// What is known of the run; every part of the page reads it from here.
#[derive(Clone, Copy)]
pub(crate) struct RunView {
    pub(crate) summary: Signal<Option<RunSummary>>,
    /// In the order of their positions.
    pub(crate) tasks: Signal<Vec<Task>>,
    /// All tasks have been read.
    pub(crate) complete: Signal<bool>,
    /// Tasks are about to be read again.
    catching_up: Signal<bool>,
}

impl RunView {
    /// The task that is chosen in the address.
    pub(crate) fn chosen(&self) -> Option<Task> {
        let key: TaskKey = PLACE.read().get("task")?.parse().ok()?;
        self.tasks.read().iter().find(|task| task.key == key).cloned()
    }
}

#[component]
pub(crate) fn RunPage(id: String, tab: Tab) -> Element {
    let view = use_context_provider(|| RunView {
        summary: Signal::new(None),
        tasks: Signal::new(Vec::new()),
        complete: Signal::new(false),
        catching_up: Signal::new(false),
    });
    file::use_run_file(view, &id);
    let mut error = use_signal(|| None::<ApiError>);
    let mut again = use_signal(|| 0_u32);
    let run = id.clone();
    use_effect(move || {
        let _ = (RESYNC.read(), again.read());
        let run = run.clone();
        spawn(async move { error.set(load(view, &run).await.err()) });
    });
    let run = id.clone();
    use_arrivals(move |arrival| match arrival {
        Arrival::Run(event) if event.subject.to_string() == run => take(view, &run, event),
        Arrival::Progress(progress) if progress.attempt.run.to_string() == run => {
            // Written only for what changes something: a write draws the page again.
            let newer = merge::progress(&view.tasks.peek(), progress);
            if let Some((place, task)) = newer {
                let mut tasks = view.tasks;
                tasks.write()[place] = task;
            }
        }
        _ => {}
    });
    let known = view.summary.read().is_some();
    rsx! {
        if let (Some(error), false) = (error(), known) && error.is_missing() {
            Empty { title: "There is no such run", heading: true,
                p { class: "mono", "{id}" }
                Link { to: Place::new(Route::Runs), class: "button", "All runs" }
            }
        } else if let Some(error) = error() {
            Problem { error, retry: move |()| again += 1 }
        }
        if known {
            head::Head {}
            approval::Approvals {}
            failure::Failure { brief: tab != Tab::Timeline }
            Tabs { tab }
            Body { tab }
        } else if error.read().is_none() {
            Loading { rows: 7 }
        }
    }
}

#[component]
fn Tabs(tab: Tab) -> Element {
    let view = use_context::<RunView>();
    let tasks = view.summary.read().as_ref().map_or(0, |run| run.tasks.total);
    let gives = view.summary.read().as_ref().is_some_and(|run| run.outputs.is_some());
    let artifacts =
        use_memo(move || view.tasks.read().iter().map(|task| task.artifacts.len() as u64).sum::<u64>());
    rsx! {
        nav { class: "tabs", "aria-label": "Views of the run",
            for each in Tab::ALL {
                Link {
                    key: "{each.word()}",
                    to: PLACE.read().with_tab(each),
                    class: "tab",
                    current: (each == tab).then(|| "page".to_owned()),
                    "{each.title()}"
                    if each == Tab::Inputs && gives {
                        " and outputs"
                    }
                    if each == Tab::Timeline {
                        span { class: "count", {format::thousands(tasks.into())} }
                    }
                    if each == Tab::Artifacts && artifacts() > 0 {
                        span { class: "count", {format::thousands(artifacts())} }
                    }
                }
            }
        }
    }
}

#[component]
fn Body(tab: Tab) -> Element {
    let view = use_context::<RunView>();
    let with_panel = matches!(tab, Tab::Timeline | Tab::Graph);
    let chosen = if with_panel { view.chosen() } else { None };
    let open = if chosen.is_some() { "open" } else { "" };
    rsx! {
        div { class: "split {open}",
            match tab {
                Tab::Timeline => rsx! { timeline::Timeline {} },
                Tab::Graph => rsx! { graph::RunGraph {} },
                Tab::Logs => rsx! { logs::Logs {} },
                Tab::Artifacts => rsx! { artifacts::Artifacts {} },
                Tab::Inputs => rsx! { inputs::Inputs {} },
                Tab::Events => rsx! { events::Events {} },
                Tab::Definition => rsx! { definition::Definition {} },
            }
            if let Some(task) = chosen {
                panel::Panel { task }
            }
        }
    }
}

async fn load(mut view: RunView, run: &str) -> Result<(), ApiError> {
    live::settled().await;
    let summary = api::get::<RunSummary>(&api::of_run(run, "")).await?;
    let graph = summary.graph.clone();
    merge::summary(&mut view.summary.write(), summary);
    load_tasks(view, run).await?;
    merge::drop_replaced(&mut view.tasks.write(), &graph);
    Ok(())
}

async fn load_tasks(mut view: RunView, run: &str) -> Result<(), ApiError> {
    let mut cursor = String::new();
    loop {
        let mut address = api::of_run(run, &format!("tasks?limit={PAGE_TASKS}"));
        if !cursor.is_empty() {
            address.push_str("&cursor=");
            address.push_str(&crate::route::encode(&cursor));
        }
        let page = api::get::<Page<Task>>(&address).await?;
        merge::tasks(&mut view.tasks.write(), page.items);
        match page.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    view.complete.set(true);
    Ok(())
}

fn take(mut view: RunView, run: &str, event: &emboflow_protocol::event::Event) {
    if let Some(summary) = view.summary.write().as_mut() {
        merge::row(summary, &event.data.run, event.data.seq);
    }
    merge::tasks_of_event(&mut view.tasks.write(), event.data.tasks.clone());
    if event.data.tasks_omitted && !*view.catching_up.peek() {
        let run = run.to_owned();
        view.catching_up.set(true);
        // Too many tasks changed for one event; it says so, and they are read once, however many such events come.
        spawn(async move {
            browser::sleep_ms(CATCH_UP_MS).await;
            view.catching_up.set(false);
            if let Err(error) = load(view, &run).await {
                crate::parts::toast::failed(error);
            }
        });
    }
}
