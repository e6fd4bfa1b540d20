//! The filters above the list: states with counts, workflow, text. Each is part of the address.

use dioxus::prelude::*;
use emboflow_model::RunState;

use super::feed::{Census, Filter};
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::look;
use crate::place::{Link, PLACE, adjust, here};

/// A pause in typing after which the server is asked.
const TYPING_MS: i32 = 250;

#[component]
pub(crate) fn Filters(census: Signal<Census>, filter: Filter) -> Element {
    let place = PLACE.read().clone();
    let total = census.read().total();
    let states: Vec<(RunState, Option<u64>)> =
        RunState::ALL.iter().map(|state| (*state, census.read().in_state(*state))).collect();
    rsx! {
        div { class: "toolbar",
            Search { text: filter.search.clone() }
            div { class: "chips", role: "group", "aria-label": "State",
                Link {
                    to: place.with("state", ""),
                    class: "chip",
                    current: filter.states.is_empty().then(|| "true".to_owned()),
                    "All"
                    if let Some(total) = total {
                        span { class: "count", {format::thousands(total)} }
                    }
                }
                for (state , count) in states {
                    // A state that nothing is in takes no space, unless it is chosen.
                    if count != Some(0) || filter.states.contains(&state) {
                        StateChip { key: "{state}", state, count, chosen: filter.states.clone() }
                    }
                }
                Link {
                    to: place.with("approval", if filter.asks { "" } else { "waiting" }),
                    class: "chip",
                    current: filter.asks.then(|| "true".to_owned()),
                    Drawn { icon: look::ASKS.icon, class: "state-icon {look::ASKS.tone.class()}" }
                    {look::ASKS.word}
                }
                for (name , value) in [("workflow", &filter.workflow), ("label", &filter.label)] {
                    if !value.is_empty() {
                        Link {
                            key: "{name}",
                            to: place.with(name, ""),
                            class: "chip",
                            current: "true".to_owned(),
                            label: "{name} {value}: remove this filter",
                            "{name}: {value}"
                            Drawn { icon: Icon::Close }
                        }
                    }
                }
            }
        }
    }
}

#[component]
fn StateChip(state: RunState, count: Option<u64>, chosen: Vec<RunState>) -> Element {
    let on = chosen.contains(&state);
    let mut states = chosen;
    if on {
        states.retain(|other| *other != state);
    } else {
        states.push(state);
    }
    let words: Vec<&str> = states.iter().map(|state| state.word()).collect();
    let look = look::of_run(state);
    rsx! {
        Link {
            to: PLACE.read().with("state", &words.join(",")),
            class: "chip",
            current: on.then(|| "true".to_owned()),
            Drawn { icon: look.icon, class: "state-icon {look.tone.class()}" }
            "{look.word}"
            if let Some(count) = count {
                span { class: "count", {format::thousands(count)} }
            }
        }
    }
}

#[component]
fn Search(text: String) -> Element {
    let mut typed = use_signal(|| text.clone());
    let mut strokes = use_signal(|| 0_u32);
    use_effect(use_reactive!(|text| {
        if *typed.peek() != text {
            typed.set(text);
        }
    }));
    rsx! {
        div { class: "search",
            Drawn { icon: Icon::Search }
            input {
                class: "input",
                r#type: "search",
                placeholder: "Search by run id or workflow",
                "aria-label": "Search by run id or workflow",
                value: "{typed}",
                oninput: move |event| {
                    typed.set(event.value());
                    strokes += 1;
                    let stroke = *strokes.peek();
                    spawn(async move {
                        crate::browser::sleep_ms(TYPING_MS).await;
                        if *strokes.peek() == stroke {
                            let place = here().with("search", typed.peek().trim());
                            adjust(place);
                        }
                    });
                },
            }
        }
    }
}
