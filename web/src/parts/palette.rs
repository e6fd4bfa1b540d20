//! Ctrl-K: jump to a page, a run by its id, or a workflow by its name.

use dioxus::prelude::*;
use wasm_bindgen::JsCast;

use crate::browser;
use crate::icon::{Drawn, Icon};
use crate::place::{Link, go};
use crate::route::{Place, Route};

/// Whether the palette is open.
pub(crate) static OPEN: GlobalSignal<bool> = Signal::global(|| false);

/// A place that can be jumped to.
#[derive(Clone, Debug, PartialEq)]
struct Target {
    name: String,
    kind: &'static str,
    icon: Icon,
    place: Place,
}

fn target(name: &str, kind: &'static str, icon: Icon, place: Place) -> Target {
    Target { name: name.to_owned(), kind, icon, place }
}

/// What fits the text: pages by name, and searches for everything else.
fn targets(text: &str) -> Vec<Target> {
    let text = text.trim();
    let wanted = text.to_lowercase();
    let pages = [
        target("Runs", "page", Icon::Runs, Place::new(Route::Runs)),
        target("Failed runs", "page", Icon::Cross, Place::new(Route::Runs).with("state", "failed,timed_out")),
        target("Running now", "page", Icon::Spinner, Place::new(Route::Runs).with("state", "queued,running")),
        target("Workflows", "page", Icon::Workflow, Place::new(Route::Workflows)),
        target("New run", "page", Icon::Plus, Place::new(Route::New)),
        target("Executors", "page", Icon::Executor, Place::new(Route::Executors)),
        target("System", "page", Icon::System, Place::new(Route::System)),
    ];
    let mut found: Vec<Target> =
        pages.into_iter().filter(|page| page.name.to_lowercase().contains(&wanted)).collect();
    if text.parse::<emboflow_model::RunId>().is_ok() {
        found.insert(0, target(text, "run", Icon::Play, Place::run(text)));
    } else if !text.is_empty() {
        let search = Place::new(Route::Runs).with("search", text);
        found.push(target(&format!("Runs with \u{201c}{text}\u{201d}"), "search", Icon::Search, search));
    }
    found
}

#[component]
pub(crate) fn Palette() -> Element {
    use_hook(|| {
        let (sender, mut receiver) = futures::channel::mpsc::unbounded::<()>();
        if let Some(window) = browser::window() {
            browser::listen(&window, "keydown", move |event| {
                let Ok(key) = event.dyn_into::<web_sys::KeyboardEvent>() else { return };
                if (key.ctrl_key() || key.meta_key()) && key.key() == "k" {
                    key.prevent_default();
                    // The receiver lives as long as the page.
                    let _ = sender.unbounded_send(());
                }
            });
        }
        spawn(async move {
            while futures::StreamExt::next(&mut receiver).await.is_some() {
                *OPEN.write() = true;
            }
        });
    });
    if !*OPEN.read() {
        return rsx! {};
    }
    rsx! { JumpBox {} }
}

#[component]
fn JumpBox() -> Element {
    let mut text = use_signal(String::new);
    let mut chosen = use_signal(|| 0_usize);
    let found = targets(&text());
    let at = chosen().min(found.len().saturating_sub(1));
    let here = found.get(at).map(|target| target.place.clone());
    let last = found.len().saturating_sub(1);
    use_effect(|| {
        if let Some(input) = browser::element("palette-input") {
            let _ = input.focus();
        }
    });
    rsx! {
        div { class: "palette", onclick: move |_| *OPEN.write() = false,
            div {
                class: "palette-box",
                role: "dialog",
                "aria-label": "Jump to",
                onclick: move |event| event.stop_propagation(),
                input {
                    id: "palette-input",
                    r#type: "text",
                    placeholder: "Jump to a page, or search runs by id or workflow",
                    "aria-label": "Jump to",
                    autocomplete: "off",
                    value: "{text}",
                    oninput: move |event| {
                        text.set(event.value());
                        chosen.set(0);
                    },
                    onkeydown: move |event| match event.key() {
                        Key::Escape => *OPEN.write() = false,
                        Key::ArrowDown => {
                            event.prevent_default();
                            chosen.set((at + 1).min(last));
                        }
                        Key::ArrowUp => {
                            event.prevent_default();
                            chosen.set(at.saturating_sub(1));
                        }
                        Key::Enter => {
                            if let Some(place) = here.clone() {
                                *OPEN.write() = false;
                                go(place);
                            }
                        }
                        _ => {}
                    },
                }
                ul {
                    for (place , target) in found.into_iter().enumerate() {
                        li { key: "{target.name}", onclick: move |_| *OPEN.write() = false,
                            Link { to: target.place, class: if place == at { "chosen" } else { "" },
                                Drawn { icon: target.icon }
                                span { class: "cut", "{target.name}" }
                                span { class: "kind", "{target.kind}" }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_jumps_to_the_run() {
        let id = emboflow_model::RunId::from_bits(7).to_string();
        assert_eq!(targets(&id)[0].place, Place::run(&id));
    }

    #[test]
    fn any_other_text_searches_runs() {
        let found = targets("digits");
        assert_eq!(found.last().unwrap().place.address(), "runs?search=digits");
        assert_eq!(targets("exec")[0].name, "Executors");
    }
}
