//! A form made from a workflow's inputs; every value is checked as it is typed, by the validator of the scheduler.

use dioxus::prelude::*;
use emboflow_model::RunSummary;
use emboflow_model::workflow::{InputSpec, InputType};
use emboflow_protocol::request::SubmitBody;
use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::api::{self, ApiError};
use crate::icon::{Drawn, Icon};
use crate::parts::banner::Problem;
use crate::parts::look_only::{LookOnly, may_run};
use crate::parts::no_cache::NoCache;
use crate::parts::toast;
use crate::place::go;
use crate::route::{Place, Route};

/// What the form holds: a text for each input. An input that is not in it takes its default.
pub(crate) type Texts = IndexMap<String, String>;

/// A value as it is typed.
fn typed(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// What is wrong with a text; nothing for one that leaves an optional input out.
pub(crate) fn wrong(spec: &InputSpec, text: &str) -> Option<String> {
    let may_choose_nothing =
        spec.choices.as_ref().is_none_or(|choices| choices.iter().any(|choice| typed(choice).is_empty()));
    if text.is_empty() && (spec.kind != InputType::String || !may_choose_nothing) {
        return spec.is_required().then(|| "is required".to_owned());
    }
    if text.is_empty() && !spec.is_required() {
        return None;
    }
    spec.read(text).err()
}

/// What the form holds at first: what was given, or the default.
pub(crate) fn beginning(inputs: &IndexMap<String, InputSpec>, given: &Map<String, Value>) -> Texts {
    let first = |name: &String, spec: &InputSpec| given.get(name).or(spec.default.as_ref()).map(typed);
    inputs.iter().map(|(name, spec)| (name.clone(), first(name, spec).unwrap_or_default())).collect()
}

/// The values that differ from those of before; null takes one away.
pub(crate) fn changes(
    inputs: &IndexMap<String, InputSpec>,
    before: &Map<String, Value>,
    texts: &Texts,
) -> Map<String, Value> {
    let mut changes = Map::new();
    for (name, spec) in inputs {
        let (text, old) = (texts.get(name).map_or("", String::as_str), before.get(name));
        if text == old.map(typed).unwrap_or_default() {
            continue;
        }
        if text.is_empty() && (spec.kind != InputType::String || !spec.is_required()) {
            changes.insert(name.clone(), Value::Null);
        } else if let Ok(value) = spec.read(text) {
            changes.insert(name.clone(), value);
        }
    }
    changes
}

/// How many inputs cannot be sent so.
pub(crate) fn count_wrong(inputs: &IndexMap<String, InputSpec>, texts: &Texts) -> usize {
    let text = |name: &String| texts.get(name).map_or("", String::as_str);
    inputs.iter().filter(|(name, spec)| wrong(spec, text(name)).is_some()).count()
}

/// The inputs to send: all that were given and differ from the default.
pub(crate) fn values(inputs: &IndexMap<String, InputSpec>, texts: &Texts) -> Map<String, Value> {
    let mut values = Map::new();
    for (name, spec) in inputs {
        let text = texts.get(name).map_or("", String::as_str);
        let leaves_out = text.is_empty() && (spec.kind != InputType::String || !spec.is_required());
        if leaves_out && spec.default.as_ref().is_none_or(|default| default.as_str() != Some("")) {
            continue;
        }
        if let Ok(value) = spec.read(text)
            && spec.default.as_ref() != Some(&value)
        {
            values.insert(name.clone(), value);
        }
    }
    values
}

#[component]
pub(crate) fn InputsForm(
    inputs: IndexMap<String, InputSpec>,
    body: SubmitBody,
    given: Map<String, Value>,
    #[props(default)] blocked: bool,
    /// A task may take over the result of another run.
    #[props(default)]
    caches: bool,
) -> Element {
    let begins = inputs.clone();
    let texts = use_signal(move || beginning(&begins, &given));
    let mut busy = use_signal(|| false);
    let mut error = use_signal(|| None::<ApiError>);
    let bad = count_wrong(&inputs, &texts.read());
    let sent = inputs.clone();
    let no_cache = use_signal(|| false);
    rsx! {
        form {
            class: "card",
            onsubmit: move |event| {
                event.prevent_default();
                let inputs = values(&sent, &texts.peek());
                // A file that has no `cache` any more says nothing about it.
                let no_cache = caches && *no_cache.peek();
                let body = SubmitBody { inputs, no_cache, ..body.clone() };
                spawn(async move {
                    busy.set(true);
                    error.set(submit(&body).await.err());
                    busy.set(false);
                });
            },
            div { class: "card-head", h2 { "Inputs" } }
            div { class: "card-body stack loose",
                if inputs.is_empty() {
                    p { class: "dim", "This workflow has no inputs." }
                }
                Fields { inputs, texts, about: "input" }
                if caches {
                    NoCache { chosen: no_cache, about: "input" }
                }
                if let Some(error) = error() {
                    Problem { error }
                }
                if !may_run() {
                    LookOnly {}
                } else {
                    Start { busy: busy(), bad: bad as u64, blocked }
                }
            }
        }
    }
}

#[component]
fn Start(
    busy: bool,
    /// Inputs that cannot be sent so.
    bad: u64,
    blocked: bool,
) -> Element {
    rsx! {
        div { class: "row-flex",
            button { class: "button primary", r#type: "submit", disabled: busy || bad > 0 || blocked,
                Drawn { icon: if busy { Icon::Spinner } else { Icon::Play } }
                "Start the run"
            }
            if bad > 0 {
                span { class: "dim", role: "status", {crate::format::count(bad, "input")} " to be put right first" }
            }
        }
    }
}

async fn submit(body: &SubmitBody) -> Result<(), ApiError> {
    let answer = api::post::<Value>(&api::in_project("runs"), body).await?;
    match serde_json::from_value::<RunSummary>(answer) {
        Ok(run) => go(Place::run(run.id)),
        // Safely taken, but not decided yet: it appears in the list by itself.
        Err(_) => {
            toast::done("The request is safely taken; the run appears as soon as the scheduler has decided.");
            go(Place::new(Route::Runs));
        }
    }
    Ok(())
}

/// A field for each input; `about` begins the ids, which are told apart from those of another form by it.
#[component]
pub(crate) fn Fields(inputs: IndexMap<String, InputSpec>, texts: Signal<Texts>, about: String) -> Element {
    let mut texts = texts;
    rsx! {
        for (name , spec) in inputs {
            Field {
                key: "{name}",
                id: "{about}-{name}",
                text: texts.read().get(&name).cloned().unwrap_or_default(),
                name: name.clone(),
                spec,
                onchange: move |text: String| {
                    texts.write().insert(name.clone(), text);
                },
            }
        }
    }
}

#[component]
fn Field(id: String, name: String, spec: InputSpec, text: String, onchange: Callback<String>) -> Element {
    let wrong = wrong(&spec, &text);
    let about = format!("{id}-about");
    let kind = spec.kind.word();
    let invalid = if wrong.is_some() { "true" } else { "false" };
    let choices: Option<Vec<String>> = match (&spec.choices, spec.kind) {
        (Some(choices), _) => Some(choices.iter().map(typed).collect()),
        (None, InputType::Boolean) => Some(vec!["true".to_owned(), "false".to_owned()]),
        (None, _) => None,
    };
    let long = matches!(spec.kind, InputType::Array | InputType::Object);
    rsx! {
        div { class: "field",
            label { r#for: "{id}",
                span { class: "mono", "{name}" }
                span { class: "dim", " {kind}" }
                if spec.is_required() {
                    span { class: "dim", ", required" }
                }
            }
            if let Some(choices) = choices {
                select {
                    id: "{id}",
                    class: "input",
                    "aria-describedby": "{about}",
                    "aria-invalid": invalid,
                    onchange: move |event| onchange.call(event.value()),
                    if !choices.contains(&text) {
                        option { value: "", selected: true, "–" }
                    }
                    for choice in choices {
                        option { key: "{choice}", value: "{choice}", selected: choice == text, "{choice}" }
                    }
                }
            } else if long {
                textarea {
                    id: "{id}",
                    class: "input mono",
                    rows: "4",
                    spellcheck: "false",
                    "aria-describedby": "{about}",
                    "aria-invalid": invalid,
                    value: "{text}",
                    oninput: move |event| onchange.call(event.value()),
                }
            } else {
                input {
                    id: "{id}",
                    class: "input",
                    r#type: "text",
                    inputmode: if matches!(spec.kind, InputType::Integer | InputType::Number) { "decimal" } else { "text" },
                    autocomplete: "off",
                    "aria-describedby": "{about}",
                    "aria-invalid": invalid,
                    value: "{text}",
                    oninput: move |event| onchange.call(event.value()),
                }
            }
            div { id: "{about}",
                if let Some(wrong) = wrong {
                    p { class: "wrong", "{name} {wrong}" }
                }
                if let Some(text) = &spec.description {
                    p { class: "hint", "{text}" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(text: &str) -> IndexMap<String, InputSpec> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn only_what_differs_from_the_default_is_sent() {
        let inputs = inputs(
            r#"{"n": {"type": "integer", "default": 3}, "s": {"type": "string"}, "o": {"type": "array", "required": false}}"#,
        );
        let texts = |n: &str, s: &str, o: &str| -> Texts {
            [("n", n), ("s", s), ("o", o)]
                .into_iter()
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .collect()
        };
        assert_eq!(Value::Object(values(&inputs, &texts("3", "x", ""))), serde_json::json!({"s": "x"}));
        assert_eq!(
            Value::Object(values(&inputs, &texts("4", "x", "[1]"))),
            serde_json::json!({"n": 4, "s": "x", "o": [1]})
        );
    }

    #[test]
    fn of_a_rerun_only_what_differs_from_the_run_is_sent() {
        let inputs = inputs(
            r#"{"n": {"type": "integer", "default": 3}, "s": {"type": "string"}, "o": {"type": "array", "required": false}}"#,
        );
        let before = serde_json::json!({"n": 5, "s": "x", "o": [1]});
        let before = before.as_object().unwrap();
        let mut texts = beginning(&inputs, before);
        assert!(changes(&inputs, before, &texts).is_empty());
        texts.insert("n".to_owned(), "3".to_owned());
        texts.insert("o".to_owned(), String::new());
        let changed = Value::Object(changes(&inputs, before, &texts));
        assert_eq!(
            changed,
            serde_json::json!({"n": 3, "o": null}),
            "the default is a change, nothing is one too"
        );
    }

    #[test]
    fn a_wrong_value_is_said_while_it_is_typed() {
        let inputs = inputs(
            r#"{"n": {"type": "integer", "minimum": 1, "default": 3}, "r": {"type": "integer"}, "c": {"type": "string", "enum": ["a", "b"]}, "t": {"type": "string"}}"#,
        );
        assert!(wrong(&inputs["n"], "0").unwrap().contains("at least 1"));
        assert!(wrong(&inputs["n"], "x").unwrap().contains("integer"));
        assert_eq!(wrong(&inputs["n"], ""), None);
        assert!(wrong(&inputs["r"], "").unwrap().contains("required"));
        assert!(wrong(&inputs["c"], "").unwrap().contains("required"));
        assert_eq!(wrong(&inputs["t"], ""), None, "a text may be empty");
    }
}
