//! One text for one document, whatever the build: features of dependencies decide whether JSON maps keep their order.

use serde_json::{Map, Value};

/// The document with sorted keys and a line break at the end.
pub(super) fn text(document: Value) -> String {
    let mut text =
        serde_json::to_string_pretty(&sorted(document)).expect("a JSON value can always be written");
    text.push('\n');
    text
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            let described = entries.into_iter().map(|(key, value)| match (key.as_str(), value) {
                ("description", Value::String(text)) => (key, Value::String(without_links(&text))),
                (_, value) => (key, sorted(value)),
            });
            Value::Object(described.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// Links between Rust items mean nothing to other readers: `[a::B]` in brackets becomes `B`.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[`") {
        plain.push_str(before);
        let Some((name, behind)) = after.split_once("`]") else {
            plain.push_str("[`");
            rest = after;
            continue;
        };
        plain.push('`');
        plain.push_str(name.rsplit("::").next().unwrap_or(name));
        plain.push('`');
        rest = behind;
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let document = json!({ "b": [{ "d": 1, "c": 2 }], "a": null });
        assert_eq!(serde_json::to_string(&sorted(document)).unwrap(), r#"{"a":null,"b":[{"c":2,"d":1}]}"#);
    }

    #[test]
    fn a_link_to_a_rust_item_becomes_its_name() {
        assert_eq!(without_links("A row's [`crate::event::RunRow`], or [`X`]."), "A row's `RunRow`, or `X`.");
        assert_eq!(without_links("open [`x"), "open [`x");
    }
}
