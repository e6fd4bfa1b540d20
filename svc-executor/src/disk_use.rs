//! How much disk a folder takes: measured without following a link, and without trust in what a task has made in it.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;

/// Folders within folders at most; each level holds one open file.
pub(crate) const DEPTH_MAX: usize = 256;
/// What a name weighs besides its blocks: without it a million empty files would be free.
const NAME_BYTES: u64 = 512;
const BLOCK_BYTES: u64 = 512;
const NAME_SHOWN: usize = 60;
const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// What a folder takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DiskUse {
    /// Bytes on disk: a file with holes counts by its blocks, one with several names once.
    pub(crate) bytes: u64,
    /// The entry of the folder that takes the most, and its bytes.
    pub(crate) largest: Option<(String, u64)>,
    /// Why there may be more.
    pub(crate) incomplete: Option<Incomplete>,
}

/// Why a folder was not measured to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Incomplete {
    /// More than was asked for was found.
    Enough,
    /// Its folders are nested deeper than [`DEPTH_MAX`].
    TooDeep,
    /// This process may not read a folder in it.
    Unreadable,
}

/// Measures a folder, and ends above `enough` bytes. What vanishes meanwhile is gone, and a folder that is not there
/// takes nothing.
///
/// # Errors
/// The folder itself cannot be opened.
pub(crate) fn measure(folder: &Path, enough: u64) -> std::io::Result<DiskUse> {
    let top = match openat(CWD, folder, folder_flags(), Mode::empty()) {
        Err(Errno::NOENT) => return Ok(DiskUse::default()),
        other => other?,
    };
    let device = fstat(&top)?.st_dev;
    let mut walk =
        Walk { device, enough, levels: vec![Dir::new(top)?], used: DiskUse::default(), entry: None };
    walk.run();
    Ok(walk.used)
}

fn folder_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

struct Walk {
    device: u64,
    enough: u64,
    levels: Vec<Dir>,
    used: DiskUse,
    /// The entry of the folder itself that is being measured, and what was counted before it.
    entry: Option<(CString, u64)>,
}

/// What one name adds, and the folder behind it.
struct Found {
    bytes: u64,
    folder: Option<Result<OwnedFd, Errno>>,
}

impl Walk {
    fn run(&mut self) {
        while let Some(level) = self.levels.last_mut() {
            let Some(Ok(entry)) = level.read() else {
                self.levels.pop();
                continue;
            };
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            if self.levels.len() == 1 {
                self.weigh_entry();
                self.entry = Some((name.to_owned(), self.used.bytes));
            }
            self.count(name);
            if self.used.bytes > self.enough {
                self.used.incomplete = Some(Incomplete::Enough);
                break;
            }
        }
        self.weigh_entry();
    }

    fn count(&mut self, name: &CStr) {
        let Some(found) = self.look_at(name) else { return };
        self.used.bytes += found.bytes;
        match found.folder {
            Some(_) if self.levels.len() == DEPTH_MAX => self.used.incomplete = Some(Incomplete::TooDeep),
            Some(Ok(folder)) => self.levels.extend(Dir::new(folder)),
            Some(Err(Errno::ACCESS | Errno::PERM)) => {
                self.used.incomplete = self.used.incomplete.or(Some(Incomplete::Unreadable));
            }
            Some(Err(_)) | None => {}
        }
    }

    /// None: it has vanished, or lies on another file system.
    #[allow(clippy::useless_conversion, reason = "the number of links has another type on other processors")]
    fn look_at(&self, name: &CStr) -> Option<Found> {
        let folder = self.levels.last()?.fd().ok()?;
        let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        if stat.st_dev != self.device {
            return None;
        }
        let blocks = u64::try_from(stat.st_blocks).unwrap_or(0) * BLOCK_BYTES;
        let is_folder = FileType::from_raw_mode(stat.st_mode).is_dir();
        // Each name of a file bears its share: all of them lie here, for nothing outside can be linked.
        let share = if is_folder { blocks } else { blocks / u64::from(stat.st_nlink).max(1) };
        let inner = is_folder.then(|| openat(folder, name, folder_flags(), Mode::empty()));
        Some(Found { bytes: share + NAME_BYTES, folder: inner })
    }

