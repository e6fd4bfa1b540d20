//! Kept documents. `_id` is kind, scope and name in lines: its order is theirs, and it is unique.

use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{Document, doc};

use super::error::is_taken;
use super::{int, text};
use crate::error::RecordsError;
use crate::kept::{Kept, first_version};

pub(super) async fn get(kept: Collection<Document>, id: String) -> Result<Option<Kept>, RecordsError> {
    kept.find_one(doc! { "_id": id }).await?.as_ref().map(document).transpose()
}

pub(super) async fn page(
    kept: Collection<Document>,
    after: String,
    before: String,
    limit: u32,
) -> Result<Vec<Kept>, RecordsError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let within = doc! { "_id": { "$gt": after, "$lt": before } };
    let found = kept.find(within).sort(doc! { "_id": 1 }).limit(i64::from(limit)).await?;
    let found: Vec<Document> = found.try_collect().await?;
    found.iter().map(document).collect()
}

pub(super) async fn put(
    kept: Collection<Document>,
    id: String,
    document: Kept,
    expected: Option<u64>,
) -> Result<Option<u64>, RecordsError> {
    let Kept { scope, name, body, .. } = document;
    let Some(expected) = expected else {
        let version = first_version();
        let new = doc! { "_id": id, "scope": scope, "name": name, "version": int(version), "body": body };
        return match kept.insert_one(new).await {
            Ok(_) => Ok(Some(version)),
            Err(error) if is_taken(&error) => Ok(None),
            Err(error) => Err(error.into()),
        };
    };
    let version = expected + 1;
    let change = doc! { "$set": { "version": int(version), "body": body } };
    let changed = kept.update_one(doc! { "_id": id, "version": int(expected) }, change).await?;
    Ok((changed.matched_count > 0).then_some(version))
}

pub(super) async fn remove(
    kept: Collection<Document>,
    id: String,
    expected: u64,
) -> Result<bool, RecordsError> {
    Ok(kept.delete_one(doc! { "_id": id, "version": int(expected) }).await?.deleted_count > 0)
}

/// What a document is found by.
pub(super) fn id(kind: &str, scope: &str, name: &str) -> String {
    format!("{kind}\n{scope}\n{name}")
}

/// Above every id that begins with these lines.
pub(super) fn end(kind: &str, scope: Option<&str>) -> String {
    // The line's end, raised by one.
    match scope {
        Some(scope) => format!("{kind}\n{scope}\u{b}"),
        None => format!("{kind}\u{b}"),
    }
}

fn document(stored: &Document) -> Result<Kept, RecordsError> {
    let version =
        stored.get_i64("version").map_err(|error| RecordsError::corrupt("a kept document", error))?;
    Ok(Kept {
        scope: text(stored, "scope")?.to_owned(),
        name: text(stored, "name")?.to_owned(),
        version: version.unsigned_abs(),
        body: text(stored, "body")?.to_owned(),
    })
}
