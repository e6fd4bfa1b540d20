//! Which installation is meant: that of a configuration file, or the one in a data directory.

use std::path::{Path, PathBuf};

use emboflow_backup::{BackupKey, Config, Keep, Repository, Schedule};
use emboflow_objects::{Backend, DirectoryBackend};
use emboflow_service::config;

use super::{Options, refused};
use crate::cli::Shared;
use crate::failure::Failure;

/// An installation and the place of its backups.
pub(super) struct Place {
    pub(super) config: Config,
    /// Set when it is that of `emboflow up`.
    pub(super) data_dir: Option<PathBuf>,
}

impl Place {
    pub(super) fn find(options: &Options, shared: &Shared) -> Result<Self, Failure> {
        let environment = config::environment();
        let is_server = options.config.is_some()
            || environment.iter().any(|(name, value)| {
                !value.is_empty() && name.to_uppercase().starts_with("EMBOFLOW__REPOSITORY__")
            });
        if is_server {
            let read = config::load(options.config.as_deref(), environment, []);
            let config: Config = read.map_err(|error| Failure::usage(error.to_string()))?;
            return Ok(Self { config, data_dir: None });
        }
        let data_dir = std::path::absolute(shared.data_dir())?;
        let place = match &options.place {
            Some(place) => place.clone(),
            None => beside(&data_dir, "-backups"),
        };
        let key_file = options.key_file.clone().unwrap_or_else(|| beside(&place, ".key"));
        Ok(Self { config: of_data_dir(&data_dir, &place, key_file), data_dir: Some(data_dir) })
    }

    /// To add and remove backups.
    pub(super) fn repository(&self) -> Result<Repository, Failure> {
        Repository::open(&self.config.repository, self.key()?).map_err(refused)
    }

    /// To look at backups.
    pub(super) fn repository_to_read(&self) -> Result<Repository, Failure> {
        Repository::open_for_reading(&self.config.repository, self.key()?).map_err(refused)
    }

    fn key(&self) -> Result<BackupKey, Failure> {
        BackupKey::read(&self.config.key_file).map_err(refused)
    }
}

fn of_data_dir(data_dir: &Path, place: &Path, key_file: PathBuf) -> Config {
    Config {
        records: emboflow_records::Config::Sqlite { path: data_dir.join("records").join("emboflow.db") },
        backend: Backend::Directory(DirectoryBackend::new(data_dir.join("objects"))),
        repository: Backend::Directory(DirectoryBackend::new(place)),
        key_file,
        files: files_of(data_dir),
        files_base: Some(data_dir.to_owned()),
        keep: Keep::default(),
        schedule: Schedule::default(),
    }
}

/// The secrets of the installation, and the users of NATS; what NATS keeps itself is rebuilt.
fn files_of(data_dir: &Path) -> Vec<PathBuf> {
    let nats = std::fs::read_dir(data_dir.join("nats")).into_iter().flatten().flatten();
    let users = nats.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.is_file() && (name.ends_with(".nk") || name.ends_with(".creds") || name.starts_with("users."))
    });
    let secrets = data_dir.join("secrets.json");
    secrets.is_file().then_some(secrets).into_iter().chain(users).collect()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
