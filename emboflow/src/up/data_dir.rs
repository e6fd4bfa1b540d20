//! The data directory: its parts, and the lock by which one `emboflow up` at a time owns it.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::private_file;
use crate::process::Identity;
use crate::up_json::UpJson;

/// How long a process that has been killed may take to let go.
const LET_GO: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Where everything of one installation lies.
#[derive(Clone, Debug)]
pub(crate) struct DataDir(PathBuf);

/// Held as long as the process lives; the system lets go of it whatever ends the process.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl DataDir {
    /// Makes the folder where it is missing.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        private_file::make_folder(path)?;
        let path =
            path.canonicalize().with_context(|| format!("finding the data directory {}", path.display()))?;
        Ok(Self(path))
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A part of it, which is made where it is missing.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.0.join(name);
        private_file::make_folder(&path)?;
        Ok(path)
    }

    /// Takes the lock, or says who has it.
    pub(crate) async fn lock(&self) -> anyhow::Result<Lock> {
        let path = self.0.join("lock");
        let open = || File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open().with_context(|| format!("opening {}", path.display()))?;
        let until = Instant::now() + LET_GO;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("locking {}", path.display()));
                }
                Err(TryLockError::WouldBlock) => {
                    let holder = holder(&mut file);
                    if Instant::now() >= until || holder.is_some_and(|pid| Identity::of(pid).is_some()) {
                        bail!(self.taken(holder));
                    }
                }
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        note_holder(&mut file).with_context(|| format!("writing {}", path.display()))?;
        Ok(Lock { _file: file })
    }

    fn taken(&self, holder: Option<u32>) -> String {
        let holder = holder.map_or("another process".to_owned(), |pid| format!("process {pid}"));
        let page = match UpJson::read(&self.0) {
            Ok(Some(up)) => format!("its page is at {}/", up.api_url),
            _ => "it is not ready yet, or stopping".to_owned(),
        };
        format!(
            "emboflow up runs on {} already ({holder}); {page}\n  \
             stop that one first, or give another --data-dir",
            self.0.display()
        )
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn note_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_owner_is_refused_with_the_first_ones_pid_until_that_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(&folder.path().join("a/b")).unwrap();
        let lock = data.lock().await.unwrap();
        let refused = data.lock().await.unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        drop(lock);
        assert!(data.lock().await.is_ok());
    }
}
