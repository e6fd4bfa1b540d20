//! Client of the storage gateway, for executor, API and CLI. Objects are streamed; what can be repeated is.

mod address;
mod client;
mod download;
mod error;
mod retry;
mod upload;

pub use client::Client;
pub use download::{ByteRange, Meta};
pub use emboflow_protocol::object::{ObjectEntry, ObjectPage, StorageUsage, StoredObject};
pub use error::Error;
pub use retry::Retry;

/// The result of a call to the gateway.
pub type Result<T> = std::result::Result<T, Error>;
