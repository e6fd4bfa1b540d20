//! A task that promises signs of life gives them by its log, or by touching a file of its workspace. One that an executor
//! takes up after a restart has its whole time again: nobody listened meanwhile.

use std::fs::symlink_metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Attempt;
use crate::runtime::HEARTBEAT_FILE;

/// How long a task's log is, as far as it has been read.
pub(super) type LogLength = watch::Receiver<u64>;

/// Looks within the time of one silence.
const LOOKS: u32 = 10;
const LOOK_EACH_MAX: Duration = Duration::from_secs(5);

impl Attempt {
    /// Ends when the task has given no sign of life for as long as it may be silent.
    pub(super) async fn silent(&self, log: Option<LogLength>) {
        let Some(limit_ms) = self.start.spec.timeouts.heartbeat_ms else {
            return std::future::pending().await;
        };
        let limit = Duration::from_millis(limit_ms);
        let file = self.workspace().join(HEARTBEAT_FILE);
        let log_limit = self.start.spec.log_limit_bytes;
        // Nothing is heard of a log that is full, or that cannot be kept.
        let length = || log.as_ref().map(|length| *length.borrow()).filter(|length| *length < log_limit);
        let mut signs = Signs::begin(length(), touched(&file));
        let mut since = Instant::now();
        while !signs.can_be_missed() || since.elapsed() < limit {
            tokio::time::sleep((limit / LOOKS).min(LOOK_EACH_MAX)).await;
            if signs.look(length(), touched(&file)) {
                since = Instant::now();
            }
        }
    }
}

/// When the file was last changed; never followed if it is a link.
fn touched(file: &Path) -> Option<(i64, i64)> {
    symlink_metadata(file).ok().map(|found| (found.ctime(), found.ctime_nsec()))
}

/// What was last seen.
#[derive(Debug)]
struct Signs {
    log: Option<u64>,
    touched: Option<(i64, i64)>,
}

impl Signs {
    fn begin(log: Option<u64>, touched: Option<(i64, i64)>) -> Self {
        Self { log, touched }
    }

    /// Whether there is something new.
    fn look(&mut self, log: Option<u64>, touched: Option<(i64, i64)>) -> bool {
        let is_new = self.log != log || self.touched != touched;
        (self.log, self.touched) = (log, touched);
        is_new
    }

    /// Whether silence says anything: a task whose log is full and which never touched the file cannot be heard.
    fn can_be_missed(&self) -> bool {
        self.log.is_some() || self.touched.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_or_a_touch_is_a_sign_and_nothing_else_is() {
        let mut signs = Signs::begin(Some(0), None);
        assert!(!signs.look(Some(0), None));
        assert!(signs.look(Some(7), None) && !signs.look(Some(7), None));
        assert!(signs.look(Some(7), Some((5, 1))) && signs.look(Some(7), Some((5, 2))));
        assert!(!signs.look(Some(7), Some((5, 2))));
        assert!(signs.look(Some(7), Some((1, 0))), "also after the clock was set back");
    }

    #[test]
    fn nobody_is_missed_who_cannot_be_heard() {
        let mut signs = Signs::begin(Some(9), None);
        assert!(signs.can_be_missed());
        assert!(signs.look(None, None), "the log is full");
        assert!(!signs.can_be_missed());
        assert!(signs.look(None, Some((1, 0))) && signs.can_be_missed(), "from now on by the file");
    }

    #[test]
    fn a_link_is_looked_at_and_not_through() {
        let folder = tempfile::tempdir().unwrap();
        let (file, target) = (folder.path().join("beat"), folder.path().join("target"));
        assert_eq!(touched(&file), None);
        std::os::unix::fs::symlink(&target, &file).unwrap();
        let seen = touched(&file);
        std::fs::write(&target, "x").unwrap();
        assert!(seen.is_some() && touched(&file) == seen);
    }
}
