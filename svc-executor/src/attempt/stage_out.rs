//! Outputs: what a task left in its workspace, looked through with suspicion, stored, listed in a manifest.

use std::os::unix::fs::FileTypeExt;
use std::path::{Component, Path, PathBuf};

use emboflow_model::ArtifactSummary;
use emboflow_model::artifact::{ArtifactFile, ArtifactManifest};
use emboflow_model::object_key::{artifact_manifest, artifact_prefix};
use emboflow_model::runtime_spec::StageOut;
use futures::{FutureExt, StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use crate::outcome::{self, Verdict};
use crate::store::{Store, Trouble};

/// Files that one artifact has at most.
const FILES_MAX: usize = 100_000;
/// Files that are stored side by side.
const SIDE_BY_SIDE: usize = 4;
const NAME_MAX: usize = 240;

/// A file of an output: its path within the artifact, and where its content lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    path: String,
    pub(super) source: PathBuf,
}

/// Stores every output below `prefix`; the manifest comes last, so that a half-stored artifact has none.
pub(super) async fn store(
    store: &Store,
    outputs: &[StageOut],
    workspace: &Path,
    prefix: &str,
) -> Result<Vec<ArtifactSummary>, Verdict> {
    let mut artifacts = Vec::new();
    for output in outputs {
        let (workspace, wanted) = (workspace.to_owned(), output.clone());
        let found = tokio::task::spawn_blocking(move || find(&workspace, &wanted)).await;
        let found = found.unwrap_or_else(|error| Err(error.to_string()));
        let refused =
            |detail: String| outcome::stage_out(&format!("Output '{}': {detail}.", output.name), true);
        let Some(found) = found.map_err(refused)? else { continue };
        let stored = store_artifact(store, output, found, prefix).await;
        artifacts.push(stored.map_err(|trouble| verdict(output, &trouble))?);
    }
    Ok(artifacts)
}

fn verdict(output: &StageOut, trouble: &Trouble) -> Verdict {
    outcome::stage_out(
        &format!("Output '{}' could not be stored: {trouble}.", output.name),
        matches!(trouble, Trouble::Lasting(_)),
    )
}

async fn store_artifact(
    store: &Store,
    output: &StageOut,
    found: Vec<Found>,
    prefix: &str,
) -> Result<ArtifactSummary, Trouble> {
    let folder = artifact_prefix(prefix, &output.name);
    let stores: Vec<_> = found.into_iter().map(|file| store_file(store, &folder, file).boxed()).collect();
    let files: Vec<ArtifactFile> = futures::stream::iter(stores).buffered(SIDE_BY_SIDE).try_collect().await?;
    let (count, size_bytes) = (files.len() as u64, files.iter().map(|file| file.size_bytes).sum());
    let manifest = ArtifactManifest { files };
    let json = serde_json::to_vec(&manifest).expect("a manifest has only keys that are strings");
    let manifest_sha256 = hex::encode(Sha256::digest(&json));
    store.put(&artifact_manifest(prefix, &output.name), json.into()).await?;
    Ok(ArtifactSummary {
        name: output.name.clone(),
        stored_as: None,
        prefix: prefix.to_owned(),
        files: count,
        size_bytes,
        manifest_sha256,
        directory: is_directory(output),
        preview: output.preview,
    })
}

async fn store_file(store: &Store, folder: &str, file: Found) -> Result<ArtifactFile, Trouble> {
    let stored = store.put_file(&format!("{folder}{}", file.path), &file.source).await?;
    Ok(ArtifactFile { path: file.path, size_bytes: stored.size_bytes, sha256: stored.sha256 })
}

fn is_directory(output: &StageOut) -> bool {
    output.path.ends_with('/')
}

/// The files of an output in the order of their paths; none when it is optional and missing. Nothing outside the
/// workspace is ever read, whatever links the task has made: the container has ended, so they no longer change.
pub(super) fn find(workspace: &Path, output: &StageOut) -> Result<Option<Vec<Found>>, String> {
    let workspace =
        workspace.canonicalize().map_err(|error| format!("the workspace cannot be read: {error}"))?;
    let relative = Path::new(&output.path);
    if !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(format!("'{}' leaves the workspace", output.path.escape_debug()));
    }
    let path = workspace.join(relative);
    match path.symlink_metadata() {
        Err(_) if output.optional => return Ok(None),
        Err(_) => {
            return Err(format!("'{}' is not in the workspace: the task did not write it", output.path));
        }
        Ok(_) => {}
    }
    let start = inside(&workspace, &path)?;
    let mut found = Vec::new();
    match (start.is_dir(), is_directory(output)) {
        (true, true) => walk(&workspace, &start, &mut found)?,
        (false, false) => {
            let name = start_name(&path)?;
            add_file(&workspace, &path, name, &mut found)?;
        }
        (true, false) => return Err(format!("'{}' is a directory: end its path with '/'", output.path)),
        (false, true) => return Err(format!("'{}' is a file: its path must not end with '/'", output.path)),
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Some(found))
}

fn start_name(path: &Path) -> Result<String, String> {
    safe_name(path.file_name().ok_or("its path names no file")?)
}

/// Where a path leads in the end, if that is within the workspace.
fn inside(workspace: &Path, path: &Path) -> Result<PathBuf, String> {
    let shown = path.strip_prefix(workspace).unwrap_or(path).display().to_string();
    let real = path.canonicalize().map_err(|error| format!("'{shown}' cannot be read: {error}"))?;
    if real.starts_with(workspace) {
        Ok(real)
    } else {
        Err(format!("'{shown}' is a link that leaves the workspace"))
    }
}

