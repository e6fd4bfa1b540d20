//! Looking at backups.

use emboflow_backup::{BackupError, BackupKey, Depth, Listed, Repository, Share, heal, verify};
use serde::Serialize;

use super::place::Place;
use super::refused;
use crate::failure::Failure;
use crate::output::{Colour, Output};
use crate::text;

/// One line for programs.
#[derive(Serialize)]
struct Line {
    id: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<Box<emboflow_backup::Manifest>>,
}

impl From<Listed> for Line {
    fn from(listed: Listed) -> Self {
        let (id, state) = (listed.id().to_owned(), "whole");
        match listed {
            Listed::Whole(manifest) => Self { id, state, error: None, manifest: Some(manifest) },
            Listed::Unreadable { error, .. } => {
                Self { id, state: "unreadable", error: Some(error.to_string()), manifest: None }
            }
            Listed::CutOff { .. } => {
                let error = Some("it was cut off and can never be restored".to_owned());
                Self { id, state: "cut off", error, manifest: None }
            }
        }
    }
}

pub(super) async fn list(place: &Place, all: bool, output: &mut Output) -> Result<(), Failure> {
    let repository = place.repository_to_read()?;
    let listed = repository.list().await.map_err(refused)?;
    let mut lines: Vec<Line> = listed
        .into_iter()
        .filter(|one| all || !matches!(one, Listed::CutOff { .. }))
        .map(Line::from)
        .collect();
    lines.reverse();
    if lines.is_empty() && !output.is_for_programs() {
        output.message(&format!(
            "there is no backup in {}; `emboflow backup create` takes one",
            repository.place()
        ));
    }
    let header = ["BACKUP", "STATE", "AGE", "RUNS", "OBJECTS", "SIZE", "ADDED", "BY"];
    output.list(
        &lines,
        &header,
        |line| line.id.clone(),
        |line, output| match &line.manifest {
            Some(manifest) => vec![
                line.id.clone(),
                output.paint(Colour::Green, "whole"),
                text::ago(manifest.created_at, text::now()),
                manifest.runs.to_string(),
                manifest.objects.count.to_string(),
                text::size(manifest.objects.size_bytes),
                text::size(manifest.added_bytes()),
                manifest.emboflow.clone(),
            ],
            None => {
                let why = line.error.clone().unwrap_or_default();
                vec![line.id.clone(), output.paint(Colour::Red, line.state), why]
            }
        },
    )?;
    Ok(())
}

pub(super) async fn verify_one(
    place: &Place,
    backup: &str,
    deep: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    let repository = place.repository_to_read()?;
    let manifest = repository.find(backup).await.map_err(refused)?;
    let depth = if deep { Depth::Deep } else { Depth::Shallow };
    let found = match verify(&repository, &manifest, depth).await {
        Err(error @ BackupError::Damaged { .. }) if deep => {
            set_damage_aside(place, output).await;
            return Err(refused(error));
        }
        found => found.map_err(refused)?,
    };
    let how = match depth {
        Depth::Deep => format!("{} read, every log and artifact compared", text::size(found.read_bytes)),
        Depth::Shallow => "their contents are there; --deep reads them".to_owned(),
    };
    output.line(&format!(
        "{} is whole: {} log entries fold to {} runs as noted; {} objects, {how}",
        manifest.id, found.entries, found.runs, found.objects
    ))?;
    Ok(())
}

/// Best effort: whoever only looks may not be allowed to write there, and the damage is told in any case.
async fn set_damage_aside(place: &Place, output: &mut Output) {
    let healed = async {
        let key = BackupKey::read(&place.config.key_file)?;
        heal(&Repository::open(&place.config.repository, key)?, Share::All).await
    };
    match healed.await {
        Ok(healed) if healed.set_aside.is_empty() => {}
        Ok(healed) => output.message(&format!(
            "{} damaged contents were set aside below damaged/: the next `emboflow backup create` copies them again, \
             as far as the installation still has them",
            healed.set_aside.len()
        )),
        Err(error) => output.message(&format!("what is damaged could not be set aside: {error}")),
    }
}
