//! Every key of every service with its type, default and meaning, from the types that hold them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::Schema;
use serde_json::{Map, Value};

use super::service::Service;

const INTRODUCTION: &str = "# Configuration

<!-- Written by `emboflow config reference`: change the comments of the types instead. -->

Each service reads its settings in layers; a later one wins:

1. the default of the program,
2. a TOML file: `svc-api --config api.toml`,
3. variables of the environment: `EMBOFLOW__STORAGE__URL` sets `storage.url`; an empty one counts as not set, and a list
   has commas between its items,
4. the command line: `--set storage.url=http://127.0.0.1:4082`.

A key with `_file` behind its name reads the value from that file, in every layer: `EMBOFLOW__TOKEN_FILE=/run/secrets/token`.
That is how secrets are given; whatever shows a configuration shows them as `[secret]`. An unknown key is an error that
names the nearest known one.

```sh
emboflow config check api.toml                                 # the file, with the variables of this environment
emboflow config show api --config api.toml --origin            # each key, its value, and who set it
```
";

/// One key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    name: String,
    kind: String,
    default: String,
    meaning: String,
}

/// The whole page.
pub(super) fn markdown() -> String {
    let all: Vec<_> = Service::ALL.iter().map(|service| (*service, keys(&service.schema()))).collect();
    let mut sections: BTreeMap<&str, Vec<(Service, Vec<&Key>)>> = BTreeMap::new();
    for (service, keys) in &all {
        for (section, keys) in by_section(keys) {
            sections.entry(section).or_default().push((*service, keys));
        }
    }
    let is_shared = |section: &str| {
        sections
            .get(section)
            .is_some_and(|uses| uses.len() > 1 && uses.iter().all(|(_, keys)| alike(keys, &uses[0].1)))
    };
    let mut text = String::from(INTRODUCTION);
    for (service, keys) in &all {
        let (shared, own): (Vec<_>, Vec<_>) =
            by_section(keys).into_iter().partition(|(name, _)| is_shared(name));
        let _ = writeln!(text, "\n## {service}\n");
        let names: Vec<_> = shared.iter().map(|(name, _)| format!("[`{name}`](#{name})")).collect();
        if !names.is_empty() {
            let _ = writeln!(text, "Also, as in other services: {}.\n", names.join(", "));
        }
        write_table(&mut text, own.into_iter().flat_map(|(_, keys)| keys));
    }
    text.push_str("\n# Sections of several services\n");
    for (section, uses) in sections.iter().filter(|(section, _)| is_shared(section)) {
        let _ = writeln!(text, "\n## {section}\n");
        write_table(&mut text, uses[0].1.iter().copied());
    }
    text
}

/// The keys of each section, which is what stands before the first dot; a key without one is a section of its own.
fn by_section(keys: &[Key]) -> Vec<(&str, Vec<&Key>)> {
    let mut sections: Vec<(&str, Vec<&Key>)> = Vec::new();
    for key in keys {
        let section = key.name.split('.').next().unwrap_or_default();
        match sections.last_mut() {
            Some((last, keys)) if *last == section => keys.push(key),
            _ => sections.push((section, vec![key])),
        }
    }
    sections
}

/// Whether two services mean the same by a section of several keys; the name that each has by default may differ.
fn alike(one: &[&Key], other: &[&Key]) -> bool {
    let has_dots = one.iter().all(|key| key.name.contains('.'));
    let same = |(a, b): (&&Key, &&Key)| a.name == b.name && a.meaning == b.meaning;
    has_dots && one.len() == other.len() && one.iter().zip(other).all(same)
}

fn write_table<'a>(text: &mut String, keys: impl Iterator<Item = &'a Key>) {
    text.push_str("| key | type | default | meaning |\n|---|---|---|---|\n");
    for Key { name, kind, default, meaning } in keys {
        let _ = writeln!(text, "| `{name}` | {kind} | {default} | {meaning} |");
    }
}

fn keys(schema: &Schema) -> Vec<Key> {
    let mut keys = Vec::new();
    let Some(root) = schema.as_object() else { return keys };
    let none = Map::new();
    let definitions = root.get("$defs").and_then(Value::as_object).unwrap_or(&none);
    Walk { definitions, keys: &mut keys }.section("", root, None);
    keys
}

