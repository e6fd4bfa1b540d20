//! Objects as files below one directory of this machine.
//!
//! `incoming/` holds what is being written, `objects/` what is stored. A stored file is the content followed by a
//! seal (size and SHA-256), so content and checksum appear together by one rename, and a file that a broken disk
//! cut short is noticed.

mod layout;
mod listing;
mod reading;
mod room;
mod seal;
mod writing;

use crate::body::Chunks;
use crate::error::StoreError;
use crate::key::{KeyPrefix, ObjectKey};
use crate::range::RangeRequest;
use crate::store::{Counted, ListQuery, Meta, ObjectStore, Opened, Put, Space};
use anyhow::{Context, bail};
use emboflow_protocol::object::{ObjectPage, StoredObject};
use futures::future::{BoxFuture, FutureExt};
use layout::Layout;
use room::Room;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// A directory of this machine as object store.
pub struct DirectoryStore {
    layout: Arc<Layout>,
    room: Arc<Room>,
    // Held as long as the store lives; the system lets go of it when the process dies. Nobody holds it only to read.
    lock: Option<File>,
}

impl DirectoryStore {
    /// Opens or makes the directory, and removes what interrupted uploads left.
    ///
    /// # Errors
    /// No access, or another gateway uses it.
    pub fn open(root: &Path, low_space_bytes: u64) -> anyhow::Result<Self> {
        let layout = Layout::new(root);
        fs::create_dir_all(layout.objects()).context("making the folder for objects")?;
        let path = root.join("lock");
        let lock = File::create(&path).with_context(|| format!("making {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("another gateway uses this directory: it holds {}", path.display())
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking {}", path.display()));
            }
        }
        match fs::remove_dir_all(layout.incoming()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).context("removing what interrupted uploads left");
            }
            _ => fs::create_dir(layout.incoming()).context("making the folder for uploads")?,
        }
        layout::sync_folder(root).context("making the folders durable")?;
        let room = Arc::new(Room::new(layout.objects().to_owned(), low_space_bytes));
        Ok(Self { layout: Arc::new(layout), room, lock: Some(lock) })
    }
}

impl DirectoryStore {
    /// Opens a directory that another process may be writing to; it is there, or it is empty.
    pub fn open_for_reading(root: &Path) -> Self {
        let layout = Layout::new(root);
        let room = Arc::new(Room::new(layout.objects().to_owned(), 0));
        Self { layout: Arc::new(layout), room, lock: None }
    }

    fn may_write(&self, doing: &str, key: &ObjectKey) -> Result<(), StoreError> {
        match self.lock {
            Some(_) => Ok(()),
            None => Err(StoreError::Unavailable {
                doing: format!("{doing} `{key}`"),
                detail: "the directory was opened for reading only".to_owned(),
                hint: None,
            }),
        }
    }
}

/// Runs file system work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(StoreError::Unavailable {
            doing: "using the object directory".to_owned(),
            detail: error.to_string(),
            hint: None,
        }),
    }
}

impl ObjectStore for DirectoryStore {
    fn kind(&self) -> &'static str {
        "directory"
    }

    fn put<'a>(
        &'a self,
        put: Put,
        content: &'a mut Chunks,
    ) -> BoxFuture<'a, Result<StoredObject, StoreError>> {
        async move {
            self.may_write("storing", &put.key)?;
            self.room.refuse_what_cannot_fit(put.size_bytes.unwrap_or(0))?;
            writing::put(&self.layout, &self.room, put, content).await
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        key: &'a ObjectKey,
        range: Option<RangeRequest>,
    ) -> BoxFuture<'a, Result<Opened, StoreError>> {
        reading::get(&self.layout, key, range).boxed()
    }

    fn head<'a>(&'a self, key: &'a ObjectKey) -> BoxFuture<'a, Result<Meta, StoreError>> {
        reading::head(&self.layout, key).boxed()
    }

    fn delete<'a>(&'a self, key: &'a ObjectKey) -> BoxFuture<'a, Result<(), StoreError>> {
        let (layout, key) = (self.layout.clone(), key.clone());
        async move {
            self.may_write("deleting", &key)?;
            blocking(move || writing::delete(&layout, &key)).await
        }
        .boxed()
    }

    fn list(&self, query: ListQuery) -> BoxFuture<'_, Result<ObjectPage, StoreError>> {
        let layout = self.layout.clone();
        blocking(move || listing::page(&layout, &query)).boxed()
    }

    fn count(&self, prefix: KeyPrefix, deadline: Instant) -> BoxFuture<'_, Result<Counted, StoreError>> {
        let layout = self.layout.clone();
        blocking(move || listing::count(&layout, &prefix, deadline)).boxed()
    }

    fn space(&self) -> BoxFuture<'_, Result<Option<Space>, StoreError>> {
        async { self.room.measure().map(Some) }.boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<String, StoreError>> {
        async {
            let space = self.room.measure()?;
            let detail = format!("{} bytes free in {}", space.free_bytes, self.layout.root().display());
            let kept_bytes = self.room.kept(space);
            if space.free_bytes < kept_bytes {
                let detail = format!("{detail}; at least {kept_bytes} are wanted");
                return Err(StoreError::Full { detail });
            }
            Ok(detail)
        }
        .boxed()
    }
}
