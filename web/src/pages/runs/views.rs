//! Saved views: filters under a name, kept in this browser. Each is an address anyway.

use dioxus::prelude::*;
use serde::{Deserialize, Serialize};

use crate::browser;
use crate::icon::{Drawn, Icon};
use crate::place::{Link, PLACE};
use crate::route::Place;

/// Where the browser keeps them.
const KEPT_AS: &str = "views";
/// More than this nobody can tell apart.
const MOST: usize = 20;
const LONGEST_NAME: usize = 40;
const FIELD_ID: &str = "view-name";

/// Filters of the list of runs under a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct View {
    pub(crate) name: String,
    /// Query of the address.
    query: String,
}

impl View {
    fn of(name: &str, place: &Place) -> Self {
        Self { name: name.trim().chars().take(LONGEST_NAME).collect(), query: place.query() }
    }

    pub(crate) fn place(&self) -> Place {
        Place::parse("runs", &self.query)
    }

    /// Whether a place has these filters, in whatever order they were set.
    fn is(&self, place: &Place) -> bool {
        let sorted = |query: &str| {
            let mut filters: Vec<String> = query.split('&').map(str::to_owned).collect();
            filters.sort_unstable();
            filters
        };
        sorted(&self.query) == sorted(&place.query())
    }
}

/// The views of this browser; what cannot be read is none.
pub(crate) fn remembered() -> Vec<View> {
    browser::remembered(KEPT_AS).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

fn keep(views: &[View]) {
    let text = serde_json::to_string(views).ok().filter(|_| !views.is_empty());
    browser::remember(KEPT_AS, text.as_deref());
}

/// Adds a view; one of the same name is replaced.
fn with(mut views: Vec<View>, view: View) -> Vec<View> {
    views.retain(|known| known.name != view.name);
    views.push(view);
    let surplus = views.len().saturating_sub(MOST);
    views.drain(..surplus);
    views
}

#[component]
pub(super) fn Views() -> Element {
    let mut views = use_signal(remembered);
    let mut naming = use_signal(|| None::<String>);
    let here = PLACE.read().clone();
    let saved = views.read().iter().any(|view| view.is(&here));
    let savable = !here.query().is_empty() && !saved;
    if views.read().is_empty() && !savable {
        return rsx! {};
    }
    rsx! {
        div { class: "actions views",
            if !views.read().is_empty() {
                ul { class: "chips", "aria-label": "Saved views",
                    for view in views.read().clone() {
                        li { key: "{view.name}", class: "chip-pair",
                            Link { to: view.place(), class: "chip", current: view.is(&here).then(|| "true".to_owned()),
                                Drawn { icon: Icon::Star }
                                "{view.name}"
                            }
                            button {
                                class: "button ghost small square",
                                r#type: "button",
                                title: "Forget this view",
                                "aria-label": "Forget the view {view.name}",
                                onclick: move |_| {
                                    views.write().retain(|known| known.name != view.name);
                                    keep(&views.peek());
                                },
                                Drawn { icon: Icon::Close }
                            }
                        }
                    }
                }
            }
            if let (Some(name), true) = (naming(), savable) {
                NameForm {
                    name,
                    onname: move |name| naming.set(name),
                    onsave: move |name: String| {
                        let view = View::of(&name, &crate::place::here());
                        if !view.name.is_empty() {
                            let next = with(views.peek().clone(), view);
                            keep(&next);
                            views.set(next);
                            naming.set(None);
                        }
                    },
                }
            } else if savable {
                button { class: "button ghost small", r#type: "button", onclick: move |_| naming.set(Some(String::new())),
                    Drawn { icon: Icon::Star }
                    "Save this view…"
                }
            }
        }
    }
}

/// Asks for a name; `onname` gets what is typed, or nothing when it is given up.
#[component]
fn NameForm(name: String, onname: Callback<Option<String>>, onsave: Callback<String>) -> Element {
    use_effect(|| browser::focus(FIELD_ID));
    let blank = name.trim().is_empty();
    let typed = name.clone();
    rsx! {
        form {
            class: "row-flex",
            onsubmit: move |event| {
                event.prevent_default();
                onsave.call(typed.clone());
            },
            input {
                id: FIELD_ID,
                class: "input",
                "aria-label": "Name of the view",
                placeholder: "Name of the view",
                maxlength: "{LONGEST_NAME}",
                value: "{name}",
                oninput: move |event| onname.call(Some(event.value())),
                onkeydown: move |event| if event.key() == Key::Escape { onname.call(None) },
            }
            button { class: "button", r#type: "submit", disabled: blank, "Save" }
            button { class: "button ghost", r#type: "button", onclick: move |_| onname.call(None), "Do not save" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_leads_back_to_its_filters_and_replaces_one_of_its_name() {
        let place = Place::parse("runs", "state=failed&search=a%20b");
        let views = with(vec![View::of("mine", &Place::parse("runs", ""))], View::of(" mine ", &place));
        assert_eq!(views.len(), 1);
        assert_eq!(views[0].place(), place);
        assert!(
            views[0].is(&Place::parse("runs", "search=a%20b&state=failed")),
            "the order of filters is nothing"
        );
        let text = serde_json::to_string(&views).unwrap();
        assert_eq!(serde_json::from_str::<Vec<View>>(&text).unwrap(), views);
    }

    #[test]
    fn only_so_many_views_are_kept() {
        let place = Place::parse("runs", "state=failed");
        let views = (0..30).fold(Vec::new(), |views, n| with(views, View::of(&n.to_string(), &place)));
        assert_eq!((views.len(), views[0].name.as_str()), (MOST, "10"));
    }
}
