//! The audit.

use emboflow_model::Timestamp;
use emboflow_model::access::AuditEntry;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{Document, doc};

use super::{read_all, text};
use crate::audit::{AuditFilter, AuditPage};
use crate::entry::{from_json, to_json};
use crate::error::RecordsError;

/// Each line is written where there is none: a call whose answer was lost can be made again.
pub(super) async fn append(
    audit: Collection<Document>,
    entries: Vec<AuditEntry>,
) -> Result<(), RecordsError> {
    for entry in &entries {
        let line = doc! {
            "at": entry.at.0,
            "who": &entry.who,
            "action": &entry.action,
            "project": entry.project.as_ref().map(|project| project.as_str()),
            "result": entry.result.word(),
            "body": to_json(entry, "a line of the audit")?,
        };
        let absent = doc! { "_id": &entry.id };
        audit.update_one(absent, doc! { "$setOnInsert": line }).upsert(true).await?;
    }
    Ok(())
}

pub(super) async fn page(
    audit: Collection<Document>,
    filter: AuditFilter,
) -> Result<AuditPage, RecordsError> {
    let mut all = Vec::new();
    if let Some(since) = filter.since {
        all.push(doc! { "at": { "$gte": since.0 } });
    }
    if let Some(until) = filter.until {
        all.push(doc! { "at": { "$lt": until.0 } });
    }
    if let Some(who) = &filter.who {
        all.push(doc! { "who": who });
    }
    if let (Some(action), Some(end)) = (&filter.action, filter.action_end()) {
        all.push(doc! { "action": { "$gte": action, "$lt": end } });
    }
    if let Some(project) = &filter.project {
        all.push(doc! { "project": project.as_str() });
    }
    if let Some(result) = filter.result {
        all.push(doc! { "result": result.word() });
    }
    if let Some((at, id)) = filter.after()? {
        let older = doc! { "at": { "$lt": at } };
        all.push(doc! { "$or": [older, { "at": at, "_id": { "$lt": id } }] });
    }
    let wanted = if all.is_empty() {
        doc! {}
    } else {
        doc! { "$and": all }
    };
    let found = audit.find(wanted).sort(doc! { "at": -1, "_id": -1 }).limit(i64::from(filter.limit) + 1);
    let found = found.projection(doc! { "body": 1 }).await?;
    let entries = read_all(found, "body", |body| from_json(body, "a line of the audit")).await?;
    Ok(AuditPage::of(entries, filter.limit))
}

/// Drops the oldest lines before a moment; answers how many.
pub(super) async fn drop_before(
    audit: Collection<Document>,
    before: Timestamp,
    limit: u32,
) -> Result<u32, RecordsError> {
    if limit == 0 {
        return Ok(0);
    }
    let old = doc! { "at": { "$lt": before.0 } };
    let found = audit.find(old).sort(doc! { "at": 1, "_id": 1 }).limit(i64::from(limit));
    let found: Vec<Document> = found.projection(doc! { "_id": 1 }).await?.try_collect().await?;
    let ids: Vec<&str> = found.iter().map(|line| text(line, "_id")).collect::<Result<_, _>>()?;
    if ids.is_empty() {
        return Ok(0);
    }
    let dropped = audit.delete_many(doc! { "_id": { "$in": ids } }).await?;
    Ok(u32::try_from(dropped.deleted_count).unwrap_or(u32::MAX))
}
