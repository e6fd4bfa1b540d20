//! Fields and types: the tree against the JSON Schema, with every difference found, not only the first.

use serde_json::Value;

use super::code;
use super::document::{Data, Document, Node, Problems, join};
use super::suggest::{self, shown};

/// Collects unknown fields, missing fields and values of the wrong type.
pub(super) fn check(document: &Document, schema: &Value, problems: &mut Problems) {
    let walk = Walk { document, root: schema };
    walk.value(&document.root, schema, "", problems);
}

struct Walk<'a> {
    document: &'a Document,
    root: &'a Value,
}

impl Walk<'_> {
    fn value(&self, node: &Node, schema: &Value, pointer: &str, problems: &mut Problems) {
        if problems.is_full() {
            return;
        }
        let schema = self.resolve(schema);
        if let Some(branches) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
            return self.one_of(node, branches, pointer, problems);
        }
        if let Some(types) = type_names(schema)
            && !types.iter().any(|name| has_type(&node.data, name))
        {
            return problems.push(self.wrong_type(node, &types, pointer));
        }
        if matches!(node.data, Data::Null) {
            return;
        }
        if let Some(words) = allowed(schema) {
            self.word(node, &words, pointer, problems);
        }
        self.range(node, schema, pointer, problems);
        match &node.data {
            Data::List(items) => {
                if let Some(item_schema) = schema.get("items") {
                    for (index, item) in items.iter().enumerate() {
                        self.value(item, item_schema, &join(pointer, &index.to_string()), problems);
                    }
                }
            }
            Data::Map(_) => self.fields(node, schema, pointer, problems),
            _ => {}
        }
    }

    fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => self.root.pointer(pointer).unwrap_or(schema),
            None => schema,
        }
    }

    /// A value that may be one of several things: the branch with its type is the one that people meant.
    fn one_of(&self, node: &Node, branches: &[Value], pointer: &str, problems: &mut Problems) {
        let branches: Vec<&Value> = branches.iter().map(|branch| self.resolve(branch)).collect();
        if branches.iter().all(|branch| branch.get("const").is_some()) {
            let words: Vec<&Value> = branches.iter().filter_map(|branch| branch.get("const")).collect();
            return self.word(node, &words, pointer, problems);
        }
        let fits = |branch: &&&Value| {
            type_names(branch).is_none_or(|types| types.iter().any(|name| has_type(&node.data, name)))
        };
        if let Some(branch) = branches.iter().find(fits) {
            return self.value(node, branch, pointer, problems);
        }
        let types: Vec<&str> = branches.iter().filter_map(|branch| type_names(branch)).flatten().collect();
        problems.push(self.wrong_type(node, &types, pointer));
    }

    fn fields(&self, node: &Node, schema: &Value, pointer: &str, problems: &mut Problems) {
        let Data::Map(entries) = &node.data else { return };
        let known = schema["properties"].as_object();
        let others = schema.get("additionalProperties");
        for (key, entry) in entries {
            if problems.is_full() {
                return;
            }
            let child = join(pointer, key);
            match (known.and_then(|known| known.get(&**key)), others) {
                (Some(field), _) => self.value(&entry.value, field, &child, problems),
                (None, Some(Value::Bool(false))) => {
                    let names = known.into_iter().flat_map(|known| known.keys().map(String::as_str));
                    let message = format!("unknown field `{}` {}", shown(key), place(pointer));
                    let problem = self.document.at_span(code::UNKNOWN_FIELD, &child, entry.key, message);
                    problems.push(problem.with_some_hint(field_hint(key, names)));
                }
                (None, Some(field)) => self.value(&entry.value, field, &child, problems),
                (None, None) => {}
            }
        }
        for field in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !entries.contains_key(field) {
                let message = format!("the field `{field}` is missing {}", place(pointer));
                problems.push(self.document.at_key(code::MISSING_FIELD, pointer, message));
            }
        }
    }

    fn word(&self, node: &Node, allowed: &[&Value], pointer: &str, problems: &mut Problems) {
        let given = node.to_value();
        if allowed.contains(&&given) {
            return;
        }
        let names: Vec<&str> = allowed.iter().filter_map(|word| word.as_str()).collect();
        let listed: Vec<String> = allowed.iter().map(|word| format!("`{}`", text_of(word))).collect();
        let (code, message) = match pointer {
            "/version" => (
                code::UNSUPPORTED_VERSION,
                format!("this program reads version 1 of the format, not {given}"),
            ),
            _ => {
                let given = shown(&text_of(&given));
                (code::BAD_VALUE, format!("`{}` is {}, not `{given}`", field(pointer), any_of(&listed)))
            }
        };
        let hint = node_text(node)
            .and_then(|text| suggest::nearest(text, names))
            .map(|nearest| format!("did you mean `{nearest}`?"));
        problems.push(self.document.at_span(code, pointer, node.span, message).with_some_hint(hint));
    }

    fn range(&self, node: &Node, schema: &Value, pointer: &str, problems: &mut Problems) {
        #[expect(clippy::cast_precision_loss, reason = "a bound is far below 2^53")]
        let number = match node.data {
            Data::Integer(value) => value as f64,
            Data::Number(value) => value,
            _ => return,
        };
        let least = schema["minimum"].as_f64().filter(|least| number < *least);
        let most = schema["maximum"].as_f64().filter(|most| number > *most);
        let bound = match (least, most) {
            (Some(least), _) => format!("at least {least}"),
            (_, Some(most)) => format!("at most {most}"),
            _ => return,
        };
        let message = format!("`{}` is {bound}, not {number}", field(pointer));
        problems.push(self.document.at_span(code::BAD_VALUE, pointer, node.span, message));
    }

    fn wrong_type(&self, node: &Node, types: &[&str], pointer: &str) -> super::Problem {
        let mut names: Vec<String> =
            types.iter().filter(|name| **name != "null").map(|name| spoken(name).to_owned()).collect();
        names.dedup();
        let message =
            format!("`{}` must be {}, but it is {}", field(pointer), any_of(&names), node.data.type_name());
        let hint = match &node.data {
            Data::Null => Some("leave the field out, or give it a value".to_owned()),
            Data::Text(_) if types.contains(&"array") => {
                Some(format!("write [{}]", shown(self.document.source.slice(node.span))))
            }
            Data::Boolean(_) | Data::Integer(_) | Data::Number(_) if types.contains(&"string") => {
                Some(format!("write \"{}\" with quotes", shown(self.document.source.slice(node.span))))
            }
            _ => None,
        };
        self.document.at_span(code::WRONG_TYPE, pointer, node.span, message).with_some_hint(hint)
    }
}

