//! Where an executor can be made to die: between any two things of an attempt of which the next life finds only one done.

use std::fmt;

/// A place in the life of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailPoint {
    /// The command is here, the disk does not know of it.
    Commanded,
    /// The disk knows, NATS has not been told.
    Journaled,
    /// The claim is granted, the disk does not know of it.
    Claimed,
    /// Image and inputs are there.
    Fetched,
    /// The container is there, the disk does not know that it is about to start.
    Created,
    /// The disk knows, the engine has not been told.
    Marked,
    /// The container runs, and nobody was told.
    Started,
    /// It is to end, and still runs.
    Stopping,
    /// It has ended, nothing of it is stored.
    Exited,
    /// Its log is sealed.
    Sealed,
    /// Log and outputs are stored, the disk does not know of it.
    Stored,
    /// The disk knows, nobody was told.
    Ended,
    /// The scheduler has its end, and nothing is removed yet.
    Released,
    /// The container is gone, its folder is not.
    Removed,
    /// Nothing is left of it, and the disk does not know of it.
    Discarded,
}

impl FailPoint {
    const ALL: [Self; 15] = [
        Self::Commanded,
        Self::Journaled,
        Self::Claimed,
        Self::Fetched,
        Self::Created,
        Self::Marked,
        Self::Started,
        Self::Stopping,
        Self::Exited,
        Self::Sealed,
        Self::Stored,
        Self::Ended,
        Self::Released,
        Self::Removed,
        Self::Discarded,
    ];
}

impl fmt::Display for FailPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Commanded => "commanded",
            Self::Journaled => "journaled",
            Self::Claimed => "claimed",
            Self::Fetched => "fetched",
            Self::Created => "created",
            Self::Marked => "marked",
            Self::Started => "started",
            Self::Stopping => "stopping",
            Self::Exited => "exited",
            Self::Sealed => "sealed",
            Self::Stored => "stored",
            Self::Ended => "ended",
            Self::Released => "released",
            Self::Removed => "removed",
            Self::Discarded => "discarded",
        })
    }
}

/// Every place by name; the system tests kill at each of them.
pub fn fail_points() -> Vec<String> {
    FailPoint::ALL.iter().map(FailPoint::to_string).collect()
}
