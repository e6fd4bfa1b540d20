//! What the run has made: files by task, pictures and tables shown in place, everything to download.

mod csv;
pub(crate) mod json_tree;
mod preview;

use dioxus::prelude::*;
use emboflow_model::ArtifactSummary;
use emboflow_model::artifact::{ArtifactFile, ArtifactManifest};

use super::RunView;
use crate::api;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::parts::banner::{Empty, Loading, Problem};
use crate::place::{Link, PLACE};
use crate::route::encode;
use preview::{Kind, Preview};

/// Artifacts listed at first, and more with each press.
const STEP: usize = 100;
/// Artifacts that open by themselves: a fan-out may have made thousands to look at.
const OPEN: usize = 6;
/// Files listed of one artifact.
const LISTED: usize = 500;

#[component]
pub(super) fn Artifacts() -> Element {
    let view = use_context::<RunView>();
    let mut shown = use_signal(|| STEP);
    let wanted = PLACE.read().get("task").map(str::to_owned);
    let run = view.summary.read().as_ref().map(|run| (run.id.to_string(), run.state));
    let Some((run, state)) = run else { return rsx! {} };
    let tasks = view.tasks.read();
    let mut found: Vec<(String, ArtifactSummary)> = tasks
        .iter()
        .filter(|task| wanted.as_ref().is_none_or(|wanted| task.key.to_string() == *wanted))
        .flat_map(|task| task.artifacts.iter().map(|artifact| (task.key.to_string(), artifact.clone())))
        .collect();
    // What is meant to be looked at comes first.
    found.sort_by_key(|(_, artifact)| !artifact.preview);
    let left = found.len().saturating_sub(shown()) as u64;
    if found.is_empty() {
        let text = if state.is_terminal() {
            "The run made none."
        } else {
            "They appear when a task has ended well."
        };
        return rsx! { Empty { title: "No artifacts", p { "{text}" } } };
    }
    rsx! {
        div { class: "stack",
            if let Some(task) = wanted {
                div { class: "row-flex",
                    span { class: "dim", "Only of" }
                    Link { to: PLACE.read().with("task", ""), class: "chip", current: "true".to_owned(),
                        "{task}"
                        Drawn { icon: Icon::Close }
                    }
                }
            }
            for (number , (task , artifact)) in found.into_iter().take(shown()).enumerate() {
                Artifact {
                    key: "{task}/{artifact.name}/{artifact.manifest_sha256}",
                    run: run.clone(),
                    task,
                    opens: artifact.preview && number < OPEN,
                    artifact,
                }
            }
            if left > 0 {
                div { class: "more",
                    button { class: "button", r#type: "button", onclick: move |_| shown += STEP,
                        {format!("Show more of {}", format::count(left, "other artifact"))}
                    }
                }
            }
        }
    }
}

#[component]
fn Artifact(run: String, task: String, artifact: ArtifactSummary, opens: bool) -> Element {
    let mut open = use_signal(|| opens);
    let size = format!("{}, {}", format::count(artifact.files, "file"), format::bytes(artifact.size_bytes));
    let name = artifact.name.clone();
    let title = format!("{task}/{name}");
    rsx! {
        section { class: "card", "data-artifact": title,
            div { class: "card-head",
                Drawn { icon: Icon::File }
                h2 { class: "mono", "{name}" }
                span { class: "dim", "of" }
                Link { to: crate::route::Place::run(&run).with("task", &task), class: "mono", "{task}" }
                span { class: "grow dim right num", "{size}" }
                button {
                    class: "button small",
                    r#type: "button",
                    "aria-expanded": "{open}",
                    onclick: move |_| open.toggle(),
                    if open() { "Hide files" } else { "Show files" }
                }
            }
            if open() {
                Files { run: run.clone(), task: task.clone(), name: name.clone(), shows: artifact.preview }
            }
        }
    }
}

#[component]
fn Files(run: String, task: String, name: String, shows: bool) -> Element {
    let (of_run, of_task, of_name) = (run.clone(), task.clone(), name.clone());
    let asked = use_resource(move || {
        let address = api::of_run(&of_run, &format!("artifacts/{}/{}", encode(&of_task), encode(&of_name)));
        async move { api::get::<ArtifactManifest>(&address).await }
    });
    let answer = asked.read().clone();
    match answer {
        None => rsx! { div { class: "card-body", Loading { rows: 2 } } },
        Some(Err(error)) => rsx! { div { class: "card-body", Problem { error } } },
        Some(Ok(manifest)) => {
            let more = manifest.files.len().saturating_sub(LISTED) as u64;
            // Only the first that can be shown opens by itself: a folder may hold hundreds.
            let opened = if shows {
                manifest.files.iter().position(|file| Kind::of(&file.path, file.size_bytes).shows())
            } else {
                None
            };
            rsx! {
                div { class: "files",
                    for (number , file) in manifest.files.into_iter().take(LISTED).enumerate() {
                        File {
                            key: "{file.path}",
                            address: api::artifact_file(&run, &task, &name, &file.path),
                            file,
                            shown: opened == Some(number),
                        }
                    }
                    if more > 0 {
                        p { class: "file dim", {format!("and {}; `emboflow artifact get` fetches them all", format::count(more, "more file"))} }
                    }
                }
            }
        }
    }
}

#[component]
fn File(file: ArtifactFile, address: String, shown: bool) -> Element {
    let mut open = use_signal(|| shown);
    let kind = Kind::of(&file.path, file.size_bytes);
    let name = file.path.rsplit('/').next().unwrap_or_default().to_owned();
    rsx! {
        div {
            div { class: "file",
                span { class: "mono cut", title: "SHA-256 {file.sha256}", "{file.path}" }
                span { class: "dim right num", {format::bytes(file.size_bytes)} }
                div { class: "row-flex",
                    if kind.shows() {
                        button {
                            class: "button small",
                            r#type: "button",
                            "aria-expanded": "{open}",
                            "aria-label": if open() { "Hide {file.path}" } else { "Show {file.path}" },
                            onclick: move |_| open.toggle(),
                            if open() { "Hide" } else { "Show" }
                        }
                    }
                    a {
                        class: "button small square",
                        href: "{address}?download=1",
                        download: name.clone(),
                        "aria-label": "Download {file.path}",
                        title: "Download",
                        Drawn { icon: Icon::Download }
                    }
                }
            }
            if open() {
                div { class: "preview",
                    Preview { kind, address: address.clone(), path: file.path.clone() }
                }
            }
        }
    }
}
