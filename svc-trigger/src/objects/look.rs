//! A look at the listing, range by range: what is not known yet is examined, what is new starts its run, and then it is
//! known.

use emboflow_model::Timestamp;
use emboflow_model::trigger::{KnownObjects, ObjectFilter};
use emboflow_protocol::object::{ObjectEntry, ObjectPage};
use futures::{StreamExt, stream};

use super::examine::Finding;
use super::makers::Makers;
use super::pieces::Pieces;
use super::shelf::{Range, Shelf};
use super::storage::Storage;
use crate::hands::Hands;
use crate::journal::Subject;
use crate::kept::Trigger;
use crate::measure;

/// Objects that are examined at once.
const AT_ONCE: usize = 8;

/// Everything that a look needs.
pub(crate) struct Look<'a> {
    pub(crate) hands: &'a Hands,
    pub(crate) storage: &'a Storage,
    pub(crate) trigger: &'a Trigger,
    pub(crate) filter: &'a ObjectFilter,
    pub(crate) shelf: &'a Shelf<'a>,
    /// What is not known and older than this starts nothing.
    pub(crate) new_from: Timestamp,
    pub(crate) makers: Makers<'a>,
}

impl Look<'_> {
    /// Looks at everything under the prefix. Gives where the documents begin.
    pub(crate) async fn through_everything(&self) -> anyhow::Result<Vec<String>> {
        let mut bounds = Vec::new();
        let mut document = Some(self.shelf.document("").await?);
        while let Some(first) = document {
            let (range, next) = self.shelf.range(first).await?;
            bounds.push(range.first.lower.clone());
            bounds.extend(self.through(range).await?);
            document = next;
        }
        Ok(bounds)
    }

    /// Looks at the ranges with the objects whose keys begin so. `bounds` are where documents began at the last look
    /// through everything.
    pub(crate) async fn at(&self, bounds: &[String], scope: &str) -> anyhow::Result<()> {
        let before = bounds.partition_point(|lower| lower.as_str() < scope);
        let lower = before.checked_sub(1).and_then(|index| bounds.get(index)).map_or("", String::as_str);
        let mut document = self.shelf.document(lower).await?;
        if document.version.is_none() {
            // Another document has taken the range over since: the next look through everything finds it.
            return Ok(());
        }
        loop {
            let (range, next) = self.shelf.range(document).await?;
            let is_meant = range.upper.as_ref().is_none_or(|upper| upper.as_str() >= scope);
            let goes_on =
                range.upper.as_ref().is_some_and(|upper| upper.as_str() < scope || upper.starts_with(scope));
            if is_meant {
                self.through(range).await?;
            }
            match next.filter(|_| goes_on) {
                Some(next) => document = next,
                None => return Ok(()),
            }
        }
    }

    /// Looks at a range. Gives where new documents begin in it.
    async fn through(&self, range: Range) -> anyhow::Result<Vec<String>> {
        let mut pieces = Pieces::new(self.shelf, &self.hands.journal, Subject::of(self.trigger), range);
        let looked = self.fill(&mut pieces).await;
        // What was started until then is known in any case.
        let kept = pieces.finish(looked.is_err()).await;
        looked?;
        kept
    }

    async fn fill(&self, pieces: &mut Pieces<'_>) -> anyhow::Result<()> {
        let project = &self.trigger.project;
        let (prefix, own) = (self.filter.full_prefix(project), format!("{project}/"));
        let lower = &pieces.range().first.lower;
        let mut after = if lower.is_empty() { String::new() } else { format!("{own}{lower}") };
        loop {
            let ObjectPage { items, next } = self.storage.page(project, &prefix, &after).await?;
            measure::count_listed(items.len());
            let upper = pieces.range().upper.clone();
            // No gateway lists what is not under the prefix; whose it is depends on it, so it is looked at here as well.
            let meant = items.into_iter().filter_map(|entry| {
                let key = entry.key.strip_prefix(&own).filter(|key| self.filter.is_meant(key))?.to_owned();
                Some((key, entry))
            });
            let mut is_over = next.is_none();
            let mut page = Vec::new();
            for (key, entry) in meant {
                if upper.as_ref().is_some_and(|upper| key > *upper) {
                    is_over = true;
                    break;
                }
                page.push((key, entry));
            }
            self.deal_with(page, pieces).await?;
            match next.filter(|_| !is_over) {
                Some(next) => after = next,
                None => return Ok(()),
            }
        }
    }

    async fn deal_with(
        &self,
        page: Vec<(String, ObjectEntry)>,
        pieces: &mut Pieces<'_>,
    ) -> anyhow::Result<()> {
        let known = pieces.range().first.known.clone();
        let mut found =
            stream::iter(page).map(|(key, entry)| self.examined(&known, key, entry)).buffered(AT_ONCE);
        while let Some(examined) = found.next().await {
            let (key, entry, finding) = examined?;
            let object = match finding {
                Finding::Known(object) => Some(object),
                Finding::New(object, new) => {
                    self.start(&key, &entry, new).await?;
                    Some(object)
                }
                Finding::NotYet => None,
            };
            if let Some(object) = object {
                pieces.add(&key, object).await?;
            }
        }
        Ok(())
    }

    async fn examined(
        &self,
        known: &KnownObjects,
        key: String,
        entry: ObjectEntry,
    ) -> anyhow::Result<(String, ObjectEntry, Finding)> {
        let finding = self.examine(known, &key, &entry).await?;
        Ok((key, entry, finding))
    }
}
