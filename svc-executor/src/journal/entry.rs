//! What is written down about an attempt, and what the entries add up to.

use std::time::Duration;

use emboflow_model::Timestamp;
use emboflow_model::transition::{AttemptEnd, AttemptTimes};
use emboflow_protocol::command::Start;
use serde::{Deserialize, Serialize};

/// One entry about one attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub(crate) enum Entry {
    /// The command arrived.
    Intent {
        /// The command.
        start: Box<Start>,
    },
    /// The scheduler let it go on. The credentials that came with the answer are not written down.
    Claimed {
        /// When.
        at: Timestamp,
    },
    /// Its image is there.
    ImageReady {
        /// Content digest.
        digest: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// Its container is about to be started.
    Starting {
        /// Tells one start of the machine from another.
        boot: String,
        /// Milliseconds since that start.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uptime_ms: Option<u64>,
    },
    /// It was told to end.
    Stopping {
        /// Why.
        reason: emboflow_model::Reason,
        /// The same in words, where the reason alone does not say enough.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// It is over.
    Ended {
        /// How.
        end: Box<AttemptEnd>,
    },
    /// The scheduler knows; nothing of it is kept but this.
    Released {
        /// Under which fence it was carried out; 0 where an older program wrote it.
        #[serde(default)]
        fence: u64,
    },
}

/// Why an attempt was told to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stopping {
    pub(crate) reason: emboflow_model::Reason,
    /// The same in words, where the reason alone does not say enough.
    pub(crate) detail: Option<String>,
}

/// All that is known of an attempt that was not released.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Marks {
    pub(crate) start: Option<Box<Start>>,
    pub(crate) image_digest: Option<String>,
    pub(crate) boot: Option<String>,
    pub(crate) uptime_ms: Option<u64>,
    pub(crate) stopping: Option<Stopping>,
    pub(crate) times: AttemptTimes,
    pub(crate) end: Option<Box<AttemptEnd>>,
}

impl Marks {
    /// Adds what an entry says.
    pub(crate) fn note(&mut self, entry: Entry) {
        match entry {
            Entry::Intent { start } => self.start = Some(start),
            Entry::Claimed { at } => self.times.claimed_at = Some(at),
            Entry::ImageReady { digest, at } => {
                self.image_digest = digest;
                self.times.pulled_at = Some(at);
            }
            Entry::Starting { boot, uptime_ms } => (self.boot, self.uptime_ms) = (Some(boot), uptime_ms),
            Entry::Stopping { reason, detail } => self.stopping = Some(Stopping { reason, detail }),
            Entry::Ended { end } => self.end = Some(end),
            Entry::Released { .. } => {}
        }
    }

    /// How long its container has run, if the machine was not started again since.
    pub(crate) fn ran_since(&self, boot: &str, uptime_ms: Option<u64>) -> Option<Duration> {
        let began = self.uptime_ms.filter(|_| self.boot.as_deref() == Some(boot))?;
        Some(Duration::from_millis(uptime_ms?.saturating_sub(began)))
    }

    /// The entries that add up to this.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        entries.extend(self.start.clone().map(|start| Entry::Intent { start }));
        entries.extend(self.times.claimed_at.map(|at| Entry::Claimed { at }));
        entries.extend(
            self.times.pulled_at.map(|at| Entry::ImageReady { digest: self.image_digest.clone(), at }),
        );
        let uptime_ms = self.uptime_ms;
        entries.extend(self.boot.clone().map(|boot| Entry::Starting { boot, uptime_ms }));
        let stopping = self.stopping.clone();
        entries.extend(stopping.map(|Stopping { reason, detail }| Entry::Stopping { reason, detail }));
        entries.extend(self.end.clone().map(|end| Entry::Ended { end }));
        entries
    }
}
