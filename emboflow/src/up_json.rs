//! `up.json`: how clients find the platform that runs on a data directory.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::private_file;

/// Name of the file in the data directory.
pub(crate) const NAME: &str = "up.json";

/// What is in the file. Others read it too: fields are only ever added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UpJson {
    /// Base URL of the API and the page.
    pub(crate) api_url: String,
    /// The page with a one-time code that signs one browser in.
    pub(crate) page_url: String,
    /// Where NATS listens.
    pub(crate) nats_url: String,
    /// User for NATS.
    pub(crate) nats_user: String,
    /// The user's password.
    pub(crate) nats_password: String,
    /// Bearer token for the API.
    pub(crate) token: String,
    /// The process of `emboflow up`.
    pub(crate) pid: u32,
}

impl UpJson {
    /// Reads the file of a data directory; none when there is none.
    pub(crate) fn read(data_dir: &Path) -> anyhow::Result<Option<Self>> {
        let path = data_dir.join(NAME);
        match std::fs::read(&path) {
            Ok(text) => {
                let read =
                    serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))?;
                Ok(Some(read))
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Writes the file whole, readable by its owner only.
    pub(crate) fn write(&self, data_dir: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec_pretty(self).context("writing down where everything is")?;
        text.push(b'\n');
        private_file::replace(&data_dir.join(NAME), &text)
    }

    /// Removes the file; none is no error.
    pub(crate) fn remove(data_dir: &Path) -> anyhow::Result<()> {
        let path = data_dir.join(NAME);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("removing {}", path.display()))
            }
            _ => Ok(()),
        }
    }
}
