//! The audit.

use emboflow_model::Timestamp;
use emboflow_model::access::AuditEntry;
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::log::unreadable;
use crate::audit::{AuditFilter, AuditPage};
use crate::entry::{from_json, to_json};
use crate::error::RecordsError;

pub(super) fn append(connection: &Connection, entries: &[AuditEntry]) -> Result<(), RecordsError> {
    // A line that is there already was written by the same call before its answer was lost.
    let sql = "INSERT INTO audit (id, at, who, action, project, result, body)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING";
    let mut insert = connection.prepare_cached(sql)?;
    for entry in entries {
        insert.execute(params![
            entry.id,
            entry.at.0,
            entry.who,
            entry.action,
            entry.project.as_ref().map(|project| project.as_str()),
            entry.result.word(),
            to_json(entry, "a line of the audit")?,
        ])?;
    }
    Ok(())
}

pub(super) fn page(connection: &Connection, filter: &AuditFilter) -> Result<AuditPage, RecordsError> {
    let (mut wheres, mut values) = (vec!["1"], Vec::<Value>::new());
    let mut only = |condition: &'static str, value: Value| {
        wheres.push(condition);
        values.push(value);
    };
    if let Some(since) = filter.since {
        only("at >= ?", since.0.into());
    }
    if let Some(until) = filter.until {
        only("at < ?", until.0.into());
    }
    if let Some(who) = &filter.who {
        only("who = ?", who.clone().into());
    }
    if let (Some(action), Some(end)) = (&filter.action, filter.action_end()) {
        only("action >= ?", action.clone().into());
        only("action < ?", end.into());
    }
    if let Some(project) = &filter.project {
        only("project = ?", project.as_str().to_owned().into());
    }
    if let Some(result) = filter.result {
        only("result = ?", result.word().to_owned().into());
    }
    if let Some((at, id)) = filter.after()? {
        only("(at, id) < (?, ?)", at.into());
        values.push(id.to_owned().into());
    }
    values.push((i64::from(filter.limit) + 1).into());
    let wheres = wheres.join(" AND ");
    let sql = format!("SELECT body FROM audit WHERE {wheres} ORDER BY at DESC, id DESC LIMIT ?");
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query(params_from_iter(values))?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(from_json(row.get_ref(0)?.as_str().map_err(unreadable)?, "a line of the audit")?);
    }
    Ok(AuditPage::of(entries, filter.limit))
}

/// Drops the oldest lines before a moment; answers how many.
pub(super) fn drop_before(
    connection: &Connection,
    before: Timestamp,
    limit: u32,
) -> Result<u32, RecordsError> {
    let sql = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ?1 ORDER BY at, id LIMIT ?2)";
    let dropped = connection.prepare_cached(sql)?.execute(params![before.0, limit])?;
    Ok(u32::try_from(dropped).unwrap_or(u32::MAX))
}
