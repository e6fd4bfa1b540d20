//! Removes the folder of an attempt, whatever a task has built in it: folders nested so deeply that walking down them
//! would use up open files or the stack are brought up and removed at the top.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;

/// Levels that are walked down, each with an open file.
const DEPTH_MAX: usize = 64;
/// Names held in memory, however many files there are.
const NAMES_AT_ONCE: usize = 10_000;

/// Removes a folder with all that is in it; links are removed, not followed. One that is not there is no error.
///
/// # Errors
/// Something in it can neither be removed nor be moved.
pub(crate) fn discard(folder: &Path) -> std::io::Result<()> {
    let top = match openat(CWD, folder, folder_flags(), Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        other => other?,
    };
    empty(top.as_fd(), top.as_fd(), 1, &mut 0)?;
    std::fs::remove_dir(folder)
}

fn folder_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

/// Removes what a folder has. `moved` counts what was brought up to the top, where it is removed in its turn.
fn empty(folder: BorrowedFd<'_>, top: BorrowedFd<'_>, depth: usize, moved: &mut u64) -> Result<(), Errno> {
    loop {
        let names = names_in(folder)?;
        if names.is_empty() {
            return Ok(());
        }
        for name in names {
            if is_removed(folder, &name)? {
                continue;
            }
            if depth == DEPTH_MAX {
                bring_up(folder, &name, top, moved)?;
                continue;
            }
            let inner = openat(folder, name.as_c_str(), folder_flags(), Mode::empty())?;
            empty(inner.as_fd(), top, depth + 1, moved)?;
            unlinkat(folder, name.as_c_str(), AtFlags::REMOVEDIR)?;
        }
    }
}

/// False: it is a folder that is not empty.
fn is_removed(folder: BorrowedFd<'_>, name: &CStr) -> Result<bool, Errno> {
    match unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(true),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error),
    }
    match unlinkat(folder, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Moves a folder to the top under a name that nothing there has.
fn bring_up(from: BorrowedFd<'_>, name: &CStr, top: BorrowedFd<'_>, moved: &mut u64) -> Result<(), Errno> {
    loop {
        *moved += 1;
        let fresh = CString::new(format!("discarded-{moved}")).expect("no zero byte in it");
        match renameat(from, name, top, fresh.as_c_str()) {
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {}
            other => return other,
        }
    }
}

/// The first names in a folder, none when it is empty.
fn names_in(folder: BorrowedFd<'_>) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_owned();
        if name.as_c_str() != c"." && name.as_c_str() != c".." {
            names.push(name);
        }
        if names.len() == NAMES_AT_ONCE {
            break;
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_folder_goes_with_all_that_is_in_it_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("inside"), folder.path().join("outside"));
        std::fs::create_dir_all(inside.join("a/b/c")).unwrap();
        std::fs::create_dir_all(inside.join("discarded-1")).unwrap();
        std::fs::write(inside.join("discarded-1/file"), "x").unwrap();
        std::fs::write(inside.join("a/b/file"), "x").unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("stays"), "x").unwrap();
        symlink(&outside, inside.join("a/b/link")).unwrap();
        symlink("nowhere", inside.join("broken")).unwrap();
        discard(&inside).unwrap();
        assert!(!inside.exists() && outside.join("stays").exists());
        discard(&inside).expect("what is gone is gone");
    }

    #[test]
    fn folders_within_folders_without_end_can_be_removed() {
        const LEVELS: usize = 3_000;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep");
        std::fs::create_dir(&path).unwrap();
        let mut inner = openat(CWD, &path, folder_flags(), Mode::empty()).unwrap();
        for _ in 0..LEVELS {
            rustix::fs::mkdirat(&inner, c"d", Mode::RWXU).unwrap();
            inner = openat(&inner, c"d", folder_flags(), Mode::empty()).unwrap();
        }
        discard(&path).unwrap();
        assert!(!path.exists());
    }
}
