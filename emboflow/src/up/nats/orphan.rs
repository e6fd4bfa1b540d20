//! A nats-server whose parent was killed dies too, but not at the same instant: two on one directory would damage it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::Signal;

use crate::private_file;
use crate::process::Identity;

/// How long to wait for it, and then after each signal.
const PATIENCE: [(Option<Signal>, Duration); 3] = [
    (None, Duration::from_secs(2)),
    (Some(Signal::TERM), Duration::from_secs(5)),
    (Some(Signal::KILL), Duration::from_secs(5)),
];
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Writes down which server uses the directory.
pub(super) fn note(dir: &Path, identity: Option<Identity>) -> anyhow::Result<()> {
    let text = serde_json::to_vec(&identity).context("writing down which nats-server runs")?;
    private_file::replace(&file(dir), &text)
}

/// The server that was written down last, whether or not it still runs.
pub(super) fn noted(dir: &Path) -> Option<Identity> {
    let text = std::fs::read(file(dir)).ok()?;
    serde_json::from_slice::<Option<Identity>>(&text).ok()?
}

/// The server has ended.
pub(super) fn forget(dir: &Path) {
    let _was_not_there = std::fs::remove_file(file(dir));
}

/// Waits until the server that used the directory last is gone. It is known by pid and start, so it is certainly ours
/// and may be ended.
pub(super) async fn wait_until_gone(dir: &Path) -> anyhow::Result<()> {
    let Some(left) = noted(dir) else { return Ok(()) };
    for (signal, patience) in PATIENCE {
        if let Some(signal) = signal.filter(|_| left.runs()) {
            tracing::warn!(pid = left.pid, ?signal, "a nats-server of before still runs here; ending it");
            left.signal(signal);
        }
        let until = Instant::now() + patience;
        while left.runs() && Instant::now() < until {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
    if left.runs() {
        bail!(
            "the nats-server of before (process {}) does not end; its directory is {}",
            left.pid,
            dir.display()
        );
    }
    forget(dir);
    Ok(())
}

fn file(dir: &Path) -> PathBuf {
    dir.join("server.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_orphan_is_waited_for_and_another_process_with_its_pid_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut orphan = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let identity = Identity::of(orphan.id()).unwrap();
        note(dir.path(), Some(identity)).unwrap();
        wait_until_gone(dir.path()).await.unwrap();
        assert!(!identity.runs() && !file(dir.path()).exists());
        orphan.wait().unwrap();

        let other = Identity { start_ticks: 1, ..Identity::of(std::process::id()).unwrap() };
        note(dir.path(), Some(other)).unwrap();
        wait_until_gone(dir.path()).await.unwrap();
    }
}
