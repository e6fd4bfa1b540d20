//! The server that is to hear of its users anew.

use std::path::Path;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::up::nats;

/// What became of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// The process reads its configuration again.
    Told(u32),
    /// None of ours runs on this folder; whoever runs one apart has to tell it.
    Absent,
}

/// Tells the server to read its configuration again: the one whose process id is in a file, or the child of the
/// `emboflow up` of this folder. Errors: the file does not name a nats-server.
pub(crate) fn reload(dir: &Path, pid_file: Option<&Path>) -> anyhow::Result<Server> {
    let Some(path) = pid_file else {
        return Ok(nats::reload(dir).map_or(Server::Absent, Server::Told));
    };
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let number = text.trim().parse::<i32>().ok().filter(|number| *number > 0);
    let Some((pid, number)) = number.and_then(|number| Some((Pid::from_raw(number)?, number))) else {
        bail!("{} holds no process id", path.display());
    };
    let name = std::fs::read_to_string(format!("/proc/{number}/comm")).unwrap_or_default();
    if name.trim() != "nats-server" {
        bail!("process {number} of {} is no nats-server; nothing was sent to it", path.display());
    }
    kill_process(pid, Signal::HUP).with_context(|| format!("telling nats-server (process {number})"))?;
    Ok(Server::Told(number.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_nats_server_is_ever_sent_a_signal() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(reload(dir.path(), None).unwrap(), Server::Absent);
        let file = dir.path().join("nats.pid");
        for (content, words) in
            [("", "no process id"), ("-7", "no process id"), ("0", "no process id"), ("1", "no nats-server")]
        {
            std::fs::write(&file, content).unwrap();
            let error = reload(dir.path(), Some(&file)).unwrap_err().to_string();
            assert!(error.contains(words), "{content}: {error}");
        }
    }
}
