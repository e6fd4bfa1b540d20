//! Objects under keys, in a directory of this machine or in an S3 bucket: streamed, never held in memory, and each there
//! whole or not at all. The storage gateway serves them; backups are kept in them.

mod body;
mod config;
mod digest;
pub mod directory;
mod error;
mod key;
mod range;
pub mod s3;
mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use body::{BodyError, Chunks, watched};
pub use config::{Backend, Checksums, DirectoryBackend, S3Backend};
pub use digest::{Digest, Hasher, NotADigest};
pub use error::StoreError;
pub use key::{BadKey, KeyPrefix, ObjectKey};
pub use range::{RangeOutside, RangeRequest};
pub use store::{Counted, ListQuery, Meta, ObjectStore, Opened, Put, Space, open_backend, open_for_reading};
