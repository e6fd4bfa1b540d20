//! Which file holds which object.
//!
//! A segment is a folder of the same name and the last one a file with `.object` behind it, so `a` and `a/b` can
//! both be stored. A folder whose own name ends so gets a backslash, which no key contains.

use crate::key::ObjectKey;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const SUFFIX: &str = ".object";
const ESCAPE: char = '\\';

pub(super) struct Layout {
    root: PathBuf,
    objects: PathBuf,
    incoming: PathBuf,
}

/// What a name inside `objects/` stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Object(String),
    Folder(String),
}

impl Layout {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), objects: root.join("objects"), incoming: root.join("incoming") }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn objects(&self) -> &Path {
        &self.objects
    }

    pub(super) fn incoming(&self) -> &Path {
        &self.incoming
    }

    /// The folder of a key's last segment, and the file in it.
    pub(super) fn place(&self, key: &ObjectKey) -> (PathBuf, PathBuf) {
        let (folders, last) = key.as_str().rsplit_once('/').unwrap_or(("", key.as_str()));
        let folder = self.folder(folders);
        let file = folder.join(format!("{last}{SUFFIX}"));
        (folder, file)
    }

    /// The folder for a key's beginning, with or without a `/` at its end.
    pub(super) fn folder(&self, segments: &str) -> PathBuf {
        let mut path = self.objects.clone();
        for segment in segments.split('/').filter(|segment| !segment.is_empty()) {
            path.push(folder_name(segment));
        }
        path
    }
}

fn folder_name(segment: &str) -> Cow<'_, Path> {
    if segment.ends_with(SUFFIX) {
        Cow::Owned(PathBuf::from(format!("{segment}{ESCAPE}")))
    } else {
        Cow::Borrowed(Path::new(segment))
    }
}

impl Entry {
    /// Reads a name; `None` for a file that is not ours.
    pub(super) fn read(name: &OsStr, is_folder: bool) -> Option<Self> {
        let name = name.to_str()?;
        if is_folder {
            return Some(Self::Folder(name.strip_suffix(ESCAPE).unwrap_or(name).to_owned()));
        }
        name.strip_suffix(SUFFIX).map(|segment| Self::Object(segment.to_owned()))
    }
}

/// Makes the names in a folder survive a power failure.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a folder and those above it, down from `root`, each durable.
pub(super) fn make_folders(root: &Path, folder: &Path) -> io::Result<()> {
    if folder == root || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(root);
    make_folders(root, above)?;
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_folder(above),
    }
}

/// Removes a folder and those above it, up to `root`, as long as they are empty.
pub(super) fn remove_empty_folders(root: &Path, folder: &Path) {
    let mut at = folder;
    while at != root && fs::remove_dir(at).is_ok() {
        match at.parent() {
            Some(above) => at = above,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_and_a_folder_of_the_same_name_lie_apart() {
        let layout = Layout::new(Path::new("/r"));
        let place = |key: &str| layout.place(&ObjectKey::parse(key).unwrap()).1;
        assert_eq!(place("a"), Path::new("/r/objects/a.object"));
        assert_eq!(place("a/b"), Path::new("/r/objects/a/b.object"));
        assert_eq!(place("a.object/b"), Path::new("/r/objects/a.object\\/b.object"));
    }

    #[test]
    fn names_read_back_as_the_segments_they_stand_for() {
        let read = |name: &str, is_folder| Entry::read(OsStr::new(name), is_folder);
        assert_eq!(read("a.object", false), Some(Entry::Object("a".into())));
        assert_eq!(read("a", true), Some(Entry::Folder("a".into())));
        assert_eq!(read("a.object\\", true), Some(Entry::Folder("a.object".into())));
        assert_eq!(read("stray.txt", false), None);
    }
}
