//! What a trigger knows of objects, in the records: documents for ranges of keys, each named by the trigger's id and the
//! key after which its range begins. A range ends where the next document's begins.

use std::collections::BTreeSet;
use std::time::Duration;

use emboflow_model::ProjectName;
use emboflow_model::trigger::{KNOWN_OBJECTS, KnownObjects, MAX_KNOWN};
use emboflow_records::{Kept, SharedRecords};

use crate::hands::Hands;
use crate::kept::{self, Trigger};

/// How often what is left of triggers that are gone is looked for.
const CLEAN_EACH: Duration = Duration::from_secs(60 * 60);
/// Documents removed at a time.
const REMOVED_AT_ONCE: u32 = 100;
/// Neighbours with so many objects together become one document.
const FEW: usize = MAX_KNOWN / 2;

/// A trigger's documents.
pub(crate) struct Shelf<'a> {
    records: &'a SharedRecords,
    project: &'a ProjectName,
    id: &'a str,
}

/// A document: what is known of the objects in a range.
pub(crate) struct Document {
    /// The key after which the range begins.
    pub(crate) lower: String,
    /// None when it is not kept yet.
    pub(crate) version: Option<u64>,
    pub(crate) known: KnownObjects,
}

/// A range of keys that is looked at, and what is known of its objects.
pub(crate) struct Range {
    pub(crate) first: Document,
    /// The last key of the range; none for the end of all.
    pub(crate) upper: Option<String>,
    /// Documents that the first one takes over.
    pub(crate) absorbed: Vec<Document>,
}

/// Another process has changed a document meanwhile.
#[derive(Debug, thiserror::Error)]
#[error("another trigger service looks at the same objects; it is looked at anew")]
pub(crate) struct Overtaken;

impl<'a> Shelf<'a> {
    pub(crate) fn new(hands: &'a Hands, trigger: &'a Trigger) -> Self {
        Self { records: &hands.records, project: &trigger.project, id: &trigger.document.id }
    }

    /// The document whose range begins so; an empty one when it is not kept.
    pub(crate) async fn document(&self, lower: &str) -> anyhow::Result<Document> {
        let kept = self.records.kept(KNOWN_OBJECTS, self.project.as_str(), &self.name(lower)).await?;
        let (version, known) = match &kept {
            Some(kept) => (Some(kept.version), KnownObjects::read(&kept.body)?),
            None => (None, KnownObjects::default()),
        };
        Ok(Document { lower: lower.to_owned(), version, known })
    }

    /// The document after the one whose range begins so.
    async fn after(&self, lower: &str) -> anyhow::Result<Option<Document>> {
        let name = self.name(lower);
        let page = self.page_after(&name, 1).await?;
        let Some((lower, kept)) = page.first() else { return Ok(None) };
        let known = KnownObjects::read(&kept.body)?;
        Ok(Some(Document { lower: lower.clone(), version: Some(kept.version), known }))
    }

    /// The range that begins with a document, with its neighbours when all of them are small, and the document after it.
    /// Everything is read before the range is listed: what is known is never newer than what is seen.
    pub(crate) async fn range(&self, first: Document) -> anyhow::Result<(Range, Option<Document>)> {
        let mut next = self.after(&first.lower).await?;
        let mut range = Range { first, upper: None, absorbed: Vec::new() };
        while let Some(neighbour) = next.take_if(|next| range.first.known.len() + next.known.len() <= FEW) {
            next = self.after(&neighbour.lower).await?;
            range.first.known.extend(&neighbour.known);
            range.absorbed.push(neighbour);
        }
        range.upper = next.as_ref().map(|next| next.lower.clone());
        Ok((range, next))
    }

    /// Keeps a document, unless another process has changed it.
    pub(crate) async fn keep(&self, document: &Document) -> anyhow::Result<()> {
        let (project, name) = (self.project.as_str(), self.name(&document.lower));
        let kept = self.records.keep(KNOWN_OBJECTS, project, &name, document.version, document.known.body());
        kept.await?.map(drop).ok_or_else(|| Overtaken.into())
    }

