//! Gathers the layers into one tree in which each value remembers who set it.

use super::ConfigError;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) const PREFIX: &str = "EMBOFLOW__";

/// Who set a value. Later variants win over earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Default,
    File(Arc<Path>),
    Variable(String),
    Flag(String),
}

impl Origin {
    pub(super) fn layer(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File(_) => 1,
            Self::Variable(_) => 2,
            Self::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::Flag(key) => write!(f, "flag --set {key}"),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    /// From the environment or a flag: takes the type that the field wants.
    Text(String),
    /// A scalar or list of a TOML file.
    Toml(toml::Value),
    Table(BTreeMap<String, Node>),
}

/// The tree of everything that was set, lower layers first.
#[derive(Clone, Default)]
pub(super) struct Layers {
    root: BTreeMap<String, Node>,
}

impl Layers {
    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| syntax_error(path, &text, &error))?;
        let origin = Origin::File(path.into());
        merge(&mut self.root, from_toml(table, &origin));
        Ok(())
    }

    /// An empty variable counts as not set, because Compose files pass `${NAME:-}` on so.
    pub(super) fn add_environment(
        &mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), ConfigError> {
        for (name, text) in variables {
            if let Some(path) = name.strip_prefix(PREFIX).filter(|_| !text.is_empty()) {
                let path: Vec<String> = path.split("__").map(str::to_lowercase).collect();
                self.set(&path, text, Origin::Variable(name))?;
            }
        }
        Ok(())
    }

    pub(super) fn add_flags(
        &mut self,
        flags: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), ConfigError> {
        for (key, text) in flags {
            let path: Vec<String> = key.split('.').map(str::to_owned).collect();
            self.set(&path, text, Origin::Flag(key))?;
        }
        Ok(())
    }

    /// Everything that was set.
    pub(super) fn root(&self) -> &BTreeMap<String, Node> {
        &self.root
    }

    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, ConfigError> {
        T::deserialize(Node { origin: Origin::Default, value: Value::Table(self.root) })
    }

    fn set(&mut self, path: &[String], text: String, origin: Origin) -> Result<(), ConfigError> {
        if path.iter().any(String::is_empty) {
            let message = "a key has a name between its separators".to_owned();
            return Err(ConfigError::Invalid {
                key: path.join("."),
                origin: Some(origin.to_string()),
                message,
            });
        }
        let mut node = Node { origin: origin.clone(), value: Value::Text(text) };
        for name in path.iter().skip(1).rev() {
            node = Node { origin: origin.clone(), value: Value::Table([(name.clone(), node)].into()) };
        }
        if let Some(first) = path.first() {
            merge(&mut self.root, [(first.clone(), node)].into());
        }
        Ok(())
    }
}

fn syntax_error(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let place = error.span().and_then(|span| text.get(..span.start)).map(|before| {
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        format!("line {}, column {column}: ", before.matches('\n').count() + 1)
    });
    let message = format!("{}{}", place.unwrap_or_default(), error.message());
    ConfigError::Syntax { path: PathBuf::from(path), message }
}

fn from_toml(table: toml::Table, origin: &Origin) -> BTreeMap<String, Node> {
    let node = |value| match value {
        toml::Value::Table(inner) => Value::Table(from_toml(inner, origin)),
        other => Value::Toml(other),
    };
    table.into_iter().map(|(key, value)| (key, Node { origin: origin.clone(), value: node(value) })).collect()
}

fn merge(into: &mut BTreeMap<String, Node>, from: BTreeMap<String, Node>) {
    for (key, node) in from {
        match (into.get_mut(&key), node) {
            (Some(Node { value: Value::Table(old), .. }), Node { value: Value::Table(new), .. }) => {
                merge(old, new)
            }
            (_, node) => drop(into.insert(key, node)),
        }
    }
}
