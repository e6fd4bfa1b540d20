//! Whose the places of a restore are: what root writes, services that run as another user cannot read.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use emboflow_backup::Target;
use emboflow_objects::Backend;
use emboflow_records::Config as Records;

use crate::failure::Failure;

/// Refuses root where somebody else owns a place.
pub(super) fn check(target: &Target) -> Result<(), Failure> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    match other_owner(&places(target), 0) {
        None => Ok(()),
        Some((place, owner)) => Err(Failure::usage(format!(
            "{} belongs to user {owner}, and what root restores there its services could not read: give the \
             command as that user (sudo -u '#{owner}' …)",
            place.display()
        ))),
    }
}

fn places(target: &Target) -> Vec<PathBuf> {
    let records = match &target.records {
        Records::Sqlite { path } => Some(path.clone()),
        Records::Mongo { .. } => None,
    };
    let objects = match &target.objects {
        Backend::Directory(directory) => Some(directory.root.clone()),
        Backend::S3(_) => None,
    };
    [records, objects, target.files_below.clone()].into_iter().flatten().collect()
}

/// The first place that is not this user's: it, or the nearest folder above it that is there.
fn other_owner(places: &[PathBuf], user: u32) -> Option<(&Path, u32)> {
    places.iter().find_map(|place| {
        let owner = place.ancestors().find_map(|path| Some(path.metadata().ok()?.uid()))?;
        (owner != user).then_some((place.as_path(), owner))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_not_there_yet_belongs_to_the_owner_of_what_is_above_it() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().metadata().unwrap().uid();
        let places = [dir.path().join("records/records.db"), dir.path().to_owned()];
        assert_eq!(other_owner(&places, own), None);
        assert_eq!(other_owner(&places, own + 1), Some((places[0].as_path(), own)));
        assert_eq!(other_owner(&[], own + 1), None);
    }
}
