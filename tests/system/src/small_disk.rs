//! A file system so small that a test can fill it.

use std::fs::{File, remove_file};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const BALLAST: &str = "ballast";

/// A mounted tmpfs; it is unmounted with this.
#[derive(Debug)]
pub struct SmallDisk {
    dir: TempDir,
}

impl SmallDisk {
    /// Mounts one of so many MiB. Panics where that is not permitted.
    pub fn mount(mebibytes: u32) -> Self {
        let dir = TempDir::with_prefix("emboflow-disk-").expect("a temporary directory can be made");
        let size = format!("size={mebibytes}m");
        let said = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).output();
        let said = said.expect("mount can be called");
        assert!(
            said.status.success(),
            "a tmpfs cannot be mounted: run the tests as root, where CAP_SYS_ADMIN is given: {}",
            String::from_utf8_lossy(&said.stderr)
        );
        Self { dir }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A path on it, as text.
    pub fn place(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }

    /// Takes all the space that is left.
    pub fn fill(&self) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.ballast())
            .expect("a full disk names its files");
        // Down to single pages: a last write that does not fit as a whole leaves room.
        for size in [1 << 20, 1 << 12] {
            let block = vec![0u8; size];
            loop {
                match file.write_all(&block) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("filling {}: {error}", self.path().display()),
                }
            }
        }
    }

    /// Gives back what [`SmallDisk::fill`] took.
    pub fn free(&self) {
        remove_file(self.ballast()).expect("it was filled before");
    }

    fn ballast(&self) -> PathBuf {
        self.path().join(BALLAST)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is just being killed may still have a file open.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).output();
    }
}
