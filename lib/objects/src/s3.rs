//! Objects in a bucket of an S3 service.

mod memory;
mod reply;
mod upload;

use crate::body::{Chunks, watched};
use crate::config::{Checksums, S3Backend};
use crate::error::StoreError;
use crate::key::{KeyPrefix, ObjectKey};
use crate::range::{RangeOutside, RangeRequest};
use crate::store::{Counted, ListQuery, Meta, ObjectStore, Opened, Put, Space};
use anyhow::ensure;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    StalledStreamProtectionConfig, timeout::TimeoutConfig,
};
use aws_sdk_s3::primitives::ByteStream;
use emboflow_protocol::object::{ObjectEntry, ObjectPage, StoredObject};
use futures::future::{BoxFuture, FutureExt};
use futures::stream::StreamExt;
use memory::Memory;
use std::time::{Duration, Instant};

const PART_MIN_BYTES: u64 = 5 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A bucket as object store.
pub struct S3Store {
    client: Client,
    bucket: String,
    part_bytes: u64,
    parts_in_flight: usize,
    memory: Memory,
    // Over TLS the content cannot change on its way, so the signature need not cover it a second time.
    sign_content: bool,
    stall: Duration,
}

impl S3Store {
    /// Prepares a client; the service is first spoken to when it is needed.
    ///
    /// # Errors
    /// Settings that no S3 service takes.
    pub fn open(settings: &S3Backend, stall: Duration) -> anyhow::Result<Self> {
        ensure!(settings.part_bytes >= PART_MIN_BYTES, "part_bytes is at least {PART_MIN_BYTES}");
        ensure!(settings.parts_in_flight > 0, "parts_in_flight is at least 1");
        let (request, response) = match settings.checksums {
            Checksums::WhenRequired => {
                (RequestChecksumCalculation::WhenRequired, ResponseChecksumValidation::WhenRequired)
            }
            Checksums::WhenSupported => {
                (RequestChecksumCalculation::WhenSupported, ResponseChecksumValidation::WhenSupported)
            }
        };
        let keys =
            Credentials::new(&settings.access_key, settings.secret_key.reveal(), None, None, "configuration");
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(settings.region.clone()))
            .credentials_provider(keys)
            .force_path_style(settings.path_style)
            .request_checksum_calculation(request)
            .response_checksum_validation(response)
            // A caller may read slowly; only a service that sends nothing is given up, by `watched`.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(stall).build(),
            );
        if let Some(endpoint) = &settings.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Ok(Self {
            client: Client::from_conf(config.build()),
            bucket: settings.bucket.clone(),
            part_bytes: settings.part_bytes,
            parts_in_flight: settings.parts_in_flight,
            memory: Memory::new(settings.memory_bytes),
            sign_content: settings.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://")),
            stall,
        })
    }

    async fn open_object(&self, key: &ObjectKey, range: Option<RangeRequest>) -> Result<Opened, StoreError> {
        let request = self.client.get_object().bucket(&self.bucket).key(key.as_str());
        let answer = request.set_range(range.map(RangeRequest::header)).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if reply::status(&error) == Some(416) => {
                let size_bytes = self.look_at(key).await?.size_bytes;
                return Err(RangeOutside { size_bytes }.into());
            }
            Err(error) => return Err(reply::absence_or_failure("opening", key.as_str(), error)),
        };
        let length = answer.content_length.unwrap_or(0).max(0) as u64;
        let (range, size_bytes) =
            answer.content_range.as_deref().and_then(reply::content_range).unwrap_or((0..length, length));
        let meta = reply::meta(size_bytes, answer.metadata.as_ref(), answer.last_modified.as_ref());
        let meta = Meta { etag: answer.e_tag, content_type: answer.content_type, ..meta };
        Ok(Opened { meta, range, content: watched(Pieces::of(answer.body), self.stall, u64::MAX) })
    }

    async fn look_at(&self, key: &ObjectKey) -> Result<Meta, StoreError> {
        let request = self.client.head_object().bucket(&self.bucket).key(key.as_str());
        let answer = request
            .send()
            .await
            .map_err(|error| reply::absence_or_failure("looking at", key.as_str(), error))?;
        let size_bytes = answer.content_length.unwrap_or(0).max(0) as u64;
        let meta = reply::meta(size_bytes, answer.metadata.as_ref(), answer.last_modified.as_ref());
        Ok(Meta { etag: answer.e_tag, content_type: answer.content_type, ..meta })
    }

    async fn page(&self, prefix: &str, after: &str, limit: usize) -> Result<ObjectPage, StoreError> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).max_keys(limit as i32);
        let after = (!after.is_empty()).then(|| after.to_owned());
        let answer = request
            .set_prefix((!prefix.is_empty()).then(|| prefix.to_owned()))
            .set_start_after(after)
            .send()
            .await
            .map_err(|error| reply::failure("listing", prefix, error))?;
        let listed: Vec<_> = answer.contents.unwrap_or_default();
        let last = listed.last().and_then(|object| object.key.clone());
        let items = listed
            .into_iter()
            .filter_map(|object| {
                // Some services list emptied folders; no key of ours ends so.
                let key = object.key.filter(|key| !key.ends_with('/'))?;
                let size_bytes = object.size.unwrap_or(0).max(0) as u64;
                Some(ObjectEntry {
                    key,
                    size_bytes,
                    modified_at: reply::moment(object.last_modified.as_ref()),
                    mark: object.e_tag.unwrap_or_default(),
                })
            })
            .collect();
        let next = last.filter(|_| answer.is_truncated.unwrap_or(false));
        Ok(ObjectPage { items, next })
    }
}

