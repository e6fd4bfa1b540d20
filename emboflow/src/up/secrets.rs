//! What is made once for an installation and kept: its id, token, keys and passwords.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use rand::distr::{Alphanumeric, SampleString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::private_file;

/// Letters and digits of a secret: more than 256 bits.
const LENGTH: usize = 44;

/// The secrets of an installation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secrets {
    /// Marks the containers of this installation; no secret, but kept for as long.
    pub(crate) instance: String,
    /// Bearer token of the API.
    pub(crate) api_token: String,
    /// Signs storage tokens.
    pub(crate) storage_key: String,
    /// Password of the one NATS user.
    pub(crate) nats_password: String,
}

impl Secrets {
    /// Reads the secrets, or makes them at the first start. A file that cannot be read is an error: with new secrets
    /// the installation would not know its own containers.
    pub(crate) fn kept(path: &Path) -> anyhow::Result<Self> {
        match std::fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| {
                format!("reading {}; restore it, or start with an empty --data-dir", path.display())
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let made = Self::make();
                let text = serde_json::to_vec_pretty(&made).context("writing the secrets down")?;
                private_file::replace(path, &text)?;
                Ok(made)
            }
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    fn make() -> Self {
        let id = Uuid::new_v4().simple().to_string();
        Self {
            instance: id[..8].to_owned(),
            api_token: random(),
            storage_key: random(),
            nats_password: random(),
        }
    }
}

/// A new secret.
pub(crate) fn random() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_made_once_and_a_damaged_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        let first = Secrets::kept(&path).unwrap();
        assert!(first == Secrets::kept(&path).unwrap());
        assert_ne!(first.api_token, first.storage_key);
        std::fs::write(&path, "{").unwrap();
        assert!(Secrets::kept(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"{");
    }
}
