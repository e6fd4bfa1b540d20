//! Inputs: artifacts of other tasks, fetched and verified before the start.

use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use emboflow_model::ProjectName;
use emboflow_model::artifact::{ArtifactFile, ArtifactManifest};
use emboflow_model::object_key::{artifact_manifest, artifact_prefix};
use emboflow_model::runtime_spec::{StageIn, StageInSource};
use futures::{FutureExt, StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use crate::executor::Executor;
use crate::outcome::{self, Verdict};
use crate::store::{Store, Trouble};

/// Bytes of a manifest at most.
const MANIFEST_MAX: u64 = 64 << 20;
/// Files that are fetched side by side.
const SIDE_BY_SIDE: usize = 4;

/// Where inputs come from.
#[derive(Clone, Copy)]
pub(super) struct Fetch<'a> {
    pub(super) executor: &'a Executor,
    pub(super) store: &'a Store,
    pub(super) project: &'a ProjectName,
}

impl Fetch<'_> {
    /// Fetches every input into `<folder>/<name>`.
    pub(super) async fn inputs(self, inputs: &[StageIn], folder: &Path) -> Result<(), Verdict> {
        for input in inputs {
            for source in &input.sources {
                let into = place(folder, input, source);
                let fetched = self.artifact(source, &into).await;
                fetched.map_err(|trouble| verdict(&input.name, &trouble))?;
            }
        }
        Ok(())
    }

    async fn artifact(self, source: &StageInSource, into: &Path) -> Result<(), Trouble> {
        let key = artifact_manifest(&source.prefix, &source.artifact);
        // Also of what is kept here: whoever may read this may have the files.
        let json = self.store.get(&key, MANIFEST_MAX).await?;
        let manifest = read_manifest(&json, &source.manifest_sha256).map_err(Trouble::Lasting)?;
        make(into)?;
        let prefix = artifact_prefix(&source.prefix, &source.artifact);
        let fetches: Vec<_> =
            manifest.files.iter().map(|file| self.file(&prefix, file, into).boxed()).collect();
        futures::stream::iter(fetches).buffer_unordered(SIDE_BY_SIDE).try_collect::<()>().await?;
        self.executor.recent.note_artifact(&source.manifest_sha256);
        Ok(())
    }

    async fn file(self, prefix: &str, file: &ArtifactFile, into: &Path) -> Result<(), Trouble> {
        let path = into.join(&file.path);
        for folder in folders(into, &file.path) {
            make(&folder)?;
        }
        let kept = &self.executor.kept_files;
        if kept.put(self.project, &file.sha256, &path) {
            return Ok(());
        }
        self.store.get_to_file(&format!("{prefix}{}", file.path), &path, &file.sha256).await?;
        open_up(&path, 0o644)?;
        kept.keep(self.project, &file.sha256, &path);
        Ok(())
    }
}

fn verdict(input: &str, trouble: &Trouble) -> Verdict {
    let detail = format!("Input '{input}' could not be fetched: {trouble}.");
    match trouble {
        Trouble::DiskFull(_) => outcome::disk_full(&detail),
        _ => outcome::stage_in(&detail, matches!(trouble, Trouble::Lasting(_))),
    }
}

/// An artifact of a fan-out has a folder of its own, named by its index.
fn place(folder: &Path, input: &StageIn, source: &StageInSource) -> PathBuf {
    let folder = folder.join(&input.name);
    source.index.map_or(folder.clone(), |index| folder.join(index.to_string()))
}

/// The folders that a file below `into` needs, from the outermost to its own.
fn folders(into: &Path, file: &str) -> Vec<PathBuf> {
    let parents = Path::new(file).parent().into_iter().flat_map(Path::ancestors);
    let mut folders: Vec<_> = parents.map(|parent| into.join(parent)).collect();
    folders.reverse();
    folders
}

fn make(folder: &Path) -> Result<(), Trouble> {
    let failed = |error| Trouble::of_disk(&format!("making {}", folder.display()), &error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    open_up(folder, 0o755)
}

/// The task's user may read it, whatever this process keeps to itself by default.
fn open_up(path: &Path, mode: u32) -> Result<(), Trouble> {
    let failed = |error| Trouble::of_disk(&format!("opening {} to the task", path.display()), &error);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(failed)
}

/// Reads a manifest that has the announced checksum, and whose paths stay inside their folder.
fn read_manifest(json: &[u8], sha256: &str) -> Result<ArtifactManifest, String> {
    let found = hex::encode(Sha256::digest(json));
    if !found.eq_ignore_ascii_case(sha256) {
        return Err(format!("its manifest has SHA-256 {found} instead of {sha256}"));
    }
    let manifest: ArtifactManifest =
        serde_json::from_slice(json).map_err(|error| format!("its manifest cannot be read: {error}"))?;
    let inside = |path: &str| {
        !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
    };
    match manifest.files.iter().find(|file| !inside(&file.path)) {
        Some(file) => Err(format!("its manifest names '{}', outside its folder", file.path.escape_debug())),
        None => Ok(manifest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(json: &[u8]) -> String {
        hex::encode(Sha256::digest(json))
    }

    #[test]
    fn a_manifest_must_have_its_checksum_and_stay_inside() {
        let json = br#"{"files":[{"path":"a/b.txt","size_bytes":1,"sha256":"x"}]}"#;
        assert_eq!(read_manifest(json, &sum(json)).unwrap().files.len(), 1);
        assert!(read_manifest(json, &sum(b"other")).unwrap_err().contains("instead of"));
        for path in ["../x", "/etc/passwd", "a/../../x", "", "."] {
            let json = format!(r#"{{"files":[{{"path":"{path}","size_bytes":1,"sha256":"x"}}]}}"#);
            let error = read_manifest(json.as_bytes(), &sum(json.as_bytes())).unwrap_err();
            assert!(error.contains("outside"), "{path}: {error}");
        }
    }

    #[test]
    fn the_folders_of_a_file_are_made_from_the_outside_in() {
        let into = Path::new("/in");
        assert_eq!(folders(into, "a.txt"), [into.join("")]);
        assert_eq!(folders(into, "x/y/a.txt"), [into.join(""), into.join("x"), into.join("x/y")]);
    }

    #[test]
    fn the_artifacts_of_a_fan_out_lie_by_index() {
        let source = |index| StageInSource {
            index,
            prefix: "p/".into(),
            artifact: "model".into(),
            manifest_sha256: String::new(),
            directory: true,
        };
        let input = StageIn { name: "models".into(), sources: Vec::new() };
        let folder = Path::new("/in");
        assert_eq!(place(folder, &input, &source(None)), Path::new("/in/models"));
        assert_eq!(place(folder, &input, &source(Some(3))), Path::new("/in/models/3"));
    }
}