fn node_text(node: &Node) -> Option<&str> {
    match &node.data {
        Data::Text(text) => Some(text),
        _ => None,
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn allowed(schema: &Value) -> Option<Vec<&Value>> {
    match schema.get("const") {
        Some(word) => Some(vec![word]),
        None => schema["enum"].as_array().map(|words| words.iter().collect()),
    }
}

fn type_names(schema: &Value) -> Option<Vec<&str>> {
    match &schema["type"] {
        Value::String(name) => Some(vec![name]),
        Value::Array(names) => Some(names.iter().filter_map(Value::as_str).collect()),
        _ if schema["enum"].is_array() || schema["const"].is_string() => Some(vec!["string"]),
        _ if schema["oneOf"].as_array().is_some_and(|all| all.iter().all(|one| one["const"].is_string())) => {
            Some(vec!["string"])
        }
        _ => None,
    }
}

fn has_type(data: &Data, name: &str) -> bool {
    match data {
        Data::Null => name == "null",
        Data::Boolean(_) => name == "boolean",
        Data::Integer(_) => matches!(name, "integer" | "number"),
        Data::Number(_) => name == "number",
        Data::Text(_) => name == "string",
        Data::List(_) => name == "array",
        Data::Map(_) => name == "object",
    }
}

fn spoken(name: &str) -> &str {
    match name {
        "boolean" => "a boolean",
        "integer" => "an integer",
        "number" => "a number",
        "string" => "a text",
        "array" => "a list",
        "object" => "a mapping",
        other => other,
    }
}

fn any_of(names: &[String]) -> String {
    match names {
        [] => "something else".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The last named part of a pointer, for messages.
fn field(pointer: &str) -> String {
    match pointer.trim_start_matches('/') {
        "" => "the file".to_owned(),
        path => shown(&path.replace('/', ".").replace("~1", "/").replace("~0", "~")),
    }
}

fn place(pointer: &str) -> String {
    match pointer {
        "" => "at the top of the file".to_owned(),
        _ => format!("in `{}`", field(pointer)),
    }
}

/// Words of other tools that people bring along, and what they are called here.
fn field_hint<'a>(given: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    const ELSEWHERE: &[(&str, &str)] = &[
        ("depends_on", "needs"),
        ("dependencies", "needs"),
        ("dependsOn", "needs"),
        ("when", "if"),
        ("script", "run"),
        ("entrypoint", "command"),
        ("container", "image"),
        ("environment", "env"),
        ("working_dir", "workdir"),
        ("working-directory", "workdir"),
        ("artifacts", "outputs"),
        ("params", "inputs"),
        ("parameters", "inputs"),
        ("jobs", "tasks"),
        ("steps", "tasks"),
        ("retries", "retry"),
        ("timeout-minutes", "timeout"),
        ("runs-on", "labels"),
        ("strategy", "matrix"),
        ("continue-on-error", "continue_on_error"),
        ("limits", "resources"),
        ("triggers", "on"),
    ];
    let here: Vec<&str> = known.collect();
    let called = ELSEWHERE.iter().find(|(word, name)| *word == given && here.contains(name));
    match called {
        Some((_, name)) => Some(format!("here it is called `{name}`")),
        None => suggest::hint(given, here),
    }
}
