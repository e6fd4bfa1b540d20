//! Files of artifacts that stay on this machine after the attempt that took them in, so that the next one need not fetch
//! them. A file lies under its checksum, apart for each project, and an attempt that takes it in gets a second name of
//! the same file, which it can only read.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use emboflow_model::ProjectName;

/// All kept files of an executor.
#[derive(Clone, Debug)]
pub(crate) struct KeptFiles {
    folder: PathBuf,
    most_bytes: u64,
}

/// A kept file that nobody uses now.
struct Unused {
    path: PathBuf,
    used_at: SystemTime,
    bytes: u64,
}

impl KeptFiles {
    /// Keeps at most so many bytes that nobody uses; none with 0.
    pub(crate) fn new(data_dir: &Path, most_bytes: u64) -> Self {
        Self { folder: data_dir.join("files"), most_bytes }
    }

    /// Puts the file of this checksum to `path`. False: it is not kept.
    pub(crate) fn put(&self, project: &ProjectName, sha256: &str, path: &Path) -> bool {
        let Some(kept) = self.place(project, sha256) else { return false };
        if fs::hard_link(&kept, path).is_err() {
            return false;
        }
        // Only for the order in which files go.
        let _untold = File::open(&kept).and_then(|file| file.set_modified(SystemTime::now()));
        true
    }

    /// Keeps a file that was fetched and has its checksum. A failure costs no more than the next fetch.
    pub(crate) fn keep(&self, project: &ProjectName, sha256: &str, path: &Path) {
        let Some(kept) = self.place(project, sha256) else { return };
        let made = kept.parent().map_or(Ok(()), fs::create_dir_all);
        match made.and_then(|()| fs::hard_link(path, &kept)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                tracing::debug!(%error, "a file of an artifact is not kept");
            }
            _ => {}
        }
    }

    /// Removes what was not used for longest, until no more than the limit is left; all of it when the disk is full.
    pub(crate) fn trim(&self, disk_is_full: bool) {
        let most_bytes = if disk_is_full { 0 } else { self.most_bytes };
        let mut unused = self.unused();
        unused.sort_by_key(|file| file.used_at);
        let mut bytes: u64 = unused.iter().map(|file| file.bytes).sum();
        for file in unused {
            if bytes <= most_bytes {
                return;
            }
            match fs::remove_file(&file.path) {
                Ok(()) => bytes -= file.bytes,
                Err(error) => tracing::warn!(%error, path = %file.path.display(), "a kept file stays"),
            }
        }
    }

    fn place(&self, project: &ProjectName, sha256: &str) -> Option<PathBuf> {
        let is_sum = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_sum && self.most_bytes > 0).then(|| self.folder.join(project.as_str()).join(sha256))
    }

    fn unused(&self) -> Vec<Unused> {
        let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
        let files = entries(&self.folder).flat_map(|project| entries(&project.path()));
        let unused = files.filter_map(|entry| {
            let about = entry.metadata().ok().filter(|about| about.is_file() && about.nlink() == 1)?;
            Some(Unused { path: entry.path(), used_at: about.modified().ok()?, bytes: about.len() })
        });
        unused.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sum(letter: char) -> String {
        letter.to_string().repeat(64)
    }

    #[test]
    fn a_file_is_put_again_for_its_project_alone() {
        let dir = tempfile::tempdir().unwrap();
        let kept = KeptFiles::new(dir.path(), 100);
        let (lab, other) = ("lab".parse().unwrap(), "other".parse().unwrap());
        let fetched = dir.path().join("fetched");
        fs::write(&fetched, "data").unwrap();
        kept.keep(&lab, &sum('a'), &fetched);
        kept.keep(&lab, &sum('a'), &fetched);
        fs::remove_file(&fetched).unwrap();
        assert!(!kept.put(&other, &sum('a'), &dir.path().join("stolen")));
        assert!(!kept.put(&lab, "../../etc/passwd", &dir.path().join("odd")));
        let again = dir.path().join("again");
        assert!(kept.put(&lab, &sum('a'), &again));
        assert_eq!(fs::read_to_string(again).unwrap(), "data");
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first_and_what_is_in_use_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (kept, lab) = (KeptFiles::new(dir.path(), 10), "lab".parse().unwrap());
        let path = |letter: char| dir.path().join(letter.to_string());
        for (age, letter) in [(30, 'a'), (20, 'b'), (10, 'c')] {
            fs::write(path(letter), [0; 6]).unwrap();
            kept.keep(&lab, &sum(letter), &path(letter));
            let at = SystemTime::now() - Duration::from_secs(age);
            File::open(path(letter)).unwrap().set_modified(at).unwrap();
        }
        fs::remove_file(path('b')).unwrap();
        fs::remove_file(path('c')).unwrap();
        kept.trim(false);
        let is_kept = |letter: char| {
            let put = path('x');
            let is_kept = kept.put(&lab, &sum(letter), &put);
            let _absent = fs::remove_file(put);
            is_kept
        };
        assert!(
            is_kept('a') && !is_kept('b') && is_kept('c'),
            "an attempt has a still, and b is older than c"
        );
        kept.trim(true);
        assert!(is_kept('a') && !is_kept('c'));
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (kept, lab) = (KeptFiles::new(dir.path(), 0), "lab".parse().unwrap());
        fs::write(dir.path().join("a"), "a").unwrap();
        kept.keep(&lab, &sum('a'), &dir.path().join("a"));
        assert!(!kept.put(&lab, &sum('a'), &dir.path().join("b")));
    }
}
