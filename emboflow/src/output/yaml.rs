//! JSON data as block-style YAML. Scalars stay as JSON writes them, which YAML 1.2 reads the same way: nothing has to
//! be guessed about what a bare word means.

use serde_json::Value;

/// The document; it ends with a line break.
pub(super) fn text(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(fields) if !fields.is_empty() => block(value, 0, &mut text),
        Value::Array(items) if !items.is_empty() => block(value, 0, &mut text),
        scalar => text.push_str(&format!("{scalar}\n")),
    }
    text
}

/// Writes a filled list or map, each of its lines this many columns to the right.
fn block(value: &Value, column: usize, text: &mut String) {
    let indent = " ".repeat(column);
    match value {
        Value::Array(items) => {
            for item in items {
                text.push_str(&format!("{indent}-"));
                entry(item, column, text);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                text.push_str(&format!("{indent}{}:", key(name)));
                entry(field, column, text);
            }
        }
        _ => {}
    }
}

/// Writes what stands behind a `-` or a `:`.
fn entry(value: &Value, column: usize, text: &mut String) {
    let is_filled = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_filled {
        text.push('\n');
        block(value, column + 2, text);
    } else {
        text.push_str(&format!(" {value}\n"));
    }
}

/// A key that cannot be read as anything else stands without quotes.
fn key(name: &str) -> String {
    let is_plain = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let means_something = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if is_plain && !means_something.contains(&name.to_ascii_lowercase().as_str()) {
        name.to_owned()
    } else {
        Value::from(name).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_maps_are_blocks_and_scalars_are_unmistakable() {
        let value = serde_json::json!({
            "name": "no", "on": 1, "a:b": "x\ny", "none": null, "empty": {}, "rows": [{ "id": "1", "tags": ["é"] }, []],
        });
        let expected = r#""a:b": "x\ny"
empty: {}
name: "no"
none: null
"on": 1
rows:
  -
    id: "1"
    tags:
      - "é"
  - []
"#;
        assert_eq!(text(&value), expected);
        assert_eq!(text(&serde_json::json!([])), "[]\n");
    }
}