    /// Removes a document whose range another one has taken over.
    pub(crate) async fn remove(&self, document: &Document) -> anyhow::Result<()> {
        let Some(version) = document.version else { return Ok(()) };
        let (project, name) = (self.project.as_str(), self.name(&document.lower));
        match self.records.drop_kept(KNOWN_OBJECTS, project, &name, version).await? {
            true => Ok(()),
            false => Err(Overtaken.into()),
        }
    }

    /// Forgets everything.
    pub(crate) async fn clear(&self) -> anyhow::Result<()> {
        // '.' comes right before '/'.
        let before_all = format!("{}.", self.id);
        loop {
            let page = self.page_after(&before_all, REMOVED_AT_ONCE).await?;
            if page.is_empty() {
                return Ok(());
            }
            for (_, kept) in &page {
                let (scope, name) = (&kept.scope, &kept.name);
                // Changed meanwhile: it comes again.
                self.records.drop_kept(KNOWN_OBJECTS, scope, name, kept.version).await?;
            }
        }
    }

    /// This trigger's documents after a name, each with where its range begins.
    async fn page_after(&self, name: &str, limit: u32) -> anyhow::Result<Vec<(String, Kept)>> {
        let project = self.project.as_str();
        let page = self.records.kept_page(KNOWN_OBJECTS, Some(project), Some((project, name)), limit).await?;
        let own = format!("{}/", self.id);
        let lower = |kept: Kept| Some((kept.name.strip_prefix(&own)?.to_owned(), kept));
        Ok(page.into_iter().map_while(lower).collect())
    }

    fn name(&self, lower: &str) -> String {
        format!("{}/{lower}", self.id)
    }
}

/// Forgets what a trigger knew that is gone. What cannot be removed now is removed later.
pub(crate) async fn forget(records: &SharedRecords, trigger: &Trigger) {
    let shelf = Shelf { records, project: &trigger.project, id: &trigger.document.id };
    if let Err(error) = shelf.clear().await {
        tracing::info!(%error, trigger = %trigger.name, "what it knew of objects is removed later");
    }
}

/// Removes now and then what is left of triggers that went while nobody looked, for ever.
pub(crate) async fn clean(records: SharedRecords) {
    loop {
        if let Err(error) = clean_once(&records).await {
            tracing::info!(
                error = format!("{error:#}"),
                "what is left of triggers that are gone is removed later"
            );
        }
        tokio::time::sleep(CLEAN_EACH).await;
    }
}

async fn clean_once(records: &SharedRecords) -> anyhow::Result<()> {
    // In this order: what a new trigger begins to know meanwhile is not found.
    let mut left = owners(records).await?;
    if left.is_empty() {
        return Ok(());
    }
    let all = kept::read_all(records.as_ref()).await?;
    for trigger in &all.triggers {
        left.remove(&(trigger.project.clone(), trigger.document.id.clone()));
    }
    // Whose id cannot be read may be anybody of its project.
    left.retain(|(project, id)| {
        let may_be =
            |one: &kept::Unreadable| one.project == *project && one.id.as_ref().is_none_or(|own| own == id);
        !all.unreadable.iter().any(may_be)
    });
    for (project, id) in &left {
        Shelf { records, project, id }.clear().await?;
    }
    Ok(())
}

/// The projects and ids of all triggers that have documents.
async fn owners(records: &SharedRecords) -> anyhow::Result<BTreeSet<(ProjectName, String)>> {
    let mut owners = BTreeSet::new();
    let mut after: Option<(String, String)> = None;
    loop {
        let place = after.as_ref().map(|(scope, name)| (scope.as_str(), name.as_str()));
        let page = records.kept_page(KNOWN_OBJECTS, None, place, 1).await?;
        let Some(kept) = page.into_iter().next() else { return Ok(owners) };
        let id = kept.name.split('/').next().unwrap_or_default().to_owned();
        // '0' comes right after '/': the next one is another trigger's.
        after = Some((kept.scope.clone(), format!("{id}0")));
        if let Ok(project) = ProjectName::new(&kept.scope) {
            owners.insert((project, id));
        }
    }
}
