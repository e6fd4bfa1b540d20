//! Other processes of this machine, told apart also when the system gives a pid out again.

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// One process: its pid, when it started in clock ticks since the machine did, and which start of the machine that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    pub(crate) start_ticks: u64,
    pub(crate) boot: u128,
}

impl Identity {
    /// The running process with this pid; none when it has ended, whether or not somebody has waited for it.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(Self { pid, start_ticks: start_ticks(&stat)?, boot: boot()? })
    }

    /// Whether this very process still runs.
    pub(crate) fn runs(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends a signal; a process that is gone is no error.
    pub(crate) fn signal(self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw).filter(|_| self.runs()) {
            let _gone_already = kill_process(pid, signal);
        }
    }
}

/// The id that the system gives each of its own starts.
fn boot() -> Option<u128> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    u128::from_str_radix(&id.trim().replace('-', ""), 16).ok()
}

/// The start of a process from its `stat` line; none for one that has ended. The name in parentheses may hold anything.
fn start_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?;
    // Field 22 of all; the state is the third.
    (!matches!(state, "Z" | "X")).then(|| fields.nth(18)?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_pid_and_start() {
        let own = Identity::of(std::process::id()).unwrap();
        assert!(own.runs());
        assert!(!Identity { start_ticks: own.start_ticks + 1, ..own }.runs());
        assert!(
            !Identity { boot: own.boot + 1, ..own }.runs(),
            "a process of before the machine's last start"
        );
        let noted = serde_json::to_string(&own).unwrap();
        assert_eq!(serde_json::from_str::<Identity>(&noted).unwrap(), own);
    }

    #[test]
    fn a_name_with_parentheses_does_not_confuse_and_the_dead_do_not_run() {
        let line =
            |state: &str| format!("7 (a) b (c)) {state} 1 7 7 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 9");
        assert_eq!(start_ticks(&line("S")), Some(4711));
        assert_eq!(start_ticks(&line("Z")), None);
        assert_eq!(start_ticks("garbage"), None);
    }
}
