//! Uploads to S3: one request for what fits into a part, a multipart upload for more.

use super::memory::{Memory, Share};
use super::{S3Store, reply};
use crate::body::{BodyError, Chunks};
use crate::digest::{Digest, Hasher};
use crate::error::StoreError;
use crate::store::Put;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use emboflow_protocol::object::StoredObject;
use futures::StreamExt;
use std::future::Future;
use tokio::task::JoinSet;

// The most that S3 allows in one upload.
const PARTS_MAX: u64 = 10_000;

pub(super) async fn put(store: &S3Store, put: Put, content: &mut Chunks) -> Result<StoredObject, StoreError> {
    let part_bytes = part_bytes(store.part_bytes, put.size_bytes);
    let mut intake = Intake::new(content, part_bytes, put.size_bytes, &store.memory);
    let first = intake.part().await?;
    if intake.at_end {
        let sha256 = intake.accepted(&put)?;
        put_whole(store, &put, first.content, sha256).await?;
        return Ok(intake.stored(&put, sha256));
    }
    let upload = Multipart::begin(store, &put).await?;
    match upload.send(first, &mut intake).await {
        Ok(parts) => {
            let sha256 = match intake.accepted(&put) {
                Ok(sha256) => sha256,
                Err(error) => return Err(upload.abort(error).await),
            };
            upload.complete(parts).await?;
            Ok(intake.stored(&put, sha256))
        }
        Err(error) => Err(upload.abort(error).await),
    }
}

/// Parts large enough that a content of the announced size fits into one upload.
fn part_bytes(configured: u64, size_bytes: Option<u64>) -> u64 {
    configured.max(size_bytes.unwrap_or(0).div_ceil(PARTS_MAX))
}

/// Bytes of a content, and their share of the memory.
struct Part {
    content: Bytes,
    _share: Share,
}

/// Takes the content in, part by part, and keeps the sums.
struct Intake<'a> {
    content: &'a mut Chunks,
    part_bytes: usize,
    announced_bytes: Option<u64>,
    memory: &'a Memory,
    left_over: Bytes,
    hasher: Hasher,
    size_bytes: u64,
    at_end: bool,
}

impl<'a> Intake<'a> {
    fn new(
        content: &'a mut Chunks,
        part_bytes: u64,
        announced_bytes: Option<u64>,
        memory: &'a Memory,
    ) -> Self {
        Self {
            content,
            part_bytes: usize::try_from(part_bytes).unwrap_or(usize::MAX),
            announced_bytes,
            memory,
            left_over: Bytes::new(),
            hasher: Hasher::default(),
            size_bytes: 0,
            at_end: false,
        }
    }

    /// The next part: full, or whatever was left when the content ended.
    async fn part(&mut self) -> Result<Part, BodyError> {
        let expected = self.expected_bytes();
        let share = self.memory.share(expected).await;
        let mut part = BytesMut::with_capacity(expected);
        loop {
            let room = self.part_bytes - part.len();
            part.extend_from_slice(&self.left_over.split_to(room.min(self.left_over.len())));
            if part.len() == self.part_bytes {
                break;
            }
            match self.content.next().await {
                Some(chunk) => {
                    let chunk = chunk?;
                    self.hasher.update(&chunk);
                    self.size_bytes += chunk.len() as u64;
                    self.left_over = chunk;
                }
                None => {
                    self.at_end = true;
                    break;
                }
            }
        }
        Ok(Part { content: part.freeze(), _share: share })
    }

    /// Bytes of the next part, unless more come than were announced.
    fn expected_bytes(&self) -> usize {
        let taken = self.size_bytes - self.left_over.len() as u64;
        let to_come = self.announced_bytes.map(|all| all.saturating_sub(taken));
        to_come.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX).min(self.part_bytes)
    }

    fn accepted(&self, put: &Put) -> Result<Digest, StoreError> {
        let sha256 = self.hasher.clone().finish();
        put.accepts(self.size_bytes, sha256)?;
        Ok(sha256)
    }

    fn stored(&self, put: &Put, sha256: Digest) -> StoredObject {
        StoredObject { key: put.key.to_string(), size_bytes: self.size_bytes, sha256: sha256.to_string() }
    }
}

async fn put_whole(store: &S3Store, put: &Put, content: Bytes, sha256: Digest) -> Result<(), StoreError> {
    let request = store
        .client
        .put_object()
        .bucket(&store.bucket)
        .key(put.key.as_str())
        .metadata(reply::SHA256, sha256.to_string())
        .set_if_none_match(put.only_if_absent.then(|| "*".to_owned()))
        .body(ByteStream::from(content))
        .customize();
    let request = if store.sign_content { request } else { request.disable_payload_signing() };
    request.send().await.map_err(|error| reply::failure("storing", put.key.as_str(), error))?;
    Ok(())
}

