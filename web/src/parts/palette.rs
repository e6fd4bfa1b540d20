//! Ctrl-K: jump to a page, a run by its id, or a workflow by its name.

use dioxus::prelude::*;

use crate::icon::{Drawn, Icon};
use crate::pages::runs::views::{self, View};
use crate::parts::dialog::{self, Dialog};
use crate::place::go;
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
fn targets(text: &str, views: &[View]) -> Vec<Target> {
    let text = text.trim();
    let wanted = text.to_lowercase();
    let pages = [
        target("Runs", "page", Icon::Runs, Place::new(Route::Runs)),
        target("Failed runs", "page", Icon::Cross, Place::new(Route::Runs).with("state", "failed,timed_out")),
        target("Running now", "page", Icon::Spinner, Place::new(Route::Runs).with("state", "queued,running")),
        target("Workflows", "page", Icon::Workflow, Place::new(Route::Workflows)),
        target("New run", "page", Icon::Plus, Place::new(Route::New)),
        target("Executors", "page", Icon::Executor, Place::new(Route::Executors)),
        target("Queues", "page", Icon::Clock, Place::new(Route::Queues)),
        target("System", "page", Icon::System, Place::new(Route::System)),
        target("Notifications", "page", Icon::Alert, Place::new(Route::Notifications)),
        target("Uploads", "page", Icon::File, Place::new(Route::Uploads)),
        target("Secrets", "page", Icon::Lock, Place::new(Route::Secrets)),
        target("Account", "page", Icon::Person, Place::new(Route::Account)),
        target("Projects", "page", Icon::Folder, Place::new(Route::Projects)),
        target("Users", "page", Icon::People, Place::new(Route::Users)),
        target("API keys", "page", Icon::Key, Place::new(Route::Keys)),
        target("Services", "page", Icon::Executor, Place::new(Route::Services)),
        target("Audit", "page", Icon::Book, Place::new(Route::Audit)),
    ];
    let views = views.iter().map(|view| target(&view.name, "saved view", Icon::Runs, view.place()));
    let mut found: Vec<Target> =
        pages.into_iter().chain(views).filter(|page| page.name.to_lowercase().contains(&wanted)).collect();
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
    if !*OPEN.read() {
        return rsx! {};
    }
    rsx! { JumpBox {} }
}

#[component]
fn JumpBox() -> Element {
    let mut text = use_signal(String::new);
    let mut chosen = use_signal(|| 0_usize);
    let views = use_hook(views::remembered);
    let found = targets(&text(), &views);
    let at = chosen().min(found.len().saturating_sub(1));
    let here = found.get(at).map(|target| target.place.clone());
    let last = found.len().saturating_sub(1);
    let active = found.get(at).map(|_| option_id(at));
    rsx! {
        Dialog { label: "Jump to", class: "palette", onclose: move |()| *OPEN.write() = false,
            input {
                id: "palette-input",
                r#type: "text",
                role: "combobox",
                placeholder: "Jump to a page, or search runs by id or workflow",
                "aria-label": "Jump to",
                "aria-expanded": "true",
                "aria-controls": "palette-list",
                "aria-activedescendant": active,
                autocomplete: "off",
                value: "{text}",
                oninput: move |event| {
                    text.set(event.value());
                    chosen.set(0);
                },
                onkeydown: move |event| match event.key() {
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
                            jump(place);
                        }
                    }
                    _ => {}
                },
            }
            ul { id: "palette-list", role: "listbox", "aria-label": "Where to",
                for (place , target) in found.into_iter().enumerate() {
                    li {
                        key: "{target.kind} {target.name}",
                        id: option_id(place),
                        role: "option",
                        "aria-selected": if place == at { "true" } else { "false" },
                        onmousemove: move |_| {
                            if *chosen.peek() != place {
                                chosen.set(place);
                            }
                        },
                        onclick: move |_| jump(target.place.clone()),
                        Drawn { icon: target.icon }
                        span { class: "cut", "{target.name}" }
                        span { class: "kind", "{target.kind}" }
                    }
                }
            }
        }
    }
}

fn option_id(place: usize) -> String {
    format!("palette-option-{place}")
}

fn jump(place: Place) {
    *OPEN.write() = false;
    dialog::close();
    go(place);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_jumps_to_the_run() {
        let id = emboflow_model::RunId::from_bits(7).to_string();
        assert_eq!(targets(&id, &[])[0].place, Place::run(&id));
    }

    #[test]
    fn any_other_text_searches_runs() {
        let found = targets("digits", &[]);
        assert_eq!(found.last().unwrap().place.address(), "runs?search=digits");
        assert_eq!(targets("exec", &[])[0].name, "Executors");
    }
}
