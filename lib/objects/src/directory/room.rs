//! How much the directory's file system still takes: records and message streams often share it, so uploads leave some.

use crate::error::StoreError;
use crate::store::Space;
use std::path::PathBuf;

// On a small disk a fixed amount would leave no room at all.
const KEPT_SHARE: u64 = 20;

pub(super) struct Room {
    folder: PathBuf,
    low_space_bytes: u64,
}

impl Room {
    pub(super) fn new(folder: PathBuf, low_space_bytes: u64) -> Self {
        Self { folder, low_space_bytes }
    }

    pub(super) fn measure(&self) -> Result<Space, StoreError> {
        let stat = rustix::fs::statvfs(&self.folder)
            .map_err(|error| StoreError::io(format!("measuring {}", self.folder.display()), &error.into()))?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Ok(Space { free_bytes: bytes(stat.f_bavail), total_bytes: bytes(stat.f_blocks) })
    }

    /// Refuses so many more bytes when they would leave too little.
    pub(super) fn refuse_what_cannot_fit(&self, size_bytes: u64) -> Result<(), StoreError> {
        let space = self.measure()?;
        let kept_bytes = self.kept(space);
        if size_bytes.saturating_add(kept_bytes) <= space.free_bytes {
            return Ok(());
        }
        let Space { free_bytes, .. } = space;
        let detail =
            format!("{size_bytes} bytes are to be written, {free_bytes} are free, {kept_bytes} are kept so");
        Err(StoreError::Full { detail })
    }

    /// Free bytes that uploads leave.
    pub(super) fn kept(&self, space: Space) -> u64 {
        self.low_space_bytes.min(space.total_bytes / KEPT_SHARE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_leave_room_for_others_and_use_a_small_disk_too() {
        let room = Room::new("/".into(), 256);
        assert_eq!(room.kept(Space { free_bytes: 1, total_bytes: 1 << 20 }), 256);
        assert_eq!(room.kept(Space { free_bytes: 1, total_bytes: 1_000 }), 50);
    }

    #[test]
    fn what_would_take_the_last_bytes_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::new(folder.path().to_owned(), 1 << 20);
        let free = room.measure().unwrap().free_bytes;
        assert!(room.refuse_what_cannot_fit(0).is_ok());
        let refused = room.refuse_what_cannot_fit(free + (64 << 30)).unwrap_err();
        assert!(matches!(refused, StoreError::Full { .. }), "{refused}");
    }
}
