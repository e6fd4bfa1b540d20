//! Where a gateway can be made to die: while it stores an object, and when nobody knows yet that it has.

use std::fmt;

/// A place in the storing of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailPoint {
    /// The content comes in, nothing is stored.
    Receiving,
    /// It is stored, and nobody was told.
    Stored,
}

impl fmt::Display for FailPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receiving => "receiving",
            Self::Stored => "stored",
        })
    }
}

/// Every place by name; the system tests kill at each of them.
pub fn fail_points() -> Vec<String> {
    [FailPoint::Receiving, FailPoint::Stored].iter().map(FailPoint::to_string).collect()
}
