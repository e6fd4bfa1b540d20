//! Which of several executors this process is, where all of them are started with the same settings: `--scale executor=3`.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use emboflow_model::ExecutorId;

use crate::config::Config;

/// What stands for the seat in `nats.nkey_file`.
const PLACEHOLDER: &str = "{seat}";

/// A place among the executors of an installation. Nobody else has it as long as this lives.
#[derive(Debug)]
pub(crate) struct Seat {
    _held: File,
}

/// Takes the first seat that is free, and puts it into the configuration: its name is the executor's id and the NATS
/// user, and its folder in the data directory becomes the data directory. None: the configuration names no seats.
///
/// # Errors
/// All are taken, or the data directory cannot be used.
pub(crate) fn take(config: &mut Config) -> anyhow::Result<Option<Seat>> {
    if config.seats.is_empty() {
        return Ok(None);
    }
    for seat in &config.seats {
        let dir = config.data_dir.join(seat.as_str());
        if let Some(held) = hold(&dir)? {
            let seat = seat.clone();
            sit_down(config, &seat, dir);
            return Ok(Some(Seat { _held: held }));
        }
    }
    let all: Vec<_> = config.seats.iter().map(ExecutorId::as_str).collect();
    bail!(
        "every seat in {} is taken ({}): start fewer executors, or name more in `seats`",
        config.data_dir.display(),
        all.join(", ")
    )
}

fn sit_down(config: &mut Config, seat: &ExecutorId, dir: PathBuf) {
    config.data_dir = dir;
    config.executor = Some(seat.to_string());
    config.nats.user = config.nats.nkey_file.is_some().then(|| seat.to_string());
    if let Some(file) = &config.nats.nkey_file {
        config.nats.nkey_file = Some(file.to_string_lossy().replace(PLACEHOLDER, seat.as_str()).into());
    }
}

/// The folder's lock; none while another process has it.
fn hold(dir: &Path) -> anyhow::Result<Option<File>> {
    std::fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    let path = dir.join("seat.lock");
    let file = File::options().write(true).create(true).truncate(false).open(&path);
    let file = file.with_context(|| format!("opening {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("locking {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(dir: &Path) -> Config {
        let mut config = Config { data_dir: dir.to_owned(), ..Config::default() };
        config.seats = ["executor-1", "executor-2"].map(|id| id.parse().unwrap()).to_vec();
        config.nats.nkey_file = Some("/config/nats/{seat}.nk".into());
        config
    }

    #[test]
    fn each_executor_takes_a_seat_of_its_own_until_none_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let (mut first, mut second) = (config(dir.path()), config(dir.path()));
        let held = take(&mut first).unwrap();
        let _other = take(&mut second).unwrap();
        assert_eq!(first.executor.as_deref(), Some("executor-1"));
        assert_eq!(second.executor.as_deref(), Some("executor-2"));
        assert_eq!(second.data_dir, dir.path().join("executor-2"));
        assert_eq!(second.nats.user.as_deref(), Some("executor-2"));
        assert_eq!(second.nats.nkey_file, Some("/config/nats/executor-2.nk".into()));

        let refused = take(&mut config(dir.path())).unwrap_err().to_string();
        assert!(refused.contains("executor-1, executor-2"), "{refused}");

        drop(held);
        let mut again = config(dir.path());
        let _held = take(&mut again).unwrap();
        assert_eq!(again.executor.as_deref(), Some("executor-1"), "a seat that became free is taken again");
    }

    #[test]
    fn an_executor_without_seats_stays_who_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config { data_dir: dir.path().to_owned(), ..Config::default() };
        assert!(take(&mut config).unwrap().is_none());
        assert_eq!(config.data_dir, dir.path());
    }
}
