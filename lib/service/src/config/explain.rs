//! What a configuration comes to, key by key, and which layer set each.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::layers::{Layers, Node, Origin, Value};
use super::read::current_name;
use super::{ConfigError, gather};

/// One key of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The dotted key.
    pub key: String,
    /// Its value; secrets show as `[secret]`, and what is not set as null.
    pub value: Json,
    /// The layer that set it.
    pub layer: Layer,
    /// Where: the file, the variable, the flag, and the file that a `_file` key named. Empty for a default.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub place: String,
}

/// Who sets values; later ones win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The program itself.
    Default,
    /// The TOML file.
    File,
    /// A variable of the environment.
    Environment,
    /// The command line.
    Flag,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
        })
    }
}

/// Reads a configuration as [`super::load`] does, and tells of every key what it is and who said so.
///
/// # Errors
/// Those of [`super::load`].
pub fn settings<T: DeserializeOwned + Serialize>(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<Setting>, ConfigError> {
    let layers = gather(file, environment, flags)?;
    let config: T = layers.clone().read()?;
    let value = serde_json::to_value(&config).map_err(ConfigError::invalid)?;
    let mut settings = Vec::new();
    leaves(&value, &mut Vec::new(), &mut |path, value| {
        let (layer, place) = origin(&layers, path);
        settings.push(Setting { key: path.join("."), value: value.clone(), layer, place });
    });
    Ok(settings)
}

/// Visits what has no keys of its own: values, lists, and sections without any.
fn leaves(value: &Json, path: &mut Vec<String>, visit: &mut impl FnMut(&[String], &Json)) {
    match value {
        Json::Object(table) if !table.is_empty() => {
            for (key, value) in table {
                path.push(key.clone());
                leaves(value, path, visit);
                path.pop();
            }
        }
        other => visit(path, other),
    }
}

/// Who set a key: the node on its path, or the one that names the file with its value.
fn origin(layers: &Layers, path: &[String]) -> (Layer, String) {
    let mut table = layers.root();
    for (depth, key) in path.iter().enumerate() {
        let direct = table.iter().find(|(name, _)| current_name(name) == key).map(|(_, node)| node);
        let by_file = table.get(&format!("{key}_file")).filter(|_| depth + 1 == path.len());
        let node = match (direct, by_file) {
            (Some(direct), Some(by_file)) if by_file.origin.layer() > direct.origin.layer() => by_file,
            (Some(direct), _) => direct,
            (None, Some(by_file)) => by_file,
            (None, None) => return (Layer::Default, String::new()),
        };
        match &node.value {
            Value::Table(inner) if depth + 1 < path.len() => table = inner,
            _ => return told(node, by_file.is_some_and(|by_file| std::ptr::eq(by_file, node))),
        }
    }
    (Layer::Default, String::new())
}

fn told(node: &Node, names_a_file: bool) -> (Layer, String) {
    let (layer, place) = match &node.origin {
        Origin::Default => (Layer::Default, String::new()),
        Origin::File(path) => (Layer::File, path.display().to_string()),
        Origin::Variable(name) => (Layer::Environment, name.clone()),
        Origin::Flag(key) => (Layer::Flag, format!("--set {key}")),
    };
    let read = match &node.value {
        Value::Text(path) | Value::Toml(toml::Value::String(path)) if names_a_file => {
            format!(", read from {path}")
        }
        _ => String::new(),
    };
    (layer, format!("{place}{read}"))
}
