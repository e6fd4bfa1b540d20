//! Stores and removes: temporary file, fsync, rename, fsync of the folder.

use super::blocking;
use super::layout::{Layout, make_folders, remove_empty_folders, sync_folder};
use super::room::Room;
use super::seal::Seal;
use crate::body::Chunks;
use crate::digest::Hasher;
use crate::error::StoreError;
use crate::key::ObjectKey;
use crate::store::Put;
use bytes::Bytes;
use emboflow_protocol::object::StoredObject;
use futures::StreamExt;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::JoinHandle;

// While one batch is written the next one gathers, so an upload holds twice this at most.
const BATCH_BYTES: usize = 512 * 1024;
// A folder can vanish between its making and the rename, when its last object is deleted then.
const PLACING_TRIES: usize = 16;

pub(super) async fn put(
    layout: &Arc<Layout>,
    room: &Arc<Room>,
    put: Put,
    content: &mut Chunks,
) -> Result<StoredObject, StoreError> {
    let mut upload = Upload::Idle(Incoming::new(layout.incoming(), room.clone()));
    let mut batch = Vec::new();
    let mut gathered = 0;
    while let Some(chunk) = content.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => {
                // The answer waits until the file is gone.
                drop(upload.idle().await);
                return Err(error.into());
            }
        };
        gathered += chunk.len();
        batch.push(chunk);
        if gathered >= BATCH_BYTES {
            let (file, full) = (upload.idle().await?, std::mem::take(&mut batch));
            upload = Upload::Writing(tokio::task::spawn_blocking(move || file.write(&full)));
            gathered = 0;
        }
    }
    let (file, layout) = (upload.idle().await?, layout.clone());
    blocking(move || file.write(&batch)?.store(&layout, &put)).await
}

enum Upload {
    Idle(Incoming),
    Writing(JoinHandle<Result<Incoming, StoreError>>),
}

impl Upload {
    async fn idle(self) -> Result<Incoming, StoreError> {
        match self {
            Self::Idle(file) => Ok(file),
            Self::Writing(write) => write.await.unwrap_or_else(|error| {
                Err(StoreError::Unavailable {
                    doing: "writing".into(),
                    detail: error.to_string(),
                    hint: None,
                })
            }),
        }
    }
}

/// A file that is being written; it goes away when this is dropped before it was placed.
struct Incoming {
    path: PathBuf,
    room: Arc<Room>,
    file: Option<File>,
    hasher: Hasher,
    size_bytes: u64,
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if self.file.is_some() {
            let _not_there_after_a_rename = fs::remove_file(&self.path);
        }
    }
}

impl Incoming {
    fn new(folder: &Path, room: Arc<Room>) -> Self {
        let path = folder.join(uuid::Uuid::new_v4().simple().to_string());
        Self { path, room, file: None, hasher: Hasher::default(), size_bytes: 0 }
    }

    fn write(mut self, chunks: &[Bytes]) -> Result<Self, StoreError> {
        // Whatever was announced: others write too.
        self.room.refuse_what_cannot_fit(chunks.iter().map(|chunk| chunk.len() as u64).sum())?;
        for chunk in chunks {
            self.hasher.update(chunk);
            self.size_bytes += chunk.len() as u64;
        }
        self.append(chunks).map_err(|error| StoreError::io("writing an incoming object", &error))?;
        Ok(self)
    }

    fn append(&mut self, chunks: &[Bytes]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                none.insert(OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path)?)
            }
        };
        chunks.iter().try_for_each(|chunk| file.write_all(chunk))
    }

    fn store(mut self, layout: &Layout, put: &Put) -> Result<StoredObject, StoreError> {
        let sha256 = std::mem::take(&mut self.hasher).finish();
        put.accepts(self.size_bytes, sha256)?;
        let seal = Seal { size_bytes: self.size_bytes, sha256 }.encode();
        self.append(&[Bytes::copy_from_slice(&seal)])
            .and_then(|()| self.file.as_ref().map_or(Ok(()), File::sync_all))
            .and_then(|()| self.place(layout, put))
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => StoreError::Exists { key: put.key.to_string() },
                _ => StoreError::io(format!("storing `{}`", put.key), &error),
            })?;
        Ok(StoredObject { key: put.key.to_string(), size_bytes: self.size_bytes, sha256: sha256.to_string() })
    }

    fn place(&self, layout: &Layout, put: &Put) -> io::Result<()> {
        let (folder, target) = layout.place(&put.key);
        let flags = if put.only_if_absent { RenameFlags::NOREPLACE } else { RenameFlags::empty() };
        let mut tries = PLACING_TRIES;
        loop {
            tries -= 1;
            let placed = make_folders(layout.objects(), &folder)
                .and_then(|()| Ok(renameat_with(CWD, &self.path, CWD, &target, flags)?));
            match placed {
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries > 0 => {}
                Err(error) => return Err(error),
                Ok(()) => return sync_folder(&folder),
            }
        }
    }
}

pub(super) fn delete(layout: &Layout, key: &ObjectKey) -> Result<(), StoreError> {
    let (folder, file) = layout.place(key);
    let removed = match fs::remove_file(&file) {
        Err(error) if is_absence(&error) => return Ok(()),
        removed => removed,
    };
    removed
        .and_then(|()| match sync_folder(&folder) {
            // Somebody removed the folder as well, and made that durable.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            synced => synced,
        })
        .map_err(|error| StoreError::io(format!("deleting `{key}`"), &error))?;
    remove_empty_folders(layout.objects(), &folder);
    Ok(())
}

pub(super) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
