//! Workflow versions and settings.

use emboflow_model::{ProjectName, WorkflowName};
use mongodb::Collection;
use mongodb::bson::{Document, doc};

use super::error::is_taken;
use super::{log::body, text};
use crate::document::{WorkflowRow, WorkflowVersion};
use crate::entry::{from_json, to_json};
use crate::error::RecordsError;

/// Written by every ping; `.` keeps it apart from the settings of others.
const PING: &str = "records.ping";

/// The next version's `_id` can be taken once: whoever comes second looks again.
pub(super) async fn put(
    workflows: Collection<Document>,
    mut workflow: WorkflowVersion,
) -> Result<WorkflowVersion, RecordsError> {
    let (project, name) = (workflow.row.project.clone(), workflow.row.name.clone());
    loop {
        let newest = newest(&workflows, &project, &name).await?;
        if let Some(newest) = &newest
            && newest.row.digest == workflow.row.digest
        {
            return Ok(newest.clone());
        }
        workflow.row.version = newest.map_or(1, |newest| newest.row.version + 1);
        match workflows.insert_one(stored(&workflow)?).await {
            Ok(_) => return Ok(workflow),
            Err(error) if is_taken(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

pub(super) fn stored(workflow: &WorkflowVersion) -> Result<Document, RecordsError> {
    let row = &workflow.row;
    Ok(doc! {
        "_id": id(&row.project, &row.name, row.version),
        "project": row.project.as_str(),
        "name": row.name.as_str(),
        "version": i64::from(row.version),
        "row": to_json(row, "a workflow")?,
        "body": to_json(workflow, "a workflow")?,
    })
}

fn id(project: &ProjectName, name: &WorkflowName, version: u32) -> String {
    format!("{project}/{name}/{version}")
}

async fn newest(
    workflows: &Collection<Document>,
    project: &ProjectName,
    name: &WorkflowName,
) -> Result<Option<WorkflowVersion>, RecordsError> {
    let all = doc! { "project": project.as_str(), "name": name.as_str() };
    body(workflows.find_one(all).sort(doc! { "version": -1 }).await?, "a workflow")
}

pub(super) async fn get(
    workflows: Collection<Document>,
    project: ProjectName,
    name: WorkflowName,
    version: Option<u32>,
) -> Result<Option<WorkflowVersion>, RecordsError> {
    match version {
        None => newest(&workflows, &project, &name).await,
        Some(version) => {
            body(workflows.find_one(doc! { "_id": id(&project, &name, version) }).await?, "a workflow")
        }
    }
}

/// One look-up a workflow, by the index: a grouping would read every version.
pub(super) async fn list(
    workflows: Collection<Document>,
    project: ProjectName,
    after: Option<WorkflowName>,
    limit: u32,
) -> Result<Vec<WorkflowRow>, RecordsError> {
    let mut rows: Vec<WorkflowRow> = Vec::new();
    let mut last = after.map_or_else(String::new, |name| name.to_string());
    while rows.len() < limit as usize {
        let next = doc! { "project": project.as_str(), "name": { "$gt": &last } };
        let found =
            workflows.find_one(next).sort(doc! { "name": 1, "version": -1 }).projection(doc! { "row": 1 });
        let Some(found) = found.await? else { break };
        let row: WorkflowRow = from_json(text(&found, "row")?, "a workflow")?;
        last = row.name.to_string();
        rows.push(row);
    }
    Ok(rows)
}

pub(super) async fn drop(
    workflows: Collection<Document>,
    project: ProjectName,
    name: WorkflowName,
) -> Result<bool, RecordsError> {
    let all = doc! { "project": project.as_str(), "name": name.as_str() };
    Ok(workflows.delete_many(all).await?.deleted_count > 0)
}

pub(super) async fn setting(
    settings: Collection<Document>,
    name: String,
) -> Result<Option<String>, RecordsError> {
    let found = settings.find_one(doc! { "_id": name }).await?;
    found.map(|found| text(&found, "value").map(str::to_owned)).transpose()
}

pub(super) async fn put_setting(
    settings: Collection<Document>,
    name: String,
    value: String,
) -> Result<String, RecordsError> {
    match settings.insert_one(doc! { "_id": &name, "value": &value }).await {
        Ok(_) => Ok(value),
        Err(error) if is_taken(&error) => setting(settings, name)
            .await?
            .ok_or_else(|| RecordsError::corrupt("a setting", "gone right after it was put")),
        Err(error) => Err(error.into()),
    }
}

/// A majority write and a read of one document.
pub(super) async fn ping(settings: Collection<Document>) -> Result<(), RecordsError> {
    let touched = doc! { "$set": { "value": "answered" } };
    settings.update_one(doc! { "_id": PING }, touched).upsert(true).await?;
    Ok(())
}
