//! What a back end is: the seam between the gateway and a directory or an S3 bucket.

use crate::body::{BodyError, Chunks};
use crate::config::Backend;
use crate::digest::Digest;
use crate::directory::DirectoryStore;
use crate::error::StoreError;
use crate::key::{KeyPrefix, ObjectKey};
use crate::range::RangeRequest;
use crate::s3::S3Store;
use anyhow::Context;
use emboflow_model::Timestamp;
use emboflow_protocol::object::{ObjectPage, StoredObject};
use futures::future::BoxFuture;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Objects under keys. An object appears whole and durable or not at all; putting the same key again replaces it.
pub trait ObjectStore: Send + Sync {
    /// The kind of back end, as metrics and answers call it: `directory` or `s3`.
    fn kind(&self) -> &'static str;

    /// Stores an object from its content. On any error, also one of the content, nothing is left behind.
    fn put<'a>(
        &'a self,
        put: Put,
        content: &'a mut Chunks,
    ) -> BoxFuture<'a, Result<StoredObject, StoreError>>;

    /// Opens an object for reading, whole or a part.
    fn get<'a>(
        &'a self,
        key: &'a ObjectKey,
        range: Option<RangeRequest>,
    ) -> BoxFuture<'a, Result<Opened, StoreError>>;

    /// What is known of an object without its content.
    fn head<'a>(&'a self, key: &'a ObjectKey) -> BoxFuture<'a, Result<Meta, StoreError>>;

    /// Removes an object; one that is not there is removed already.
    fn delete<'a>(&'a self, key: &'a ObjectKey) -> BoxFuture<'a, Result<(), StoreError>>;

    /// One page of objects in the byte order of their keys.
    fn list(&self, query: ListQuery) -> BoxFuture<'_, Result<ObjectPage, StoreError>>;

    /// Counts objects below a prefix, until `deadline` at most.
    fn count(&self, prefix: KeyPrefix, deadline: Instant) -> BoxFuture<'_, Result<Counted, StoreError>>;

    /// Free and total bytes, where the back end knows them.
    fn space(&self) -> BoxFuture<'_, Result<Option<Space>, StoreError>>;

    /// Whether the back end can be used now, at little cost; says in words how it is.
    fn check(&self) -> BoxFuture<'_, Result<String, StoreError>>;
}

/// What is to be stored.
#[derive(Debug, Clone)]
pub struct Put {
    /// Under which key.
    pub key: ObjectKey,
    /// The content's size, where the sender said it.
    pub size_bytes: Option<u64>,
    /// The content's checksum, where the sender said it; other content is refused.
    pub sha256: Option<Digest>,
    /// Refuses to replace an object.
    pub only_if_absent: bool,
}

impl Put {
    /// Whether the content that came is the one that was announced.
    pub(crate) fn accepts(&self, size_bytes: u64, found: Digest) -> Result<(), StoreError> {
        if let Some(announced) = self.size_bytes.filter(|announced| *announced != size_bytes) {
            let reason = format!("announced were {announced} bytes, but {size_bytes} came");
            return Err(BodyError::Aborted { reason }.into());
        }
        match self.sha256 {
            Some(announced) if announced != found => Err(StoreError::Checksum { announced, found }),
            _ => Ok(()),
        }
    }
}

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Size of the whole object.
    pub size_bytes: u64,
    /// SHA-256 of the whole object. An S3 bucket does not know it for a large object that came without one.
    pub sha256: Option<Digest>,
    /// When it was put.
    pub modified_at: Timestamp,
    /// What tells this content from another one, in an S3 bucket's own words.
    pub etag: Option<String>,
    /// What kind of content it is, as the one said who put it straight into an S3 bucket.
    pub content_type: Option<String>,
}

/// An object that is being read.
pub struct Opened {
    /// What is known of the whole object.
    pub meta: Meta,
    /// The bytes that `content` holds.
    pub range: Range<u64>,
    /// The content of that range.
    pub content: Chunks,
}

/// Which objects are listed.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// Their keys start so.
    pub prefix: KeyPrefix,
    /// Their keys come after this one; empty for all.
    pub after: String,
    /// At most this many (1 to 1000).
    pub limit: usize,
}

/// What lies below a prefix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Number of objects.
    pub objects: u64,
    /// Sum of their sizes.
    pub size_bytes: u64,
    /// False when the deadline came first.
    pub complete: bool,
}

/// Room of a back end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that can still be stored.
    pub free_bytes: u64,
    /// Bytes in sum.
    pub total_bytes: u64,
}

/// Opens the configured back end only to read it, whoever else uses it.
pub fn open_for_reading(backend: &Backend, stall: Duration) -> anyhow::Result<Arc<dyn ObjectStore>> {
    Ok(match backend {
        Backend::Directory(settings) => Arc::new(DirectoryStore::open_for_reading(&settings.root)),
        Backend::S3(settings) => Arc::new(S3Store::open(settings, stall)?),
    })
}

/// Opens the configured back end; an S3 service that says nothing for `stall` is given up.
pub fn open_backend(backend: &Backend, stall: Duration) -> anyhow::Result<Arc<dyn ObjectStore>> {
    Ok(match backend {
        Backend::Directory(settings) => {
            let store = DirectoryStore::open(&settings.root, settings.low_space_bytes)
                .with_context(|| format!("opening the object directory {}", settings.root.display()))?;
            Arc::new(store)
        }
        Backend::S3(settings) => Arc::new(S3Store::open(settings, stall)?),
    })
}
