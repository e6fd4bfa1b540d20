//! Configuration in layers: flag over environment over TOML file over the defaults of the `Config` struct.
//!
//! `EMBOFLOW__STORAGE__LISTEN` is the key `storage.listen`. A key with `_file` behind its name (in any layer)
//! reads the value from that file, for secrets. A key that no `Config` field answers to is an error.
//! `Config` structs use neither `#[serde(flatten)]` nor internally tagged enums: those hide the wanted type.

mod error;
mod explain;
mod keys;
mod layers;
mod read;
mod secret;

pub use error::ConfigError;
pub use explain::{Layer, Setting, settings};
pub use keys::Keys;
pub use secret::Secret;

use layers::Layers;
use serde::de::DeserializeOwned;
use std::path::Path;

/// Reads a configuration from an optional TOML file, environment variables (only `EMBOFLOW__…` count) and
/// flags (`("listen", "127.0.0.1:0")`; dots between section and key).
pub fn load<T: DeserializeOwned>(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: impl IntoIterator<Item = (String, String)>,
) -> Result<T, ConfigError> {
    gather(file, environment, flags)?.read()
}

fn gather(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: impl IntoIterator<Item = (String, String)>,
) -> Result<Layers, ConfigError> {
    let mut layers = Layers::default();
    if let Some(path) = file {
        layers.add_file(path)?;
    }
    layers.add_environment(environment)?;
    layers.add_flags(flags)?;
    Ok(layers)
}

/// The environment of this process, for [`load`]. Variables that are not UTF-8 are left out.
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
