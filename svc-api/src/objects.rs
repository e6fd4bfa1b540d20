//! Objects as the API reads them: streamed from the gateway, each request with a token for just what it reads.

use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::body::Bytes;
use axum::http::HeaderValue;
use emboflow_model::ProjectName;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::StorageView;
use emboflow_protocol::object::StorageUsage;
use emboflow_protocol::storage_token::{StorageClaims, TokenKey, mint};
use emboflow_protocol::upload_token::{UploadClaims, mint_upload};
use emboflow_storage::{ByteRange, Client, Error, ObjectEntry, Retry};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use crate::app::now;
use crate::config::Storage;
use crate::problem::{Failure, Outcome};

/// A token is checked when a request begins; one that runs may last longer.
const TOKEN_S: i64 = 600;
/// A caller waits meanwhile, so a gateway that is away is not waited for long.
const ATTEMPTS: u32 = 3;
/// Objects that are listed, and those of them that are removed side by side.
const REMOVED_AT_ONCE: usize = 200;
const SIDE_BY_SIDE: usize = 8;
/// How long a caller waits for a removal.
const REMOVE_FOR: Duration = Duration::from_secs(20);

/// Bytes as they come.
pub(crate) type ByteStream = BoxStream<'static, io::Result<Bytes>>;

/// An object, or a range of it, that is being read.
pub(crate) struct OpenObject {
    /// Bytes of this answer.
    pub(crate) size_bytes: u64,
    /// The `Content-Range`, when only a part was asked for.
    pub(crate) content_range: Option<String>,
    /// SHA-256 of the whole object, in hex, where the gateway knows it.
    pub(crate) sha256: Option<String>,
    /// The content.
    pub(crate) bytes: ByteStream,
}

/// The gateway, for reading. Clones share it.
#[derive(Clone)]
pub(crate) struct Objects {
    client: Client,
    key: TokenKey,
}

impl Objects {
    /// A reader with the key that signs its tokens.
    pub(crate) fn new(storage: &Storage) -> Result<Self> {
        let key =
            TokenKey::new(storage.signing_key.reveal().as_bytes()).context("reading storage.signing_key")?;
        let retry = Retry { attempts: ATTEMPTS, ..Retry::default() };
        let client =
            Client::new(&storage.url, "").context("setting up the storage client")?.with_retry(retry);
        Ok(Self { client, key })
    }

    /// All objects below a prefix with their sizes.
    pub(crate) async fn list(&self, prefix: &str) -> Outcome<Vec<(String, u64)>> {
        let client = self.reading(prefix)?;
        let entries: Vec<_> = client.list(prefix).try_collect().await?;
        Ok(entries.into_iter().map(|entry| (entry.key, entry.size_bytes)).collect())
    }

    /// All objects below a prefix, as the store lists them.
    pub(crate) async fn entries(&self, prefix: &str) -> Outcome<Vec<ObjectEntry>> {
        Ok(self.reading(prefix)?.list(prefix).try_collect().await?)
    }

