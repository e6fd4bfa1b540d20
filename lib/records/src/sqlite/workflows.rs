//! Workflow versions and settings.

use std::sync::Arc;

use emboflow_model::{ProjectName, WorkflowName};
use rusqlite::{Connection, OptionalExtension, params};

use super::log::unreadable;
use crate::document::{WorkflowRow, WorkflowVersion};
use crate::entry::{from_json, to_json};
use crate::error::RecordsError;

pub(super) fn put(
    connection: &Connection,
    mut workflow: WorkflowVersion,
) -> Result<WorkflowVersion, RecordsError> {
    let newest = get(connection, &workflow.row.project, &workflow.row.name, None)?;
    if let Some(newest) = &newest
        && newest.row.digest == workflow.row.digest
    {
        return Ok(newest.clone());
    }
    workflow.row.version = newest.map_or(1, |newest| newest.row.version + 1);
    let sql =
        "INSERT INTO workflows (project, name, version, digest, row, source) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let WorkflowVersion { row, source } = &workflow;
    connection.prepare_cached(sql)?.execute(params![
        row.project.as_str(),
        row.name.as_str(),
        row.version,
        row.digest,
        to_json(row, "a workflow")?,
        source.as_ref(),
    ])?;
    Ok(workflow)
}

pub(super) fn get(
    connection: &Connection,
    project: &ProjectName,
    name: &WorkflowName,
    version: Option<u32>,
) -> Result<Option<WorkflowVersion>, RecordsError> {
    let sql = "SELECT row, source FROM workflows
               WHERE project = ?1 AND name = ?2 AND (?3 IS NULL OR version = ?3) ORDER BY version DESC LIMIT 1";
    let mut select = connection.prepare_cached(sql)?;
    let found: Option<(String, String)> = select
        .query_row(params![project.as_str(), name.as_str(), version], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((row, source)) = found else { return Ok(None) };
    Ok(Some(WorkflowVersion { row: from_json(&row, "a workflow")?, source: Arc::from(source) }))
}

pub(super) fn list(
    connection: &Connection,
    project: &ProjectName,
    after: Option<&WorkflowName>,
    limit: u32,
) -> Result<Vec<WorkflowRow>, RecordsError> {
    let sql = "SELECT row FROM workflows w WHERE project = ?1 AND name > ?2
                 AND version = (SELECT max(version) FROM workflows n WHERE n.project = w.project AND n.name = w.name)
               ORDER BY name LIMIT ?3";
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params![project.as_str(), after.map_or("", WorkflowName::as_str), limit])?;
    let mut workflows = Vec::new();
    while let Some(row) = rows.next()? {
        workflows.push(from_json(row.get_ref(0)?.as_str().map_err(unreadable)?, "a workflow")?);
    }
    Ok(workflows)
}

pub(super) fn drop(
    connection: &Connection,
    project: &ProjectName,
    name: &WorkflowName,
) -> Result<bool, RecordsError> {
    let mut delete = connection.prepare_cached("DELETE FROM workflows WHERE project = ?1 AND name = ?2")?;
    Ok(delete.execute(params![project.as_str(), name.as_str()])? > 0)
}

/// A write of one row, so that a full disk is noticed.
pub(super) fn ping(connection: &Connection) -> Result<(), RecordsError> {
    let sql = "INSERT INTO settings (name, value) VALUES ('records.ping', 1)
               ON CONFLICT (name) DO UPDATE SET value = value + 1";
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

pub(super) fn setting(connection: &Connection, name: &str) -> Result<Option<String>, RecordsError> {
    let mut select = connection.prepare_cached("SELECT value FROM settings WHERE name = ?1")?;
    Ok(select.query_row(params![name], |row| row.get(0)).optional()?)
}

pub(super) fn put_setting(connection: &Connection, name: &str, value: &str) -> Result<String, RecordsError> {
    let sql = "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
    connection.prepare_cached(sql)?.execute(params![name, value])?;
    setting(connection, name)?
        .ok_or_else(|| RecordsError::corrupt("a setting", "gone right after it was put"))
}
