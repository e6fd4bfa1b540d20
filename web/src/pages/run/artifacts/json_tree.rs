//! JSON as a tree that opens and closes.

use dioxus::prelude::*;
use serde_json::Value;

/// Children of one node that are shown.
const MOST: usize = 200;
/// Levels that are open from the start.
const OPEN_LEVELS: u32 = 2;
/// Levels that are shown as a tree; what lies deeper is shown as text.
const DEEPEST: u32 = 12;

#[component]
pub(crate) fn JsonTree(name: Option<String>, value: Value, depth: u32) -> Element {
    let children: Vec<(String, Value)> = match &value {
        Value::Object(fields) if depth < DEEPEST => {
            fields.iter().take(MOST).map(|(name, value)| (name.clone(), value.clone())).collect()
        }
        Value::Array(items) if depth < DEEPEST => items
            .iter()
            .take(MOST)
            .enumerate()
            .map(|(place, value)| (place.to_string(), value.clone()))
            .collect(),
        _ => Vec::new(),
    };
    let size = match &value {
        Value::Object(fields) => fields.len(),
        Value::Array(items) => items.len(),
        _ => 0,
    };
    let shape = if value.is_array() { format!("[{size}]") } else { format!("{{{size}}}") };
    if children.is_empty() {
        return rsx! {
            div { class: "tree leaf",
                if let Some(name) = name {
                    span { class: "key", "{name}" }
                    ": "
                }
                "{value}"
            }
        };
    }
    rsx! {
        div { class: "tree",
            details { open: depth < OPEN_LEVELS,
                summary {
                    if let Some(name) = name {
                        span { class: "key", "{name}" }
                        " "
                    }
                    span { class: "dim", "{shape}" }
                }
                for (name , value) in children {
                    JsonTree { key: "{name}", name: Some(name), value, depth: depth + 1 }
                }
                if size > MOST {
                    div { class: "leaf dim", "… {size - MOST} more" }
                }
            }
        }
    }
}
