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
    /// Seals the secrets of projects. An installation from before there were any has none yet.
    #[serde(default)]
    pub(crate) secrets_key: Option<String>,
}

impl Secrets {
    /// Reads the secrets, or makes them at the first start. A file that cannot be read is an error: with new secrets
    /// the installation would not know its own containers.
    pub(crate) fn kept(path: &Path) -> anyhow::Result<Self> {
        let kept: Option<Self> = match std::fs::read(path) {
            Ok(text) => Some(serde_json::from_slice(&text).with_context(|| {
                format!("reading {}; restore it, or start with an empty --data-dir", path.display())
            })?),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        if let Some(kept) = kept.as_ref().filter(|kept| kept.secrets_key.is_some()) {
            return Ok(kept.clone());
        }
        let made = Self { secrets_key: Some(random()), ..kept.unwrap_or_else(Self::make) };
        let text = serde_json::to_vec_pretty(&made).context("writing the secrets down")?;
        private_file::replace(path, &text)?;
        Ok(made)
    }

    fn make() -> Self {
        let id = Uuid::new_v4().simple().to_string();
        Self {
            instance: id[..8].to_owned(),
            api_token: random(),
            storage_key: random(),
            nats_password: random(),
            secrets_key: None,
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
    fn an_installation_from_before_there_were_secrets_gets_a_key_that_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        let old = r#"{"instance":"i","api_token":"a","storage_key":"s","nats_password":"n"}"#;
        std::fs::write(&path, old).unwrap();
        let first = Secrets::kept(&path).unwrap();
        assert_eq!((first.instance.as_str(), first.api_token.as_str()), ("i", "a"));
        assert!(first.secrets_key.is_some() && first == Secrets::kept(&path).unwrap());
    }

    #[test]
    fn secrets_are_made_once_and_a_damaged_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        let first = Secrets::kept(&path).unwrap();
        assert!(first == Secrets::kept(&path).unwrap());
        assert_ne!(first.api_token, first.storage_key);
        assert!(first.secrets_key.is_some_and(|key| key.len() == LENGTH));
        std::fs::write(&path, "{").unwrap();
        assert!(Secrets::kept(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"{");
    }
}
