//! Gets objects: as a stream, into memory up to a limit, or into a file, verified.

use crate::address::object_path;
use crate::upload::hex;
use crate::{Client, Error, Result, StoredObject};
use bytes::Bytes;
use emboflow_protocol::header::{OBJECT_TYPE, SHA256};
use futures::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use reqwest::{Method, Response, header};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

// How long the gateway may say nothing, before and within the content.
const SILENCE: Duration = Duration::from_secs(60);

/// Which bytes of an object are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// From this byte to the end.
    From(u64),
    /// From the first to the last, both included.
    Between(u64, u64),
    /// So many at the end.
    Last(u64),
}

impl ByteRange {
    fn header(self) -> String {
        match self {
            Self::From(first) => format!("bytes={first}-"),
            Self::Between(first, last) => format!("bytes={first}-{last}"),
            Self::Last(count) => format!("bytes=-{count}"),
        }
    }
}

/// What the gateway tells of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Size of the whole object.
    pub size_bytes: u64,
    /// First byte of the content that follows; more than 0 only for a range.
    pub first_byte: u64,
    /// Length of the content that follows.
    pub content_bytes: u64,
    /// SHA-256 of the whole object in hex, where the back end knows it.
    pub sha256: Option<String>,
    /// What tells this content from another one: the checksum where it is known, else the back end's own word.
    pub etag: Option<String>,
    /// What kind of content it is, where somebody said so who put it straight into the store.
    pub content_type: Option<String>,
}

impl Meta {
    pub(crate) fn read(answer: &Response, doing: &str) -> Result<Self> {
        let text = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let bad =
            |name: &str| Error::Answer { doing: doing.to_owned(), reason: format!("its {name} is not one") };
        let length = text(header::CONTENT_LENGTH.as_str()).and_then(|digits| digits.parse().ok());
        let content_bytes = length.ok_or_else(|| bad("content-length"))?;
        let sha256 = text(SHA256).map(str::to_owned);
        let etag = text(header::ETAG.as_str()).map(|etag| etag.trim_matches('"').to_owned());
        let content_type = text(OBJECT_TYPE).map(str::to_owned);
        let whole =
            Self { size_bytes: content_bytes, first_byte: 0, content_bytes, sha256, etag, content_type };
        let Some(range) = text(header::CONTENT_RANGE.as_str()) else { return Ok(whole) };
        let (first_byte, size_bytes) = place(range).ok_or_else(|| bad("content-range"))?;
        Ok(Self { size_bytes, first_byte, ..whole })
    }
}

fn place(range: &str) -> Option<(u64, u64)> {
    let (range, size) = range.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, size.parse().ok()?))
}

impl Client {
    /// Opens an object, whole or a part. Once the content flows, nothing is repeated: an error ends the stream.
    pub async fn get_stream(
        &self,
        key: &str,
        range: Option<ByteRange>,
    ) -> Result<(Meta, impl Stream<Item = Result<Bytes>> + Send + Unpin + use<>)> {
        self.retry.run(async || self.open(key, range).await).await
    }

    async fn open(
        &self,
        key: &str,
        range: Option<ByteRange>,
    ) -> Result<(Meta, BoxStream<'static, Result<Bytes>>)> {
        let doing = format!("reading `{key}`");
        let mut request = self.request(Method::GET, &object_path(key)?);
        if let Some(range) = range {
            request = request.header(header::RANGE, range.header());
        }
        let answer = match tokio::time::timeout(SILENCE, self.send(&doing, request)).await {
            Ok(answer) => answer?,
            Err(_) => return Err(self.silent(&doing)),
        };
        let meta = Meta::read(&answer, &doing)?;
        let content =
            stream::try_unfold((answer, self.clone(), doing), async |(mut answer, client, doing)| {
                match tokio::time::timeout(SILENCE, answer.chunk()).await {
                    Ok(Ok(chunk)) => Ok(chunk.map(|chunk| (chunk, (answer, client, doing)))),
                    Ok(Err(error)) => Err(client.unreachable(&doing, &error)),
                    Err(_) => Err(client.silent(&doing)),
                }
            });
        Ok((meta, content.boxed()))
    }

    fn silent(&self, doing: &str) -> Error {
        let reason = format!("nothing came for {} s", SILENCE.as_secs());
        Error::Unreachable { doing: doing.to_owned(), url: self.url().to_owned(), reason }
    }

    /// Reads a small object into memory, verified.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above `limit_bytes`, before anything of it is read.
    pub async fn get_bytes(&self, key: &str, limit_bytes: u64) -> Result<Bytes> {
        self.retry
            .run(async || {
                let (meta, content) = self.open(key, None).await?;
                if meta.size_bytes > limit_bytes {
                    let key = key.to_owned();
                    return Err(Error::TooLarge { key, size_bytes: meta.size_bytes, limit_bytes });
                }
                let bytes = content.try_collect::<Vec<_>>().await?.concat();
                verify(key, meta.sha256.as_deref(), &hex(&Sha256::digest(&bytes)))?;
                Ok(bytes.into())
            })
            .await
    }

    /// Writes an object to a file, which appears whole and verified or not at all. `expected` is the SHA-256 in
    /// hex from a manifest; without it the gateway's own counts.
    pub async fn get_to_file(&self, key: &str, path: &Path, expected: Option<&str>) -> Result<StoredObject> {
        let unfinished = Unfinished::beside(path);
        let stored = self
            .retry
            .run(async || {
                let (meta, content) = self.open(key, None).await?;
                // What is not the expected object need not be read at all.
                verify(key, expected, meta.sha256.as_deref().or(expected).unwrap_or_default())?;
                let stored = unfinished.fill(key, content).await?;
                verify(key, expected.or(meta.sha256.as_deref()), &stored.sha256)?;
                Ok(stored)
            })
            .await?;
        tokio::fs::rename(&unfinished.path, path).await.map_err(|error| writing(path, error))?;
        Ok(stored)
    }
}

/// A file that is being written; what is left of it goes with it.
struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    fn beside(path: &Path) -> Self {
        use std::hash::{BuildHasher, RandomState};
        let mark = RandomState::new().hash_one(path);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name: String = name.chars().take(32).collect();
        Self { path: path.with_file_name(format!(".{name}.{mark:016x}.part")) }
    }

    async fn fill(
        &self,
        key: &str,
        mut content: impl Stream<Item = Result<Bytes>> + Unpin,
    ) -> Result<StoredObject> {
        let failed = |error| writing(&self.path, error);
        let mut file = tokio::fs::File::create(&self.path).await.map_err(failed)?;
        let (mut hasher, mut size_bytes) = (Sha256::new(), 0);
        while let Some(chunk) = content.try_next().await? {
            hasher.update(&chunk);
            size_bytes += chunk.len() as u64;
            file.write_all(&chunk).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        Ok(StoredObject { key: key.to_owned(), size_bytes, sha256: hex(&hasher.finalize()) })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _not_there_after_the_rename = std::fs::remove_file(&self.path);
    }
}

fn verify(key: &str, expected: Option<&str>, found: &str) -> Result<()> {
    match expected {
        Some(expected) if !expected.eq_ignore_ascii_case(found) => {
            let (expected, found) = (expected.to_owned(), found.to_owned());
            Err(Error::Checksum { key: key.to_owned(), expected, found })
        }
        _ => Ok(()),
    }
}

fn writing(path: &Path, source: std::io::Error) -> Error {
    Error::File { doing: "writing", path: path.to_owned(), source }
}
