//! Goes through the folders in the byte order of the keys.

use super::layout::{Entry, Layout};
use super::reading::timestamp;
use super::seal::SEAL_BYTES;
use super::writing::is_absence;
use crate::error::StoreError;
use crate::key::KeyPrefix;
use crate::store::{Counted, ListQuery};
use emboflow_protocol::object::{ObjectEntry, ObjectPage};
use std::collections::BTreeMap;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::time::Instant;

pub(super) fn page(layout: &Layout, query: &ListQuery) -> Result<ObjectPage, StoreError> {
    let walk = Walk { layout, prefix: query.prefix.as_str(), after: &query.after };
    let mut listing = Listing { walk, limit: query.limit, page: ObjectPage::default() };
    let _full_or_at_the_end = listing
        .below(query.prefix.folder())
        .map_err(|error| StoreError::io(format!("listing `{}`", query.prefix.as_str()), &error))?;
    Ok(listing.page)
}

pub(super) fn count(layout: &Layout, prefix: &KeyPrefix, deadline: Instant) -> Result<Counted, StoreError> {
    let walk = Walk { layout, prefix: prefix.as_str(), after: "" };
    let mut counted = Counted { complete: true, ..Counted::default() };
    let _counted_or_too_late = count_below(&walk, prefix.folder(), deadline, &mut counted)
        .map_err(|error| StoreError::io(format!("counting `{}`", prefix.as_str()), &error))?;
    Ok(counted)
}

/// In whatever order the folders give them.
fn count_below(
    walk: &Walk<'_>,
    folder: &str,
    deadline: Instant,
    counted: &mut Counted,
) -> io::Result<ControlFlow<()>> {
    walk.each(folder, &mut |name, entry| {
        if name.ends_with('/') {
            return count_below(walk, &name, deadline, counted);
        }
        if Instant::now() >= deadline {
            counted.complete = false;
            return Ok(ControlFlow::Break(()));
        }
        if let Some(about) = unless_gone(entry.metadata())? {
            counted.objects += 1;
            counted.size_bytes += about.len().saturating_sub(SEAL_BYTES);
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// A content takes the place of another one by a rename: both files are there then, so that their numbers differ
/// however close their times are.
fn mark(about: &Metadata) -> String {
    format!("{:x}-{:x}-{:x}", about.ino(), about.mtime(), about.mtime_nsec())
}

/// Objects come and go while a walk is under way.
fn unless_gone<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(error) if is_absence(&error) => Ok(None),
        outcome => outcome.map(Some),
    }
}

/// A page that is being filled.
struct Listing<'a> {
    walk: Walk<'a>,
    limit: usize,
    page: ObjectPage,
}

impl Listing<'_> {
    /// Adds the objects whose keys start with `folder` (empty, or with a `/` at its end), until the page is full.
    ///
    /// Of a folder no more is held and put in order than the page has room for, and the one that tells of the next page.
    /// Folders without objects may leave it unfilled: then more is taken from where that ended.
    fn below(&mut self, folder: &str) -> io::Result<ControlFlow<()>> {
        let mut most = self.limit - self.page.items.len() + 1;
        let mut seen = String::new();
        loop {
            let found = self.walk.first(folder, &seen, most)?;
            let is_all = found.len() < most;
            for (name, entry) in found {
                let flow = match name.ends_with('/') {
                    true => self.below(&name)?,
                    false => self.take(&name, &entry)?,
                };
                if flow.is_break() {
                    return Ok(flow);
                }
                seen = name;
            }
            if is_all {
                return Ok(ControlFlow::Continue(()));
            }
            // So that a folder of nothing but empty ones is not read as often as it has entries.
            most = most.saturating_mul(2);
        }
    }

    fn take(&mut self, key: &str, entry: &DirEntry) -> io::Result<ControlFlow<()>> {
        let items = &mut self.page.items;
        if items.len() == self.limit {
            self.page.next = items.last().map(|last| last.key.clone());
            return Ok(ControlFlow::Break(()));
        }
        if let Some(about) = unless_gone(entry.metadata())? {
            let size_bytes = about.len().saturating_sub(SEAL_BYTES);
            let modified_at = about.modified().map(timestamp).unwrap_or_default();
            items.push(ObjectEntry { key: key.to_owned(), size_bytes, modified_at, mark: mark(&about) });
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// What is asked for: keys that start with `prefix` and come after `after`.
struct Walk<'a> {
    layout: &'a Layout,
    prefix: &'a str,
    after: &'a str,
}

type Visit<'a> = dyn FnMut(String, DirEntry) -> io::Result<ControlFlow<()>> + 'a;

impl Walk<'_> {
    /// Of the entries of a folder that are asked for and come after `seen`, the first ones, `most` at most.
    fn first(&self, folder: &str, seen: &str, most: usize) -> io::Result<BTreeMap<String, DirEntry>> {
        let mut first = BTreeMap::new();
        let _seen_to_the_end = self.each(folder, &mut |name, entry| {
            let is_full = first.len() == most;
            let comes_later = is_full && first.last_key_value().is_some_and(|(last, _)| *last < name);
            if name.as_str() > seen && !comes_later {
                first.insert(name, entry);
                if is_full {
                    first.pop_last();
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(first)
    }

    /// Visits what of a folder is asked for, in no order. A folder is called with the `/` that its keys go on with.
    fn each(&self, folder: &str, visit: &mut Visit<'_>) -> io::Result<ControlFlow<()>> {
        let Some(found) = unless_gone(fs::read_dir(self.layout.folder(folder)))? else {
            return Ok(ControlFlow::Continue(()));
        };
        for entry in found {
            let entry = entry?;
            let Some(kind) = unless_gone(entry.file_type())? else { continue };
            let name = match Entry::read(&entry.file_name(), kind.is_dir()) {
                Some(Entry::Folder(segment)) => format!("{folder}{segment}/"),
                Some(Entry::Object(segment)) => format!("{folder}{segment}"),
                None => continue,
            };
            if self.wants(&name) && visit(name, entry)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn wants(&self, name: &str) -> bool {
        if name.ends_with('/') {
            let may_match = name.starts_with(self.prefix) || self.prefix.starts_with(name);
            return may_match && (name > self.after || self.after.starts_with(name));
        }
        name.starts_with(self.prefix) && name > self.after
    }
}

#[cfg(test)]
#[path = "listing/tests.rs"]
mod tests;
