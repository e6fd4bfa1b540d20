//! Maintenance: nothing new is taken in and nothing is started; what runs goes on to its end. That of a pool stops only
//! what would start there: where a run's tasks go is seen when their turn comes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{PoolName, Timestamp};

/// The kept document; while it is there, the installation is in maintenance, or the pool that its name says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Maintenance {
    /// Why, for everybody who has to wait; 1 to 500 characters.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Who has said so, such as `user:anna`.
    pub by: String,
}

impl Maintenance {
    /// Kind of the kept document; its scope is empty.
    pub const KIND: &str = "maintenance";
    /// Its name, when it is for everything.
    pub const NAME: &str = "installation";
    const POOL: &str = "pool:";
    /// Characters of a reason at most.
    pub const REASON_MAX: usize = 500;

    /// The document's name, when it is for a pool.
    pub fn name_for(pool: &PoolName) -> String {
        format!("{}{pool}", Self::POOL)
    }

    /// The pool that a document of this name is for; none when it is for everything.
    pub fn pool_of(name: &str) -> Option<PoolName> {
        name.strip_prefix(Self::POOL)?.parse().ok()
    }

    /// Reads the document. One that cannot be read is maintenance too: somebody has asked for it.
    pub fn read(body: &str) -> Self {
        serde_json::from_str(body).unwrap_or_else(|_| Self {
            reason: "the reason cannot be read".to_owned(),
            since: Timestamp(0),
            by: "unknown".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_cannot_be_read_is_maintenance_too() {
        let kept = Maintenance { reason: "disks".into(), since: Timestamp(5), by: "user:anna".into() };
        assert_eq!(Maintenance::read(&serde_json::to_string(&kept).unwrap()), kept);
        assert!(Maintenance::read("{").reason.contains("cannot be read"));
    }

    #[test]
    fn a_pools_document_is_known_by_its_name() {
        let gpu: PoolName = "gpu".parse().unwrap();
        assert_eq!(Maintenance::pool_of(&Maintenance::name_for(&gpu)), Some(gpu));
        assert_eq!(Maintenance::pool_of(Maintenance::NAME), None);
    }
}