/// The body of an answer as a stream.
struct Pieces(ByteStream);

impl Pieces {
    fn of(body: ByteStream) -> futures::stream::BoxStream<'static, Result<bytes::Bytes, String>> {
        futures::stream::unfold(Self(body), |mut pieces| async move {
            let piece = pieces.0.next().await?;
            Some((piece.map_err(|error| error.to_string()), pieces))
        })
        .boxed()
    }
}

impl ObjectStore for S3Store {
    fn kind(&self) -> &'static str {
        "s3"
    }

    fn put<'a>(
        &'a self,
        put: Put,
        content: &'a mut Chunks,
    ) -> BoxFuture<'a, Result<StoredObject, StoreError>> {
        async move {
            // The service checks again at the end; this saves sending everything in vain.
            if put.only_if_absent && self.look_at(&put.key).await.is_ok() {
                return Err(StoreError::Exists { key: put.key.to_string() });
            }
            upload::put(self, put, content).await
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        key: &'a ObjectKey,
        range: Option<RangeRequest>,
    ) -> BoxFuture<'a, Result<Opened, StoreError>> {
        self.open_object(key, range).boxed()
    }

    fn head<'a>(&'a self, key: &'a ObjectKey) -> BoxFuture<'a, Result<Meta, StoreError>> {
        self.look_at(key).boxed()
    }

    fn delete<'a>(&'a self, key: &'a ObjectKey) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let request = self.client.delete_object().bucket(&self.bucket).key(key.as_str());
            match request.send().await {
                Ok(_) => Ok(()),
                Err(error) if reply::is_absence(&error) => Ok(()),
                Err(error) => Err(reply::failure("deleting", key.as_str(), error)),
            }
        }
        .boxed()
    }

    fn list(&self, query: ListQuery) -> BoxFuture<'_, Result<ObjectPage, StoreError>> {
        async move { self.page(query.prefix.as_str(), &query.after, query.limit).await }.boxed()
    }

    fn count(&self, prefix: KeyPrefix, deadline: Instant) -> BoxFuture<'_, Result<Counted, StoreError>> {
        async move {
            let (mut counted, mut after) = (Counted::default(), String::new());
            while Instant::now() < deadline {
                let page = self.page(prefix.as_str(), &after, 1000).await?;
                counted.objects += page.items.len() as u64;
                counted.size_bytes += page.items.iter().map(|object| object.size_bytes).sum::<u64>();
                match page.next {
                    Some(next) => after = next,
                    None => return Ok(Counted { complete: true, ..counted }),
                }
            }
            Ok(counted)
        }
        .boxed()
    }

    fn space(&self) -> BoxFuture<'_, Result<Option<Space>, StoreError>> {
        async { Ok(None) }.boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<String, StoreError>> {
        async {
            let request = self.client.head_bucket().bucket(&self.bucket);
            request
                .send()
                .await
                .map_err(|error| reply::failure("reaching the bucket", &self.bucket, error))?;
            Ok(format!("bucket {} answers", self.bucket))
        }
        .boxed()
    }
}