    /// Size and, where the store knows it, SHA-256 of an object; none where there is none.
    pub(crate) async fn look_at(&self, key: &str) -> Outcome<Option<(u64, Option<String>)>> {
        match self.reading(key)?.head(key).await {
            Ok(meta) => Ok(Some((meta.size_bytes, meta.sha256))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Stores a small object.
    pub(crate) async fn put(&self, key: &str, content: Vec<u8>) -> Outcome<()> {
        let write = vec![key.to_owned()];
        let claims =
            StorageClaims { sub: "api".to_owned(), exp: expiry(), write, ..StorageClaims::default() };
        self.with(claims)?.put_bytes(key, content).await?;
        Ok(())
    }

    /// How much a project stores.
    pub(crate) async fn usage(&self, project: &ProjectName) -> Outcome<StorageUsage> {
        let prefix = format!("{project}/");
        Ok(self.reading(&prefix)?.usage(&prefix).await?)
    }

    /// A token for the bytes of an upload.
    pub(crate) fn upload_token(&self, claims: &UploadClaims) -> Outcome<String> {
        mint_upload(&self.key, claims).map_err(|error| Failure::behind(ErrorCode::Internal, error))
    }

    /// Bytes of an object.
    pub(crate) async fn read(&self, key: &str, range: Range<u64>) -> Outcome<ByteStream> {
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let range = ByteRange::Between(range.start, range.end - 1);
        let (_, bytes) = self.reading(key)?.get_stream(key, Some(range)).await?;
        Ok(bytes.map_err(io::Error::other).boxed())
    }

    /// An object, or the range that a caller wants of it.
    pub(crate) async fn open(&self, key: &str, range: Option<&HeaderValue>) -> Outcome<OpenObject> {
        let range = range.and_then(|value| value.to_str().ok()).and_then(one_range);
        let (meta, bytes) = self.reading(key)?.get_stream(key, range).await?;
        let last = (meta.first_byte + meta.content_bytes).saturating_sub(1);
        let content_range = range.map(|_| format!("bytes {}-{last}/{}", meta.first_byte, meta.size_bytes));
        Ok(OpenObject {
            size_bytes: meta.content_bytes,
            content_range,
            sha256: meta.sha256,
            bytes: bytes.map_err(io::Error::other).boxed(),
        })
    }

    /// Removes all objects below a prefix, for about as long as `work_for`. Gives how many are gone, and whether that
    /// was all.
    pub(crate) async fn remove_below(&self, prefix: &str, work_for: Duration) -> Outcome<(u64, bool)> {
        let own = vec![prefix.to_owned()];
        let claims = StorageClaims {
            sub: "api".to_owned(),
            exp: expiry(),
            read: own.clone(),
            write: own,
            delete: true,
            quota: None,
        };
        let (client, until) = (self.with(claims)?, Instant::now() + work_for);
        let mut removed = 0;
        while Instant::now() < until {
            let page = client.list_page(prefix, "", REMOVED_AT_ONCE).await?;
            if page.items.is_empty() {
                return Ok((removed, true));
            }
            let removals = page.items.iter().map(|entry| client.delete(&entry.key));
            let removals: Vec<_> = removals.collect();
            removed += removals.len() as u64;
            stream::iter(removals).buffer_unordered(SIDE_BY_SIDE).try_collect::<Vec<()>>().await?;
        }
        Ok((removed, false))
    }

    /// Removes all objects below a prefix; gives how many. Errors: it takes too long, and the rest is still there.
    pub(crate) async fn remove_all_below(&self, prefix: &str) -> Outcome<u64> {
        match self.remove_below(prefix, REMOVE_FOR).await? {
            (removed, true) => Ok(removed),
            (removed, false) => {
                let detail = format!("{removed} objects are removed, and more are left: send it again");
                Err(Failure::new(ErrorCode::StorageUnavailable, detail))
            }
        }
    }

    /// Has the gateway try its back end.
    pub(crate) async fn probe(&self) -> Outcome<StorageView> {
        Ok(self.with(StorageClaims::for_probe("api", expiry()))?.probe().await?)
    }

    /// Whether the gateway answers at all.
    pub(crate) async fn answers(&self) -> Outcome<String> {
        let folder = format!("{}/", StorageClaims::PROBE_PREFIX);
        self.reading(&folder)?.list_page(&folder, "", 1).await?;
        Ok("answers".to_owned())
    }

    fn reading(&self, prefix: &str) -> Outcome<Client> {
        let read = vec![prefix.to_owned()];
        self.with(StorageClaims { sub: "api".to_owned(), exp: expiry(), read, ..StorageClaims::default() })
    }

    fn with(&self, claims: StorageClaims) -> Outcome<Client> {
        let token = mint(&self.key, &claims).map_err(|error| Failure::behind(ErrorCode::Internal, error))?;
        Ok(self.client.with_token(&token))
    }
}

fn expiry() -> u64 {
    u64::try_from(now().0 / 1_000 + TOKEN_S).unwrap_or(0)
}

/// The one range of a `Range` header; several, or anything else, mean the whole object.
fn one_range(text: &str) -> Option<ByteRange> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    match (first.trim(), last.trim()) {
        ("", count) => count.parse().ok().map(ByteRange::Last),
        (first, "") => first.parse().ok().map(ByteRange::From),
        (first, last) => {
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last).then_some(ByteRange::Between(first, last))
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Unreachable { .. } | Error::Answer { .. } => ErrorCode::StorageUnavailable,
            Error::BadKey { .. } => ErrorCode::StorageBadKey,
            Error::Refused { .. } => match error.code() {
                Some(
                    code @ (ErrorCode::StorageNotFound | ErrorCode::StorageRange | ErrorCode::StorageBadKey),
                ) => {
                    return Failure::new(code, error.to_string());
                }
                Some(code) if code.is_retryable() => code,
                _ => ErrorCode::StorageUnavailable,
            },
            Error::TooLarge { .. } | Error::Checksum { .. } | Error::File { .. } | Error::Setup { .. } => {
                ErrorCode::Internal
            }
        };
        Failure::behind(code, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_header_means_one_range_or_the_whole() {
        assert_eq!(one_range("bytes=0-9"), Some(ByteRange::Between(0, 9)));
        assert_eq!(one_range("bytes=5-"), Some(ByteRange::From(5)));
        assert_eq!(one_range("bytes=-5"), Some(ByteRange::Last(5)));
        for other in ["bytes=9-0", "bytes=0-1,3-4", "bytes=-", "lines=1-2", "bytes=a-b", ""] {
            assert_eq!(one_range(other), None, "{other}");
        }
    }
}
