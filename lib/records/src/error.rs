//! What can go wrong with the records, as facts that callers act on.

use std::fmt;

/// An operation on the records did not succeed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RecordsError {
    /// The store cannot do it now. A write may or may not have happened: read back before deciding again.
    #[error("the records are unavailable ({reason}): {detail}")]
    Unavailable {
        /// What kind of trouble.
        reason: Unavailability,
        /// What the store said.
        detail: String,
    },
    /// The text given as a cursor is none of this list with this sort order.
    #[error("'{cursor}' is not a cursor of this list")]
    BadCursor {
        /// The refused text.
        cursor: String,
    },
    /// Something stored cannot be read, or does not fit together.
    #[error("the records hold something unreadable: {what}: {detail}")]
    Corrupt {
        /// What was read, with its id.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A newer version of the program has written these records.
    #[error(
        "the records have schema version {found}, this program knows up to {known}: \
         use the newer program, or restore a backup of before the upgrade"
    )]
    NewerSchema {
        /// Version of the records.
        found: u32,
        /// Newest version that this program knows.
        known: u32,
    },
}

/// Why the store cannot do something now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailability {
    /// The disk is full; it recovers by itself when there is room again.
    DiskFull,
    /// Another process held the store for too long.
    Busy,
    /// No answer in time.
    Timeout,
    /// No connection, or no primary.
    Unreachable,
    /// These records have been closed.
    Closed,
    /// Anything else that the store reported.
    Failed,
}

impl Unavailability {
    /// The word that health answers and logs use, such as `disk_full`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Closed => "closed",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Unavailability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl RecordsError {
    /// The reason, when it is [`RecordsError::Unavailable`].
    pub fn unavailability(&self) -> Option<Unavailability> {
        match self {
            Self::Unavailable { reason, .. } => Some(*reason),
            _ => None,
        }
    }

    pub(crate) fn closed() -> Self {
        Self::Unavailable {
            reason: Unavailability::Closed,
            detail: "the records have been closed".to_owned(),
        }
    }

    pub(crate) fn corrupt(what: impl Into<String>, detail: impl fmt::Display) -> Self {
        Self::Corrupt { what: what.into(), detail: detail.to_string() }
    }
}

/// A batch was not appended as a whole.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// Somebody else has this place in the log, or this number in the run's history. Nothing at or after `seq` was
    /// written by this call; what is before it in the batch may have been. Whoever gets this has lost the shard.
    #[error("place {seq} of the decision log is taken")]
    Conflict {
        /// The first entry that could not be written.
        seq: u64,
    },
    /// The batch is not one run of consecutive places of this shard's log; nothing was written.
    #[error("the entry at {found} does not follow {after} in the log of shard {shard}")]
    Disordered {
        /// The shard of the call.
        shard: u32,
        /// The place before.
        after: u64,
        /// The place that does not follow.
        found: u64,
    },
    /// Not known whether, and how far, the batch was written: a prefix of it was. Read back with
    /// [`Records::log_after`](crate::Records::log_after).
    #[error(transparent)]
    Unavailable(#[from] RecordsError),
}
