//! `emboflow upload list`, `emboflow upload show NAME`

use emboflow_protocol::http::upload::{UploadDetail, UploadView};

use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::text;

pub(super) async fn list(client: &Client, output: &mut Output) -> Result<(), Failure> {
    let uploads: Vec<UploadView> = client.list(client.in_project(&["uploads"]), usize::MAX).await?;
    if uploads.is_empty() && !output.is_for_programs() {
        let project = client.project();
        output
            .message(&format!("the project {project} has no uploads; `emboflow upload put FILE` makes one"));
    }
    let header = ["UPLOAD", "SIZE", "UPLOADED", "BY", "TYPE", "VERSION"];
    let is_wide = output.format == Format::Wide;
    let now = text::now();
    output.list(
        &uploads,
        if is_wide { &header } else { &header[..4] },
        |upload| upload.name.to_string(),
        |upload, _| {
            let mut row = vec![
                upload.name.to_string(),
                text::size(upload.size_bytes),
                text::ago(upload.uploaded_at, now),
                upload.uploaded_by.clone(),
            ];
            if is_wide {
                row.extend([upload.content_type.clone().unwrap_or_default(), upload.version.to_string()]);
            }
            row
        },
    )?;
    Ok(())
}

pub(super) async fn show(client: &Client, name: &str, output: &mut Output) -> Result<(), Failure> {
    let detail: UploadDetail = client.get(client.in_project(&["uploads", name])).await?;
    let now = text::now();
    output.one(&detail, name, |output| {
        let newest = &detail.newest;
        output.line(&format!("upload    {}", newest.name))?;
        output.line(&format!("size      {}", text::size(newest.size_bytes)))?;
        output.line(&format!("sha256    {}", newest.sha256))?;
        output.line(&format!(
            "uploaded  {} by {}",
            text::ago(newest.uploaded_at, now),
            newest.uploaded_by
        ))?;
        for version in &detail.versions {
            let (size, at) = (text::size(version.size_bytes), text::ago(version.stored_at, now));
            let mark = if version.version == newest.version { "  (newest)" } else { "" };
            output.line(&format!("version   {}  {size}  {at}{mark}", version.version))?;
        }
        Ok(())
    })?;
    Ok(())
}
