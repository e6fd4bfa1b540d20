//! Files of the installation: configuration, keys and credentials, as they are.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use emboflow_model::Timestamp;

use crate::create::{Source, file_name, written};
use crate::error::BackupError;
use crate::manifest::{FilePart, Manifest};
use crate::part::PartReader;
use crate::repository::Repository;

/// A configuration file is not larger.
const LARGEST_BYTES: u64 = 16 << 20;

pub(crate) async fn take(
    source: &Source,
    repository: &Repository,
    id: &str,
) -> Result<Vec<FilePart>, BackupError> {
    let mut found = Vec::new();
    for path in &source.files {
        collect(path, &mut found).map_err(|error| reading(path, &error))?;
    }
    found.sort();
    found.dedup();
    let mut taken = Vec::new();
    for (number, path) in found.iter().enumerate() {
        let about = fs::metadata(path).map_err(|error| reading(path, &error))?;
        if about.len() > LARGEST_BYTES {
            let text = format!("it has {} bytes; `files` are for configuration", about.len());
            return Err(BackupError::unavailable(format!("reading {}", path.display()), text));
        }
        let content = fs::read(path).map_err(|error| reading(path, &error))?;
        let mut part = repository.part(&file_name(id, number))?;
        part.write(&content).await?;
        let part = part.finish().await?;
        let kept = source.base.as_deref().and_then(|base| path.strip_prefix(base).ok()).unwrap_or(path);
        taken.push(FilePart { path: written(kept), mode: about.mode() & 0o7777, part });
    }
    Ok(taken)
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let about = fs::symlink_metadata(path)?;
    if about.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), found)?;
        }
    } else if about.is_file() || (about.is_symlink() && fs::metadata(path).is_ok_and(|to| to.is_file())) {
        found.push(path.to_owned());
    }
    Ok(())
}

/// What has to be written where: read and proven, and nothing written yet.
pub(crate) struct Prepared(Vec<(PathBuf, u32, Vec<u8>)>);

/// Reads the files. With `below`, all of them go into that folder; else only those that were kept by their paths in a
/// folder, which is then needed.
pub(crate) async fn prepare(
    manifest: &Manifest,
    repository: &Repository,
    below: Option<&Path>,
) -> Result<Prepared, BackupError> {
    let mut prepared = Vec::new();
    for file in &manifest.files {
        let reader = PartReader::open(&repository.store, &repository.key, &file.part).await?;
        let content = reader.all().await?.to_vec();
        let kept = Path::new(&file.path);
        if kept.components().any(|part| part == Component::ParentDir) {
            return Err(BackupError::damaged(
                Manifest::file(&manifest.id),
                format!("{} leads out", file.path),
            ));
        }
        let path = match below {
            Some(below) => below.join(kept.strip_prefix("/").unwrap_or(kept)),
            None if kept.is_absolute() => kept.to_owned(),
            None => {
                let text = format!("{} was kept by its path in a data directory: say --files-to", file.path);
                return Err(BackupError::Target(text));
            }
        };
        prepared.push((path, file.mode, content));
    }
    Ok(Prepared(prepared))
}

impl Prepared {
    /// Files that are there already and have another content.
    pub(crate) fn others(&self) -> Vec<&Path> {
        let differs = |path: &Path, content: &[u8]| match fs::read(path) {
            Ok(there) => there != content,
            Err(error) => error.kind() != ErrorKind::NotFound,
        };
        let others = self.0.iter().filter(|(path, _, content)| differs(path, content));
        others.map(|(path, ..)| path.as_path()).collect()
    }

    /// Writes them beside their places, and keeps what differs there as `.before-<id>-<ms>`. An error leaves nothing.
    pub(crate) fn stage(&self, id: &str, at: Timestamp) -> Result<StagedFiles, BackupError> {
        let mut staged = StagedFiles::default();
        match self.write_beside(&format!("before-{id}-{}", at.0), &mut staged) {
            Ok(()) => Ok(staged),
            Err(error) => {
                staged.give_up();
                Err(error)
            }
        }
    }

    fn write_beside(&self, former: &str, staged: &mut StagedFiles) -> Result<(), BackupError> {
        let others: Vec<PathBuf> = self.others().into_iter().map(Path::to_owned).collect();
        for (path, mode, content) in &self.0 {
            let failed = |error: std::io::Error| writing(path, &error);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(failed)?;
            }
            let fresh = beside(path, "restoring");
            // Of a restore that was cut off; it may have another mode.
            discard(&fresh);
            staged.fresh.push((fresh.clone(), path.clone()));
            let written = OpenOptions::new().write(true).create_new(true).mode(*mode).open(&fresh);
            let written = written.and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()));
            written.map_err(failed)?;
            if others.contains(path) {
                let kept = beside(path, former);
                fs::hard_link(path, &kept).map_err(failed)?;
                staged.kept.push(kept);
            }
        }
        Ok(())
    }
}

/// Files that lie beside their places, with what they replace kept: only renames are left.
#[derive(Default)]
pub(crate) struct StagedFiles {
    /// Where each lies, and its place.
    fresh: Vec<(PathBuf, PathBuf)>,
    /// Links to what gives way.
    kept: Vec<PathBuf>,
}

impl StagedFiles {
    /// Puts each in its place in one step.
    pub(crate) fn put_in_place(self) -> Result<(), BackupError> {
        for (fresh, path) in &self.fresh {
            let renamed = fs::rename(fresh, path).and_then(|()| match path.parent() {
                Some(folder) => fs::File::open(folder)?.sync_all(),
                None => Ok(()),
            });
            renamed.map_err(|error| writing(path, &error))?;
        }
        Ok(())
    }

    /// Leaves everything as it was.
    pub(crate) fn give_up(self) {
        self.fresh.iter().map(|(fresh, _)| fresh).chain(&self.kept).for_each(|path| discard(path));
    }
}

fn discard(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::warn!(%error, path = %path.display(), "a file of a restore that was given up is left");
        }
        _ => {}
    }
}

fn beside(path: &Path, word: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{word}"));
    name.into()
}

fn writing(path: &Path, error: &std::io::Error) -> BackupError {
    BackupError::unavailable(format!("writing {}", path.display()), error)
}

fn reading(path: &Path, error: &std::io::Error) -> BackupError {
    BackupError::unavailable(format!("reading {}", path.display()), error)
}
