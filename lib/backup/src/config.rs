//! What a backup command is told: the sections `records` and `backend` are those of the scheduler and of the gateway.

use std::net::SocketAddr;
use std::path::PathBuf;

use emboflow_objects::Backend;
use serde::Deserialize;

use crate::retention::Keep;

/// The configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The records of the installation.
    pub records: emboflow_records::Config,
    /// The objects of the installation.
    pub backend: Backend,
    /// Where the backups are kept: a directory or a bucket, never the one of the objects.
    pub repository: Backend,
    /// The key that seals them. `emboflow backup key` makes one.
    pub key_file: PathBuf,
    /// Files and folders of the installation that belong to a backup: configuration, NATS users and credentials.
    #[serde(default)]
    pub files: Vec<PathBuf>,
    /// Files below this folder are kept by their paths in it. Default: by their whole paths.
    #[serde(default)]
    pub files_base: Option<PathBuf>,
    /// How many backups are kept.
    #[serde(default)]
    pub keep: Keep,
    /// When backups are taken by `emboflow backup schedule`.
    #[serde(default)]
    pub schedule: Schedule,
}

/// When backups are taken.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// Minutes between the beginnings of two backups, 1 to 10,080. Default 360: every six hours.
    pub every_minutes: u32,
    /// Where `/health`, `/ready` and `/metrics` are served. Default `127.0.0.1:4086`.
    pub listen: SocketAddr,
    /// A file that gets the same figures for a node exporter's textfile collector, after each backup.
    pub metrics_file: Option<PathBuf>,
}

impl Schedule {
    /// Errors: an interval that is none.
    pub fn check(&self) -> Result<(), String> {
        match self.every_minutes {
            1..=10_080 => Ok(()),
            other => Err(format!("schedule.every_minutes is {other}: it is between 1 and 10080")),
        }
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self { every_minutes: 360, listen: ([127, 0, 0, 1], 4086).into(), metrics_file: None }
    }
}