/// A multipart upload that was begun. Dropped before its end, it is aborted in the background.
struct Multipart<'a> {
    store: &'a S3Store,
    key: String,
    only_if_absent: bool,
    id: String,
    open: bool,
}

impl<'a> Multipart<'a> {
    async fn begin(store: &'a S3Store, put: &Put) -> Result<Self, StoreError> {
        let key = put.key.to_string();
        let request = store.client.create_multipart_upload().bucket(&store.bucket).key(&key);
        let request = match put.sha256 {
            Some(announced) => request.metadata(reply::SHA256, announced.to_string()),
            None => request,
        };
        let begun =
            request.send().await.map_err(|error| reply::failure("beginning to store", &key, error))?;
        let id = begun.upload_id.ok_or_else(|| StoreError::Unavailable {
            doing: format!("beginning to store `{key}`"),
            detail: "the service gave no upload id".to_owned(),
            hint: None,
        })?;
        Ok(Self { store, key, only_if_absent: put.only_if_absent, id, open: true })
    }

    /// Sends all parts, a bounded number at once while the next is taken in.
    async fn send(&self, first: Part, intake: &mut Intake<'_>) -> Result<Vec<CompletedPart>, StoreError> {
        let (mut under_way, mut done) = (JoinSet::new(), Vec::new());
        let (mut number, mut next) = (1, Some(first));
        while let Some(part) = next.take() {
            if number > PARTS_MAX as i32 {
                let limit_bytes = PARTS_MAX * intake.part_bytes as u64;
                return Err(BodyError::TooLarge { limit_bytes }.into());
            }
            if under_way.len() >= self.store.parts_in_flight {
                done.extend(sent(&mut under_way).await?);
            }
            under_way.spawn(self.send_part(number, part));
            number += 1;
            if !intake.at_end {
                next = Some(intake.part().await?).filter(|part| !part.content.is_empty());
            }
        }
        while !under_way.is_empty() {
            done.extend(sent(&mut under_way).await?);
        }
        done.sort_by_key(|part| part.part_number);
        Ok(done)
    }

    fn send_part(
        &self,
        number: i32,
        part: Part,
    ) -> impl Future<Output = Result<CompletedPart, StoreError>> + use<> {
        let request = self.store.client.upload_part().bucket(&self.store.bucket).key(&self.key);
        let Part { content, _share } = part;
        let request =
            request.upload_id(&self.id).part_number(number).body(ByteStream::from(content)).customize();
        let request = if self.store.sign_content { request } else { request.disable_payload_signing() };
        let key = self.key.clone();
        async move {
            let _until_it_is_sent = _share;
            let sent =
                request.send().await.map_err(|error| reply::failure("storing a part of", &key, error))?;
            Ok(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build())
        }
    }

    async fn complete(mut self, parts: Vec<CompletedPart>) -> Result<(), StoreError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.store.client.complete_multipart_upload().bucket(&self.store.bucket).key(&self.key);
        let completed = request
            .upload_id(&self.id)
            .multipart_upload(parts)
            .set_if_none_match(self.only_if_absent.then(|| "*".to_owned()))
            .send()
            .await;
        match completed {
            Ok(_) => {
                self.open = false;
                Ok(())
            }
            Err(error) => {
                let error = reply::failure("completing", &self.key, error);
                Err(self.abort(error).await)
            }
        }
    }

    /// Ends the upload without an object; gives the reason back.
    async fn abort(mut self, reason: StoreError) -> StoreError {
        self.open = false;
        self.abortion().await;
        reason
    }

    fn abortion(&self) -> impl Future<Output = ()> + Send + 'static {
        let request = self.store.client.abort_multipart_upload().bucket(&self.store.bucket);
        let request = request.key(&self.key).upload_id(&self.id);
        let key = self.key.clone();
        async move {
            if let Err(error) = request.send().await {
                let error = reply::failure("aborting the upload of", &key, error);
                tracing::warn!(key, %error, "parts of an aborted upload may be left in the bucket");
            }
        }
    }
}

impl Drop for Multipart<'_> {
    fn drop(&mut self) {
        if self.open
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(self.abortion());
        }
    }
}

/// The next part that is through, if one is under way.
async fn sent(
    under_way: &mut JoinSet<Result<CompletedPart, StoreError>>,
) -> Result<Option<CompletedPart>, StoreError> {
    match under_way.join_next().await {
        None => Ok(None),
        Some(Ok(part)) => part.map(Some),
        Some(Err(error)) => Err(StoreError::Unavailable {
            doing: "storing a part".to_owned(),
            detail: error.to_string(),
            hint: None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_only_for_what_would_need_too_many() {
        assert_eq!(part_bytes(8 << 20, None), 8 << 20);
        assert_eq!(part_bytes(8 << 20, Some(1 << 30)), 8 << 20);
        let large = 1 << 40;
        assert!(part_bytes(8 << 20, Some(large)) * PARTS_MAX >= large);
    }
}
