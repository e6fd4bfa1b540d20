//! Walks the folders in the byte order of the keys.

use super::layout::{Entry, Layout};
use super::reading::timestamp;
use super::seal::SEAL_BYTES;
use super::writing::is_absence;
use crate::error::StoreError;
use crate::key::KeyPrefix;
use crate::store::{Counted, ListQuery};
use emboflow_protocol::object::{ObjectEntry, ObjectPage};
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::time::Instant;

pub(super) fn page(layout: &Layout, query: &ListQuery) -> Result<ObjectPage, StoreError> {
    let mut page = ObjectPage::default();
    let mut take = |key: String, entry: &DirEntry| -> io::Result<ControlFlow<()>> {
        if page.items.len() == query.limit {
            page.next = page.items.last().map(|last| last.key.clone());
            return Ok(ControlFlow::Break(()));
        }
        if let Some(about) = unless_gone(entry.metadata())? {
            let size_bytes = about.len().saturating_sub(SEAL_BYTES);
            let modified_at = about.modified().map(timestamp).unwrap_or_default();
            page.items.push(ObjectEntry { key, size_bytes, modified_at, mark: mark(&about) });
        }
        Ok(ControlFlow::Continue(()))
    };
    let walk = Walk { layout, prefix: query.prefix.as_str(), after: &query.after };
    let _full_or_at_the_end = walk
        .below(query.prefix.folder(), &mut take)
        .map_err(|error| StoreError::io(format!("listing `{}`", walk.prefix), &error))?;
    Ok(page)
}

pub(super) fn count(layout: &Layout, prefix: &KeyPrefix, deadline: Instant) -> Result<Counted, StoreError> {
    let mut counted = Counted { complete: true, ..Counted::default() };
    let mut add = |_key: String, entry: &DirEntry| -> io::Result<ControlFlow<()>> {
        if Instant::now() >= deadline {
            counted.complete = false;
            return Ok(ControlFlow::Break(()));
        }
        if let Some(about) = unless_gone(entry.metadata())? {
            counted.objects += 1;
            counted.size_bytes += about.len().saturating_sub(SEAL_BYTES);
        }
        Ok(ControlFlow::Continue(()))
    };
    let walk = Walk { layout, prefix: prefix.as_str(), after: "" };
    let _counted_or_too_late = walk
        .below(prefix.folder(), &mut add)
        .map_err(|error| StoreError::io(format!("counting `{}`", walk.prefix), &error))?;
    Ok(counted)
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

struct Walk<'a> {
    layout: &'a Layout,
    prefix: &'a str,
    after: &'a str,
}

type Visit<'a> = dyn FnMut(String, &DirEntry) -> io::Result<ControlFlow<()>> + 'a;

impl Walk<'_> {
    /// Visits the objects whose keys start with `folder` (empty, or with a `/` at its end).
    fn below(&self, folder: &str, visit: &mut Visit<'_>) -> io::Result<ControlFlow<()>> {
        for (name, entry) in self.entries(folder)? {
            let flow = match name.ends_with('/') {
                true => self.below(&name, visit)?,
                false => visit(name, &entry)?,
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// What of a folder is asked for, in order. A folder sorts with the `/` that its keys go on with.
    fn entries(&self, folder: &str) -> io::Result<Vec<(String, DirEntry)>> {
        let Some(found) = unless_gone(fs::read_dir(self.layout.folder(folder)))? else {
            return Ok(Vec::new());
        };
        let mut entries = Vec::new();
        for entry in found {
            let entry = entry?;
            let Some(kind) = unless_gone(entry.file_type())? else { continue };
            let name = match Entry::read(&entry.file_name(), kind.is_dir()) {
                Some(Entry::Folder(segment)) => format!("{folder}{segment}/"),
                Some(Entry::Object(segment)) => format!("{folder}{segment}"),
                None => continue,
            };
            if self.wants(&name) {
                entries.push((name, entry));
            }
        }
        entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(entries)
    }

    fn wants(&self, name: &str) -> bool {
        if name.ends_with('/') {
            let may_match = name.starts_with(self.prefix) || self.prefix.starts_with(name);
            return may_match && (name > self.after || self.after.starts_with(name));
        }
        name.starts_with(self.prefix) && name > self.after
    }
}
