//! `/objects` and `/usage`: what lies below a prefix.

use super::access::Access;
use super::{Gateway, Refusal};
use crate::measure;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use emboflow_model::ProjectName;
use emboflow_objects::KeyPrefix;
use emboflow_objects::ListQuery;
use emboflow_protocol::object::{ObjectPage, StorageUsage};
use serde::Deserialize;
use std::time::{Duration, Instant};

const PAGE_MAX: usize = 1000;
const COUNTING_TIME: Duration = Duration::from_secs(20);
const AFTER_MAX_BYTES: usize = 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListParameters {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    after: String,
    limit: Option<usize>,
}

pub(super) async fn list(
    State(gateway): State<Gateway>,
    access: Access,
    parameters: Result<Query<ListParameters>, QueryRejection>,
) -> Result<Json<ObjectPage>, Refusal> {
    let Query(parameters) = parameters.map_err(|error| Refusal::parameter(error.body_text()))?;
    let prefix = KeyPrefix::parse(parameters.prefix)?;
    access.to_list(prefix.as_str())?;
    let limit = parameters.limit.unwrap_or(PAGE_MAX);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Refusal::parameter(format!("limit is between 1 and {PAGE_MAX}")));
    }
    if parameters.after.len() > AFTER_MAX_BYTES {
        return Err(Refusal::parameter(format!("after has at most {AFTER_MAX_BYTES} bytes")));
    }
    let query = ListQuery { prefix, after: parameters.after, limit };
    Ok(Json(measure::operation(gateway.store.kind(), "list", gateway.store.list(query)).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UsageParameters {
    #[serde(default)]
    prefix: String,
}

pub(super) async fn usage(
    State(gateway): State<Gateway>,
    access: Access,
    parameters: Result<Query<UsageParameters>, QueryRejection>,
) -> Result<Json<StorageUsage>, Refusal> {
    let Query(parameters) = parameters.map_err(|error| Refusal::parameter(error.body_text()))?;
    let prefix = KeyPrefix::parse(parameters.prefix)?;
    access.to_list(prefix.as_str())?;
    let name = prefix.as_str().to_owned();
    // All of a project is counted for its quota as well.
    let of_project = name.strip_suffix('/').and_then(|name| ProjectName::new(name).ok());
    let (counted, age_ms) = match of_project {
        Some(project) => {
            let known = gateway.ledger.known(project.as_str()).await?;
            (known.counted, u64::try_from(known.age.as_millis()).ok())
        }
        None => {
            let counting = gateway.store.count(prefix, Instant::now() + COUNTING_TIME);
            (measure::operation(gateway.store.kind(), "count", counting).await?, None)
        }
    };
    let space = gateway.store.space().await?;
    Ok(Json(StorageUsage {
        prefix: name,
        objects: counted.objects,
        size_bytes: counted.size_bytes,
        complete: counted.complete,
        age_ms,
        free_bytes: space.map(|space| space.free_bytes),
        total_bytes: space.map(|space| space.total_bytes),
    }))
}