fn walk(workspace: &Path, top: &Path, found: &mut Vec<Found>) -> Result<(), String> {
    let mut folders = vec![(top.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        let unreadable = |error: std::io::Error| format!("'{}' cannot be read: {error}", folder.display());
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = format!("{prefix}{}", safe_name(&entry.file_name())?);
            if entry.file_type().map_err(unreadable)?.is_dir() {
                folders.push((entry.path(), format!("{path}/")));
            } else {
                add_file(workspace, &entry.path(), path, found)?;
            }
        }
    }
    Ok(())
}

fn add_file(workspace: &Path, source: &Path, path: String, found: &mut Vec<Found>) -> Result<(), String> {
    let source = inside(workspace, source)?;
    let kind =
        source.symlink_metadata().map_err(|error| format!("'{path}' cannot be read: {error}"))?.file_type();
    if kind.is_dir() {
        return Err(format!("'{path}' is a link to a directory; copy it instead"));
    }
    if kind.is_fifo() || kind.is_socket() || kind.is_block_device() || kind.is_char_device() {
        return Err(format!("'{path}' is no regular file"));
    }
    if found.len() == FILES_MAX {
        return Err(format!("it has more than {FILES_MAX} files; pack them into an archive"));
    }
    found.push(Found { path, source });
    Ok(())
}

/// A name that can be part of an object key, a URL and a download.
fn safe_name(name: &std::ffi::OsStr) -> Result<String, String> {
    let shown = name.to_string_lossy().escape_debug().to_string();
    let name = name.to_str().ok_or_else(|| format!("the file name '{shown}' is not UTF-8"))?;
    if name.len() > NAME_MAX || name.contains('\\') || name.chars().any(char::is_control) {
        return Err(format!("the file name '{shown}' is too long or has characters that are not allowed"));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn output(path: &str) -> StageOut {
        StageOut { name: "out".into(), path: path.into(), preview: false, optional: false, value: false }
    }

    fn workspace() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("w/data/deep")).unwrap();
        std::fs::write(dir.path().join("w/data/b.txt"), "b").unwrap();
        std::fs::write(dir.path().join("w/data/deep/a.txt"), "a").unwrap();
        std::fs::write(dir.path().join("secret"), "s").unwrap();
        dir
    }

    fn paths(dir: &tempfile::TempDir, output: &StageOut) -> Result<Option<Vec<String>>, String> {
        let found = find(&dir.path().join("w"), output)?;
        Ok(found.map(|files| files.into_iter().map(|file| file.path).collect()))
    }

    #[test]
    fn a_directory_is_listed_in_order_and_a_file_by_its_name() {
        let dir = workspace();
        assert_eq!(paths(&dir, &output("data/")).unwrap().unwrap(), ["b.txt", "deep/a.txt"]);
        assert_eq!(paths(&dir, &output("data/deep/a.txt")).unwrap().unwrap(), ["a.txt"]);
        assert_eq!(paths(&dir, &output("./data/b.txt")).unwrap().unwrap(), ["b.txt"]);
    }

    #[test]
    fn a_missing_output_fails_unless_it_is_optional() {
        let dir = workspace();
        assert!(paths(&dir, &output("none.txt")).unwrap_err().contains("did not write it"));
        let optional = StageOut { optional: true, ..output("none.txt") };
        assert_eq!(paths(&dir, &optional).unwrap(), None);
    }

    #[test]
    fn a_file_where_a_directory_is_declared_is_named_with_the_cure() {
        let dir = workspace();
        assert!(paths(&dir, &output("data")).unwrap_err().contains("end its path with '/'"));
        assert!(paths(&dir, &output("data/b.txt/")).is_err());
    }

    #[test]
    fn nothing_outside_the_workspace_is_ever_taken() {
        let dir = workspace();
        let w = dir.path().join("w");
        for path in ["../secret", "/etc/passwd", "data/../../secret", "/"] {
            assert!(paths(&dir, &output(path)).unwrap_err().contains("leaves the workspace"), "{path}");
        }
        symlink("../secret", w.join("link")).unwrap();
        symlink(dir.path(), w.join("up")).unwrap();
        std::fs::create_dir(w.join("out")).unwrap();
        symlink("/etc/passwd", w.join("out/passwd")).unwrap();
        for path in ["link", "up/secret", "up/", "out/"] {
            assert!(paths(&dir, &output(path)).unwrap_err().contains("leaves the workspace"), "{path}");
        }
    }

    #[test]
    fn a_link_inside_the_workspace_is_taken_as_the_file_it_leads_to() {
        let dir = workspace();
        let w = dir.path().join("w");
        symlink("b.txt", w.join("data/latest")).unwrap();
        assert_eq!(paths(&dir, &output("data/")).unwrap().unwrap(), ["b.txt", "deep/a.txt", "latest"]);
        symlink("deep", w.join("data/folder")).unwrap();
        assert!(paths(&dir, &output("data/")).unwrap_err().contains("link to a directory"));
        std::fs::remove_file(w.join("data/folder")).unwrap();
        symlink("nowhere", w.join("data/broken")).unwrap();
        assert!(paths(&dir, &output("data/")).is_err());
    }

    #[test]
    fn odd_names_and_odd_files_are_refused() {
        use std::os::unix::ffi::OsStrExt;
        for name in [&b"a\nb"[..], b"a\\b", b"\xff", &[b'x'; 250]] {
            let dir = workspace();
            std::fs::write(dir.path().join("w/data").join(std::ffi::OsStr::from_bytes(name)), "").unwrap();
            assert!(paths(&dir, &output("data/")).unwrap_err().contains("the file name"), "{name:?}");
        }
        let dir = workspace();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("w/data/s")).unwrap();
        assert!(paths(&dir, &output("data/")).unwrap_err().contains("no regular file"));
    }
}
