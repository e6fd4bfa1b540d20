//! Puts objects: from memory or from a file, always with their checksum.

use crate::address::object_path;
use crate::{Client, Error, Result, StoredObject};
use bytes::Bytes;
use emboflow_protocol::header::SHA256;
use reqwest::{Body, Method, header};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

const HASHING_BYTES: usize = 256 * 1024;
const READING_BYTES: usize = 128 * 1024;
// An upload slower than this is taken for dead.
const SLOWEST_BYTES_PER_SECOND: u64 = 64 * 1024;

impl Client {
    /// Stores bytes at hand; done when they are durable. Replaces an object of the same key.
    pub async fn put_bytes(&self, key: &str, content: impl Into<Bytes>) -> Result<StoredObject> {
        let content: Bytes = content.into();
        let about = Content { size_bytes: content.len() as u64, sha256: hex(&Sha256::digest(&content)) };
        self.retry.run(async || self.put(key, &about, content.clone().into()).await).await
    }

    /// Stores a file; done when it is durable. A file that changes meanwhile is refused by its checksum.
    pub async fn put_file(&self, key: &str, path: &Path) -> Result<StoredObject> {
        let about = Content::of_file(path).await?;
        self.retry
            .run(async || {
                let file = tokio::fs::File::open(path).await.map_err(|error| reading(path, error))?;
                let content = ReaderStream::with_capacity(file.take(about.size_bytes), READING_BYTES);
                self.put(key, &about, Body::wrap_stream(content)).await
            })
            .await
    }

    async fn put(&self, key: &str, about: &Content, content: Body) -> Result<StoredObject> {
        let doing = format!("storing `{key}`");
        let timeout = Duration::from_secs(60 + about.size_bytes / SLOWEST_BYTES_PER_SECOND);
        let request = self
            .request(Method::PUT, &object_path(key)?)
            .header(header::CONTENT_LENGTH, about.size_bytes)
            .header(SHA256, &about.sha256)
            .timeout(timeout)
            .body(content);
        self.json(&doing, self.send(&doing, request).await?).await
    }
}

struct Content {
    size_bytes: u64,
    sha256: String,
}

impl Content {
    async fn of_file(path: &Path) -> Result<Self> {
        let owned = path.to_owned();
        let hashed = tokio::task::spawn_blocking(move || Self::hash(&owned)).await;
        hashed.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(|error| reading(path, error))
    }

    fn hash(path: &Path) -> std::io::Result<Self> {
        let mut file = std::fs::File::open(path)?;
        let (mut hasher, mut size_bytes) = (Sha256::new(), 0);
        let mut window = vec![0; HASHING_BYTES];
        loop {
            let read = file.read(&mut window)?;
            if read == 0 {
                return Ok(Self { size_bytes, sha256: hex(&hasher.finalize()) });
            }
            hasher.update(&window[..read]);
            size_bytes += read as u64;
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

fn reading(path: &Path, source: std::io::Error) -> Error {
    Error::File { doing: "reading", path: path.to_owned(), source }
}
