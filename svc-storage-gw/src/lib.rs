//! The storage gateway: one HTTP front with scoped tokens for objects that lie in a local directory or in S3.
//! Objects are streamed and never held in memory.

mod body;
mod config;
mod digest;
pub mod directory;
mod error;
mod http;
mod key;
mod measure;
mod range;
pub mod s3;
mod service;
mod store;

pub use body::{BodyError, Chunks};
pub use config::{Backend, Checksums, Config, DirectoryBackend, Limits, S3Backend};
pub use digest::{Digest, Hasher};
pub use error::StoreError;
pub use key::{BadKey, KeyPrefix, ObjectKey};
pub use range::{RangeOutside, RangeRequest};
pub use service::{Started, run, start};
pub use store::{Counted, ListQuery, Meta, ObjectStore, Opened, Put, Space, open_backend};