    fn weigh_entry(&mut self) {
        let Some((name, before)) = self.entry.take() else { return };
        let bytes = self.used.bytes - before;
        if self.used.largest.as_ref().is_none_or(|(_, most)| *most < bytes) {
            let shown = name.to_string_lossy().escape_debug().take(NAME_SHOWN).collect();
            self.used.largest = Some((shown, bytes));
        }
    }
}

/// A size as people write it: `64.0 MiB`.
pub(crate) fn in_words(bytes: u64) -> String {
    let unit = (1..UNITS.len()).rev().find(|unit| bytes >> (10 * unit) > 0).unwrap_or(0);
    if unit == 0 {
        return format!("{bytes} B");
    }
    let tenths = (u128::from(bytes) * 10) >> (10 * unit);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const MIB: u64 = 1 << 20;

    fn write(path: &Path, bytes: u64) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, vec![1; usize::try_from(bytes).unwrap()]).unwrap();
    }

    /// Within a tenth of a MiB: what folders and names take differs from one file system to another.
    #[track_caller]
    fn about(used: &DiskUse, bytes: u64) {
        assert!(used.bytes.abs_diff(bytes) < MIB / 10, "{used:?} is not about {bytes}");
    }

    #[test]
    fn a_folder_is_measured_with_all_below_it_and_its_largest_entry_named() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("small"), MIB);
        write(&folder.path().join("out/deep/large"), 2 * MIB);
        write(&folder.path().join("out/other"), MIB);
        let used = measure(folder.path(), u64::MAX).unwrap();
        about(&used, 4 * MIB);
        let (name, bytes) = used.largest.clone().unwrap();
        assert!(name == "out" && bytes > 3 * MIB && used.incomplete.is_none(), "{used:?}");
        assert_eq!(measure(&folder.path().join("none"), 1).unwrap(), DiskUse::default());
    }

    #[test]
    fn links_are_not_followed_and_a_file_with_two_names_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("inside"), folder.path().join("outside"));
        write(&outside.join("large"), 8 * MIB);
        write(&inside.join("a"), MIB);
        std::fs::hard_link(inside.join("a"), inside.join("b")).unwrap();
        symlink(&outside, inside.join("folder")).unwrap();
        symlink(outside.join("large"), inside.join("file")).unwrap();
        symlink(".", inside.join("itself")).unwrap();
        about(&measure(&inside, u64::MAX).unwrap(), MIB);
        assert!(measure(&inside.join("folder"), u64::MAX).is_err(), "not even at the top");
    }

    #[test]
    fn a_file_with_holes_counts_by_what_it_takes() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::File::create(folder.path().join("holes")).unwrap().set_len(1 << 40).unwrap();
        about(&measure(folder.path(), u64::MAX).unwrap(), 0);
    }

    #[test]
    fn measuring_ends_when_enough_is_found_or_the_folders_go_too_deep() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..8 {
            write(&folder.path().join(format!("file-{number}")), MIB);
        }
        let used = measure(folder.path(), 3 * MIB).unwrap();
        about(&used, 3 * MIB);
        assert_eq!(used.incomplete, Some(Incomplete::Enough));
        let deep = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(deep.path().join("d/".repeat(DEPTH_MAX + 1))).unwrap();
        assert_eq!(measure(deep.path(), u64::MAX).unwrap().incomplete, Some(Incomplete::TooDeep));
    }

    #[test]
    fn files_that_come_and_go_meanwhile_are_no_error() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("stays"), MIB);
        let (busy, over) =
            (folder.path().to_owned(), std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
        let stop = over.clone();
        let worker = std::thread::spawn(move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let (a, b) = (busy.join("a"), busy.join("b"));
                std::fs::create_dir_all(a.join("x/y")).unwrap();
                std::fs::rename(&a, &b).unwrap();
                std::fs::remove_dir_all(&b).unwrap();
            }
        });
        for _ in 0..2_000 {
            let used = measure(folder.path(), u64::MAX).unwrap();
            assert!(used.bytes >= MIB && used.incomplete.is_none(), "{used:?}");
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        worker.join().unwrap();
    }

    #[test]
    fn sizes_are_written_as_people_do() {
        for (bytes, words) in
            [(0, "0 B"), (1_023, "1023 B"), (64 * MIB, "64.0 MiB"), (1_610_612_736, "1.5 GiB")]
        {
            assert_eq!(in_words(bytes), words);
        }
        assert!(in_words(u64::MAX).ends_with("TiB"));
    }
}
