//! Which of several schedulers decides. Only a hint that keeps them out of each other's way: what guards the decisions is
//! the log, in which each place can be taken once.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Who decides for a shard. It is kept again every few seconds, so its version tells those who stand by that the holder
/// is alive; no clock is compared with another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The process, new at each start.
    pub holder: String,
    /// Since when it holds it, by its own clock: for people.
    pub since: Timestamp,
    /// Its holder has ended cleanly: whoever stands by may take it at once.
    #[serde(default)]
    pub released: bool,
}

impl Lease {
    /// Kind of the kept document; its scope is empty.
    pub const KIND: &str = "lease";

    /// The name of a shard's lease.
    pub fn name(shard: u32) -> String {
        format!("shard-{shard}")
    }
}
