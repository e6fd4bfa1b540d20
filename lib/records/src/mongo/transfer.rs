//! Pages of what does not derive from the log, and putting it in as it is.

use futures::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Document, doc};

use super::derived::request_document;
use super::schema::{AUDIT, CURSORS, KEPT, LOG, REMOVALS, REQUESTS, SETTINGS, WORKFLOWS};
use super::workflows::stored;
use super::{audit, kept};
use super::{int, text};
use crate::entry::{from_json, to_json};
use crate::error::RecordsError;
use crate::transfer::{Item, ItemPage, Section, is_own_setting};

pub(super) async fn page(
    database: Database,
    section: Section,
    after: Option<String>,
    limit: u32,
) -> Result<ItemPage, RecordsError> {
    if limit == 0 {
        return Ok(ItemPage::default());
    }
    let collection = match section {
        Section::Requests => REQUESTS,
        Section::Removals => REMOVALS,
        Section::Workflows => WORKFLOWS,
        Section::Settings => SETTINGS,
        Section::Kept => KEPT,
        Section::Audit => AUDIT,
    };
    let later = after.map_or_else(|| doc! {}, |after| doc! { "_id": { "$gt": after } });
    let collection = database.collection::<Document>(collection);
    let found = collection.find(later).sort(doc! { "_id": 1 });
    let found: Vec<Document> = found.limit(i64::from(limit)).await?.try_collect().await?;
    let next = match found.last() {
        Some(last) if found.len() == limit as usize => Some(text(last, "_id")?.to_owned()),
        _ => None,
    };
    let items = found.iter().map(|document| item(section, document)).collect::<Result<Vec<_>, _>>()?;
    Ok(ItemPage { items: items.into_iter().flatten().collect(), next })
}

fn item(section: Section, document: &Document) -> Result<Option<Item>, RecordsError> {
    let number = |field: &str| {
        let number = document.get_i64(field);
        number.map_err(|error| RecordsError::corrupt(format!("field {field} of a document"), error))
    };
    let shard = || Ok::<_, RecordsError>(u32::try_from(number("shard")?).unwrap_or(0));
    Ok(Some(match section {
        Section::Requests => {
            Item::Request { shard: shard()?, request: from_json(text(document, "body")?, "a request")? }
        }
        Section::Removals => {
            Item::Removal { shard: shard()?, removal: from_json(text(document, "body")?, "a removal")? }
        }
        Section::Workflows => Item::Workflow { workflow: from_json(text(document, "body")?, "a workflow")? },
        Section::Settings => {
            let (name, value) = (text(document, "_id")?.to_owned(), text(document, "value")?.to_owned());
            if is_own_setting(&name) {
                return Ok(None);
            }
            Item::Setting { name, value }
        }
        Section::Audit => {
            Item::Audit { entry: Box::new(from_json(text(document, "body")?, "a line of the audit")?) }
        }
        Section::Kept => Item::Kept {
            kind: text(document, "_id")?.split('\n').next().unwrap_or_default().to_owned(),
            scope: text(document, "scope")?.to_owned(),
            name: text(document, "name")?.to_owned(),
            version: number("version")?.unsigned_abs(),
            body: text(document, "body")?.to_owned(),
        },
    }))
}

pub(super) async fn put(database: Database, items: Vec<Item>) -> Result<(), RecordsError> {
    for item in &items {
        if let Item::Audit { entry } = item {
            audit::append(database.collection(AUDIT), vec![entry.as_ref().clone()]).await?;
            continue;
        }
        let Some((collection, document)) = document(item)? else { continue };
        let id = doc! { "_id": text(&document, "_id")? };
        database.collection::<Document>(collection).replace_one(id, &document).upsert(true).await?;
    }
    Ok(())
}

/// Where an item goes, and as what; none for a line of the audit, which is only ever added.
fn document(item: &Item) -> Result<Option<(&'static str, Document)>, RecordsError> {
    Ok(Some(match item {
        Item::Request { shard, request } => {
            let mut document = request_document(*shard, request)?;
            if request.ended_at.is_some() {
                document.insert("ended", true);
            }
            (REQUESTS, document)
        }
        Item::Removal { shard, removal } => {
            let body = to_json(removal, "a removal")?;
            let id = removal.run.to_string();
            (REMOVALS, doc! { "_id": id, "shard": i64::from(*shard), "body": body })
        }
        Item::Workflow { workflow } => (WORKFLOWS, stored(workflow)?),
        Item::Setting { name, value } => (SETTINGS, doc! { "_id": name, "value": value }),
        Item::Kept { kind, scope, name, version, body } => {
            let id = kept::id(kind, scope, name);
            let document =
                doc! { "_id": id, "scope": scope, "name": name, "version": int(*version), "body": body };
            (KEPT, document)
        }
        Item::Audit { .. } => return Ok(None),
    }))
}

/// Whether somebody has ever kept anything here. What the store writes for itself does not count.
pub(super) async fn holds_anything(database: Database) -> Result<bool, RecordsError> {
    for collection in [LOG, REQUESTS, WORKFLOWS, KEPT] {
        if database.collection::<Document>(collection).find_one(doc! {}).await?.is_some() {
            return Ok(true);
        }
    }
    let cursors = database.collection::<Document>(CURSORS);
    Ok(cursors.find_one(doc! { "seq": { "$gt": 0_i64 } }).await?.is_some())
}
