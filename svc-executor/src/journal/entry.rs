//! What is written down about an attempt, and what the entries add up to.

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
    },
    /// It was told to end.
    Stopping {
        /// Why.
        reason: emboflow_model::Reason,
    },
    /// It is over.
    Ended {
        /// How.
        end: Box<AttemptEnd>,
    },
    /// The scheduler knows; nothing of it is kept but this.
    Released,
}

/// All that is known of an attempt that was not released.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Marks {
    pub(crate) start: Option<Box<Start>>,
    pub(crate) image_digest: Option<String>,
    pub(crate) boot: Option<String>,
    pub(crate) stopping: Option<emboflow_model::Reason>,
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
            Entry::Starting { boot } => self.boot = Some(boot),
            Entry::Stopping { reason } => self.stopping = Some(reason),
            Entry::Ended { end } => self.end = Some(end),
            Entry::Released => {}
        }
    }

    /// The entries that add up to this.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        entries.extend(self.start.clone().map(|start| Entry::Intent { start }));
        entries.extend(self.times.claimed_at.map(|at| Entry::Claimed { at }));
        entries.extend(
            self.times.pulled_at.map(|at| Entry::ImageReady { digest: self.image_digest.clone(), at }),
        );
        entries.extend(self.boot.clone().map(|boot| Entry::Starting { boot }));
        entries.extend(self.stopping.map(|reason| Entry::Stopping { reason }));
        entries.extend(self.end.clone().map(|end| Entry::Ended { end }));
        entries
    }
}
