//! The documents that a range becomes: as many as its objects need, cut at their keys.

use emboflow_model::trigger::{KnownObject, KnownObjects, MAX_KNOWN};

use super::shelf::{Document, Range, Shelf};
use crate::journal::{Journal, Subject};

/// What a look at a range has found, written in an order in which no object is forgotten wherever it ends.
pub(crate) struct Pieces<'a> {
    shelf: &'a Shelf<'a>,
    journal: &'a Journal,
    subject: Subject,
    range: Range,
    /// The first piece, until it is known that the range is cut behind it.
    first: Option<KnownObjects>,
    /// The one that is being filled.
    current: Document,
    /// Where the new documents begin.
    cuts: Vec<String>,
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(shelf: &'a Shelf<'a>, journal: &'a Journal, subject: Subject, range: Range) -> Self {
        let current = Document {
            lower: range.first.lower.clone(),
            version: range.first.version,
            known: KnownObjects::default(),
        };
        Self { shelf, journal, subject, range, first: None, current, cuts: Vec::new() }
    }

    pub(crate) fn range(&self) -> &Range {
        &self.range
    }

    /// The next object of the range.
    pub(crate) async fn add(&mut self, key: &str, object: KnownObject) -> anyhow::Result<()> {
        self.current.known.add(object);
        if self.current.known.len() < MAX_KNOWN {
            return Ok(());
        }
        // Where the range is cut, a document may begin already.
        let there = self.range.absorbed.iter().find(|absorbed| absorbed.lower == key);
        let version = there.and_then(|absorbed| absorbed.version);
        let next = Document { lower: key.to_owned(), version, known: KnownObjects::default() };
        let full = std::mem::replace(&mut self.current, next);
        match self.first {
            // It may hold what belongs behind the cut, and is written last.
            None => self.first = Some(full.known),
            Some(_) => self.keep(&full).await?,
        }
        self.cuts.push(key.to_owned());
        Ok(())
    }

    /// Writes what remains. When the look was `broken` off, what was known stays known. Gives where new documents begin.
    pub(crate) async fn finish(mut self, broken: bool) -> anyhow::Result<Vec<String>> {
        if broken {
            self.current.known.extend(&self.range.first.known);
        }
        if let Some(known) = self.first.take() {
            let last = std::mem::replace(
                &mut self.current,
                Document { lower: self.range.first.lower.clone(), version: self.range.first.version, known },
            );
            self.keep(&last).await?;
        }
        let is_changed = self.current.known != self.range.first.known || self.current.version.is_none();
        if is_changed || !self.range.absorbed.is_empty() {
            self.keep(&self.current).await?;
        }
        for absorbed in &self.range.absorbed {
            if !self.cuts.contains(&absorbed.lower) {
                self.shelf.remove(absorbed).await?;
            }
        }
        Ok(self.cuts)
    }

    /// History first: a start that is known and not noted would be found by nobody.
    async fn keep(&self, document: &Document) -> anyhow::Result<()> {
        self.journal.write(&self.subject).await?;
        self.shelf.keep(document).await
    }
}
