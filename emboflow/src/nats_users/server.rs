//! The server that is to hear of its users anew.

use std::path::{Path, PathBuf};

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
pub(crate) fn reload(dir: &Path, which: Option<&Which>) -> anyhow::Result<Server> {
    match which {
        None => Ok(nats::reload(dir).map_or(Server::Absent, Server::Told)),
        Some(Which::Process(number)) => tell(*number, &format!("process {number}")),
        Some(Which::NamedIn(path)) => of_file(path),
    }
}

/// Which process the server is, where nothing else tells.
#[derive(Clone, Debug)]
pub(crate) enum Which {
    /// The one with this number.
    Process(i32),
    /// The one whose number is in this file.
    NamedIn(PathBuf),
}

fn of_file(path: &Path) -> anyhow::Result<Server> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let Some(number) = text.trim().parse::<i32>().ok().filter(|number| *number > 0) else {
        bail!("{} holds no process id", path.display());
    };
    tell(number, &format!("process {number} of {}", path.display()))
}

fn tell(number: i32, called: &str) -> anyhow::Result<Server> {
    let name = std::fs::read_to_string(format!("/proc/{number}/comm")).unwrap_or_default();
    let is_server = number > 0 && name.trim() == "nats-server";
    let pid = Some(number).filter(|_| is_server).and_then(Pid::from_raw);
    let Some(pid) = pid else { bail!("{called} is no nats-server; nothing was sent to it") };
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
            let error = reload(dir.path(), Some(&Which::NamedIn(file.clone()))).unwrap_err().to_string();
            assert!(error.contains(words), "{content}: {error}");
        }
        for number in [-1, 0, 1] {
            let error = reload(dir.path(), Some(&Which::Process(number))).unwrap_err().to_string();
            assert!(error.contains("no nats-server"), "{error}");
        }
    }
}
