//! `emboflow artifact ls RUN`

use emboflow_model::artifact::{ArtifactFile, ArtifactManifest};
use emboflow_protocol::http::ArtifactView;
use futures::stream::{StreamExt, TryStreamExt, iter};
use serde::Serialize;

use crate::cli::Shared;
use crate::cli::run::find_run;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::text;

/// Manifests asked for at the same time.
const AT_ONCE: usize = 8;

/// List files.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// The run, or latest
    run: String,
}

/// One file of one artifact.
#[derive(Serialize)]
struct Row {
    task: String,
    artifact: String,
    path: String,
    size_bytes: u64,
    sha256: String,
    url: String,
}

impl List {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        let run = find_run(&client, &self.run).await?.to_string();
        let artifacts: Vec<ArtifactView> =
            client.list(client.in_project(&["runs", &run, "artifacts"]), usize::MAX).await?;
        if artifacts.is_empty() && !output.is_for_programs() {
            output.message("the run has made no artifacts");
        }
        let files = iter(artifacts.iter().map(|artifact| files(&client, &run, artifact)));
        let rows: Vec<Vec<Row>> = files.buffered(AT_ONCE).try_collect().await?;
        let rows: Vec<Row> = rows.into_iter().flatten().collect();
        let is_wide = output.format == Format::Wide;
        let header = ["TASK", "ARTIFACT", "FILE", "SIZE", "SHA-256", "URL"];
        output.list(
            &rows,
            if is_wide { &header } else { &header[..4] },
            |row| format!("{} {} {}", row.task, row.artifact, row.path),
            |row, _| {
                let mut cells = vec![
                    row.task.clone(),
                    row.artifact.clone(),
                    row.path.clone(),
                    text::size(row.size_bytes),
                ];
                if is_wide {
                    cells.extend([row.sha256.clone(), row.url.clone()]);
                }
                cells
            },
        )?;
        Ok(())
    }
}

async fn files(client: &Client, run: &str, artifact: &ArtifactView) -> Result<Vec<Row>, Failure> {
    let task = artifact.task.to_string();
    let place = ["runs", run, "artifacts", &task, &artifact.name];
    let manifest: ArtifactManifest = client.get(client.in_project(&place)).await?;
    let row = |file: ArtifactFile| {
        let mut url = client.in_project(&place);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(file.path.split('/'));
        }
        Row {
            task: task.clone(),
            artifact: artifact.name.clone(),
            path: file.path,
            size_bytes: file.size_bytes,
            sha256: file.sha256,
            url: url.to_string(),
        }
    };
    Ok(manifest.files.into_iter().map(row).collect())
}
