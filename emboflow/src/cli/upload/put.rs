//! `emboflow upload put FILE`: a token from the API, the bytes to the storage gateway, and the word that they are there.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use emboflow_model::UploadName;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::upload::{NewUpload, UploadDone, UploadTicket, UploadView};
use reqwest::{Body, Method, header};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;
use crate::text;

const HASHING_BYTES: usize = 256 * 1024;
const READING_BYTES: usize = 128 * 1024;
/// An upload slower than this is taken for dead.
const SLOWEST_BYTES_PER_SECOND: u64 = 16 * 1024;

/// Upload a file.
#[derive(Debug, clap::Args)]
pub(crate) struct Put {
    /// The file
    file: PathBuf,
    /// What it is called in the project; the name of the file, with `-` for what does not fit, unless given
    #[arg(long, short, value_name = "NAME")]
    name: Option<String>,
    /// What it is, such as text/csv
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
}

impl Put {
    pub(super) async fn carry_out(&self, client: &Client, output: &mut Output) -> Result<(), Failure> {
        let name = self.name()?;
        let (size_bytes, sha256) = hash(&self.file).await?;
        let asked = NewUpload { name, size_bytes, sha256: Some(sha256.clone()) };
        let request = client.request(Method::POST, client.in_project(&["uploads"])).json(&asked);
        let ticket: UploadTicket = client.json(request).await?;
        send(client, &ticket, &self.file, size_bytes).await?;
        let version = ticket.version.to_string();
        let url = client.in_project(&["uploads", ticket.name.as_str(), "versions", &version]);
        let done = UploadDone { sha256, content_type: self.content_type.clone() };
        let view: UploadView = client.json(client.request(Method::PUT, url).json(&done)).await?;
        output.one(&view, view.name.as_str(), |output| {
            let size = text::size(view.size_bytes);
            output.message(&format!("{} is uploaded to {}: {size}", view.name, client.project()));
            output.line(&format!("inputs: {{ NAME: {{ upload: {} }} }}", view.name))
        })?;
        Ok(())
    }

    fn name(&self) -> Result<UploadName, Failure> {
        if let Some(name) = &self.name {
            return name.parse().map_err(|error| Failure::usage(format!("--name: {error}")));
        }
        let file = self.file.file_name().unwrap_or_default().to_string_lossy();
        UploadName::of_file(&file)
            .ok_or_else(|| Failure::usage(format!("'{file}' gives no name for an upload: say --name NAME")))
    }
}

async fn hash(file: &Path) -> Result<(u64, String), Failure> {
    let path = file.to_owned();
    let hashed = tokio::task::spawn_blocking(move || read_through(&path)).await;
    let hashed = hashed.map_err(anyhow::Error::from)?;
    Ok(hashed.with_context(|| format!("reading {}", file.display()))?)
}

fn read_through(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = std::fs::File::open(path)?;
    let (mut hasher, mut size_bytes, mut window) = (Sha256::new(), 0, vec![0; HASHING_BYTES]);
    loop {
        let read = file.read(&mut window)?;
        if read == 0 {
            let sha256 = hex::encode(hasher.finalize());
            return Ok((size_bytes, sha256));
        }
        hasher.update(&window[..read]);
        size_bytes += read as u64;
    }
}

/// Puts the bytes. That they are there already is what a second try after a lost answer finds.
async fn send(client: &Client, ticket: &UploadTicket, file: &Path, size_bytes: u64) -> Result<(), Failure> {
    let opened = tokio::fs::File::open(file).await;
    let opened = opened.with_context(|| format!("reading {}", file.display()))?;
    let content = ReaderStream::with_capacity(opened.take(size_bytes), READING_BYTES);
    let request = client
        .with_token(Method::PUT, &ticket.url, &ticket.token)?
        .header(header::CONTENT_LENGTH, size_bytes)
        .timeout(Duration::from_secs(120 + size_bytes / SLOWEST_BYTES_PER_SECOND))
        .body(Body::wrap_stream(content));
    match client.send(request).await {
        Ok(_) => Ok(()),
        Err(Failure::Refused(problem)) if problem.code == ErrorCode::StorageExists.code() => Ok(()),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(file: &str, name: Option<&str>) -> Result<String, String> {
        let put = Put { file: file.into(), name: name.map(str::to_owned), content_type: None };
        put.name().map(|name| name.to_string()).map_err(|failure| failure.reason())
    }

    #[test]
    fn the_file_gives_the_name_unless_one_is_said() {
        assert_eq!(named("/tmp/My data.csv", None).as_deref(), Ok("My-data.csv"));
        assert_eq!(named("/tmp/x", Some("data.csv")).as_deref(), Ok("data.csv"));
        assert!(named("/tmp/x", Some("../x")).is_err_and(|why| why.contains("--name")));
        assert!(named("/", None).is_err_and(|why| why.contains("--name")));
    }
}
