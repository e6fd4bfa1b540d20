//! `/probe`: puts, reads and deletes an object, and tells of each step how long it took and what went wrong.

use super::access::Access;
use super::{Gateway, Refusal};
use crate::measure;
use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use emboflow_objects::Digest;
use emboflow_objects::ObjectKey;
use emboflow_objects::StoreError;
use emboflow_objects::{ObjectStore, Put};
use emboflow_protocol::http::{CheckView, StorageView};
use emboflow_protocol::storage_token::StorageClaims;
use futures::{StreamExt, TryStreamExt};
use std::future::Future;
use std::time::{Duration, Instant};

const STEP_TIMEOUT: Duration = Duration::from_secs(15);

pub(super) async fn probe(
    State(gateway): State<Gateway>,
    access: Access,
) -> Result<Json<StorageView>, Refusal> {
    access.to_write(StorageClaims::PROBE_PREFIX)?;
    access.to_read(StorageClaims::PROBE_PREFIX)?;
    access.to_delete(StorageClaims::PROBE_PREFIX)?;
    let name = uuid::Uuid::new_v4().to_string();
    let key = ObjectKey::parse(format!("{}/{name}", StorageClaims::PROBE_PREFIX))?;
    let store = &*gateway.store;
    let mut steps = vec![step("put", put(store, &key, &name)).await];
    if steps.iter().all(|step| step.ok) {
        steps.push(step("get", read_back(store, &key, &name)).await);
    }
    // Also after a failed put: its answer may have been lost behind a stored object.
    steps.push(step("delete", delete(store, &key)).await);
    let ok = steps.iter().all(|step| step.ok);
    measure::up(store.kind(), ok);
    let space = store.space().await.ok().flatten();
    Ok(Json(StorageView {
        backend: store.kind().to_owned(),
        ok,
        free_bytes: space.map(|space| space.free_bytes),
        total_bytes: space.map(|space| space.total_bytes),
        steps,
    }))
}

async fn step(name: &str, work: impl Future<Output = Result<String, StoreError>>) -> CheckView {
    let started = Instant::now();
    let outcome = match tokio::time::timeout(STEP_TIMEOUT, work).await {
        Ok(Ok(detail)) => Ok(detail),
        Ok(Err(error)) => Err(match error.problem().hint {
            Some(hint) => format!("{error} ({hint})"),
            None => error.to_string(),
        }),
        Err(_) => Err(format!("no answer within {} s", STEP_TIMEOUT.as_secs())),
    };
    let latency_ms = started.elapsed().as_millis() as u64;
    let ok = outcome.is_ok();
    CheckView { name: name.to_owned(), ok, detail: outcome.unwrap_or_else(|error| error), latency_ms }
}

async fn put(store: &dyn ObjectStore, key: &ObjectKey, text: &str) -> Result<String, StoreError> {
    let content = Bytes::copy_from_slice(text.as_bytes());
    let sha256 = Some(Digest::of(&content));
    let size_bytes = Some(content.len() as u64);
    let put = Put { key: key.clone(), size_bytes, sha256, only_if_absent: false };
    let stored = store.put(put, &mut futures::stream::iter([Ok(content)]).boxed()).await?;
    Ok(format!("{} bytes stored", stored.size_bytes))
}

async fn read_back(store: &dyn ObjectStore, key: &ObjectKey, text: &str) -> Result<String, StoreError> {
    let read: Vec<Bytes> = store.get(key, None).await?.content.try_collect().await?;
    if read.concat() == text.as_bytes() {
        return Ok(format!("{} bytes read", text.len()));
    }
    Err(StoreError::Damaged {
        key: key.to_string(),
        detail: "other bytes came back than were put".to_owned(),
    })
}

async fn delete(store: &dyn ObjectStore, key: &ObjectKey) -> Result<String, StoreError> {
    store.delete(key).await?;
    match store.head(key).await {
        Err(StoreError::NotFound { .. }) => Ok("deleted".to_owned()),
        Err(error) => Err(error),
        Ok(_) => {
            let detail = "it is still there after it was deleted".to_owned();
            Err(StoreError::Damaged { key: key.to_string(), detail })
        }
    }
}