struct Walk<'a> {
    definitions: &'a Map<String, Value>,
    keys: &'a mut Vec<Key>,
}

impl<'a> Walk<'a> {
    /// The keys of a section; `default` is what all of it is when nothing is said.
    fn section(&mut self, path: &str, schema: &'a Map<String, Value>, default: Option<&'a Value>) {
        let required: Vec<_> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let Some(property) = property.as_object() else { continue };
            let default = default.and_then(|all| all.get(name)).or(property.get("default"));
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.key(&path, property, default, required.contains(&name.as_str()));
        }
    }

    fn key(
        &mut self,
        path: &str,
        property: &'a Map<String, Value>,
        default: Option<&'a Value>,
        required: bool,
    ) {
        let target = self.resolved(property);
        if target.contains_key("properties") {
            return self.section(path, target, default);
        }
        let before = self.keys.len();
        let mut words = Vec::new();
        for variant in target.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
            let Some(variant) = variant.as_object() else { continue };
            if variant.contains_key("properties") {
                // One of several sections: each has keys of its own, and none of them has to be there.
                self.section(path, variant, None);
            }
            words.extend(variant.get("const"));
            words.extend(variant.get("enum").and_then(Value::as_array).into_iter().flatten());
        }
        let has_sections = self.keys.len() > before;
        if has_sections && words.is_empty() {
            return;
        }
        let words: Vec<_> =
            words.iter().filter_map(|word| word.as_str()).map(|word| format!("`{word}`")).collect();
        let kind = if words.is_empty() { self.kind(target) } else { words.join(" or ") };
        let description = property.get("description").or(target.get("description")).and_then(Value::as_str);
        let key = Key {
            name: path.to_owned(),
            kind,
            default: if has_sections { String::new() } else { shown(default, required) },
            meaning: description
                .unwrap_or_default()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .replace('|', "\\|"),
        };
        self.keys.insert(before, key);
    }

    /// What a property refers to, past references and "or nothing".
    fn resolved(&self, property: &'a Map<String, Value>) -> &'a Map<String, Value> {
        if let Some(name) = property.get("$ref").and_then(Value::as_str) {
            let found = self.definitions.get(name.trim_start_matches("#/$defs/")).and_then(Value::as_object);
            return found.map_or(property, |found| self.resolved(found));
        }
        let several = property.get("anyOf").or(property.get("allOf")).and_then(Value::as_array);
        let one =
            several.and_then(|all| all.iter().find(|one| one.get("type").is_none_or(|kind| kind != "null")));
        one.and_then(Value::as_object).map_or(property, |one| self.resolved(one))
    }

    fn kind(&self, schema: &'a Map<String, Value>) -> String {
        if schema.get("format").is_some_and(|format| format == "secret") {
            return "secret".to_owned();
        }
        let kind = match schema.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(Value::Array(kinds)) => {
                kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("")
            }
            _ => "",
        };
        match kind {
            "string" => "text",
            "integer" => "whole number",
            "boolean" => "true or false",
            "array" => "list",
            "object" => "section of your own keys",
            other => other,
        }
        .to_owned()
    }
}

fn shown(default: Option<&Value>, required: bool) -> String {
    match default {
        _ if required => "**must be set**".to_owned(),
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::Array(items)) if items.is_empty() => "–".to_owned(),
        Some(Value::Object(table)) if table.is_empty() => "–".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "–".to_owned(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_tells_of_its_keys() {
        let text = markdown();
        for row in [
            "| `token` | secret | **must be set** |",
            "| `listen` | text | `127.0.0.1:8420` |",
            "| `nats.nkey_file` | text | – |",
            "| `nats.url` | text | `nats://127.0.0.1:4222` |",
            "| `backend.directory.root` | text | **must be set** |",
            "| `records.sqlite.path` | text |",
            "| `runtime.docker.host` | text |",
        ] {
            assert!(text.contains(row), "{row}\n{text}");
        }
        assert_eq!(text.matches("| `nats.nkey_file` |").count(), 1, "what all have is told once");
    }

    #[test]
    fn no_key_is_without_a_meaning() {
        for service in Service::ALL {
            let keys = keys(&service.schema());
            assert!(keys.len() > 8, "{service}: {keys:?}");
            for key in keys {
                assert!(!key.meaning.is_empty() && !key.kind.is_empty(), "{service}: {key:?}");
            }
        }
    }
}
