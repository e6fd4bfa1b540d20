//! Backups of an installation, beside its running services, and their restore.
//!
//! A backup is of one moment: the decision log up to a place, and what else does not derive from it; then the objects,
//! which are never changed and so hold all that those records speak of. Everything is sealed with a key file. NATS is in
//! no backup: it is rebuilt from the records.

mod apart;
mod config;
mod contents;
mod create;
mod error;
mod files;
mod heal;
mod in_use;
mod key;
mod manifest;
pub mod measure;
mod part;
mod proof;
mod prune;
mod repository;
mod restore;
pub mod retention;
pub mod schedule;
mod seal;
mod verify;

pub use config::{Config, Schedule};
pub use create::{Source, create};
pub use error::BackupError;
pub use heal::{Healed, SLICES, Share, heal};
pub use key::BackupKey;
pub use manifest::{FilePart, Manifest, ObjectSums, Part, ShardPart};
pub use prune::{GRACE, Pruned, prune};
pub use repository::{Listed, Repository};
pub use restore::{RestoreNote, Restored, Target, restore};
pub use retention::Keep;
pub use verify::{Depth, Verified, verify};
