//! `emboflow artifact get RUN TASK NAME [PATH]`: streamed to the disk, and checked against the manifest.

use std::io::Write;
use std::path::{Component, Path, PathBuf};

use anyhow::Context;
use emboflow_model::TaskKey;
use emboflow_model::artifact::{ArtifactFile, ArtifactManifest};
use sha2::{Digest, Sha256};

use crate::cli::Shared;
use crate::cli::run::find_run;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;
use crate::text;

/// Fetch an artifact.
#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    /// The run, or latest
    run: String,
    /// The task, such as `train` or `train[3]`
    task: TaskKey,
    /// The artifact
    name: String,
    /// One file of it; all of them when none is given
    path: Option<String>,
    /// Folder to write into; - writes one file to standard output
    #[arg(long, short = 'O', value_name = "DIR", default_value = ".")]
    output_dir: PathBuf,
}

impl Get {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let run = find_run(&client, &self.run).await?.to_string();
        let task = self.task.to_string();
        let place = ["runs", &run, "artifacts", &task, &self.name];
        let manifest: ArtifactManifest = client.get(client.in_project(&place)).await?;
        let wanted: Vec<&ArtifactFile> = manifest
            .files
            .iter()
            .filter(|file| self.path.as_ref().is_none_or(|path| *path == file.path))
            .collect();
        if wanted.is_empty() {
            let which = self.path.as_ref().map_or("files".to_owned(), |path| format!("file '{path}'"));
            return Err(Failure::Other(anyhow::anyhow!("the artifact '{}' has no {which}", self.name)));
        }
        if self.output_dir == Path::new("-") {
            return to_standard_output(&client, &place, &wanted, output).await;
        }
        for file in wanted {
            let path = self.output_dir.join(inside(&file.path)?);
            fetch(&client, &place, file, &path).await?;
            if output.is_for_programs() {
                output.line(&path.display().to_string())?;
            } else {
                output.line(&format!("{}  {}", path.display(), text::size(file.size_bytes)))?;
            }
        }
        Ok(())
    }
}

async fn to_standard_output(
    client: &Client,
    place: &[&str],
    wanted: &[&ArtifactFile],
    output: &mut Output,
) -> Result<(), Failure> {
    let [file] = wanted else {
        return Err(Failure::usage(
            "the artifact has several files: name the one to write to standard output",
        ));
    };
    download(client, place, file, |piece| Ok(output.bytes(piece)?)).await
}

/// The path of a file in a manifest, which must not leave the folder that it is written into.
fn inside(path: &str) -> Result<PathBuf, Failure> {
    let path = PathBuf::from(path);
    let stays = path.components().all(|part| matches!(part, Component::Normal(_)));
    if stays && path.file_name().is_some() {
        return Ok(path);
    }
    Err(Failure::Other(anyhow::anyhow!(
        "the artifact has a file '{}', which leaves the folder",
        path.display()
    )))
}

async fn fetch(client: &Client, place: &[&str], file: &ArtifactFile, path: &Path) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    let writing = || format!("writing {}", path.display());
    // What is there by its name is whole.
    let mut part = tempfile::Builder::new().prefix(".part-").tempfile_in(folder).with_context(writing)?;
    let take = |piece: &[u8]| Ok(part.write_all(piece).with_context(writing)?);
    download(client, place, file, take).await?;
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    part.as_file().set_permissions(permissions).with_context(writing)?;
    part.persist(path).map_err(|error| error.error).with_context(writing)?;
    Ok(())
}

async fn download(
    client: &Client,
    place: &[&str],
    file: &ArtifactFile,
    mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut url = client.in_project(place);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.extend(file.path.split('/'));
    }
    let mut response = client.send(client.stream(url)).await?;
    let mut digest = Sha256::new();
    while let Some(piece) = client.piece(&mut response).await? {
        digest.update(&piece);
        take(&piece)?;
    }
    let sha256 = hex::encode(digest.finalize());
    if sha256 != file.sha256 {
        let why = format!("'{}' came with another content than was stored (SHA-256 {sha256})", file.path);
        return Err(Failure::Other(anyhow::anyhow!(why)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_an_artifact_cannot_be_written_elsewhere() {
        assert_eq!(inside("a/b.png").unwrap(), PathBuf::from("a/b.png"));
        for bad in ["../a", "/etc/passwd", "a/../../b", "", "."] {
            assert!(inside(bad).is_err(), "{bad:?}");
        }
    }
}
