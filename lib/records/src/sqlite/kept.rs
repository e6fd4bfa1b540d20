//! Kept documents.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::RecordsError;
use crate::kept::{Kept, first_version};

pub(super) fn get(
    connection: &Connection,
    kind: &str,
    scope: &str,
    name: &str,
) -> Result<Option<Kept>, RecordsError> {
    let sql = "SELECT scope, name, version, body FROM kept WHERE kind = ?1 AND scope = ?2 AND name = ?3";
    Ok(connection.prepare_cached(sql)?.query_row(params![kind, scope, name], document).optional()?)
}

pub(super) fn page(
    connection: &Connection,
    kind: &str,
    scope: Option<&str>,
    after: Option<(&str, &str)>,
    limit: u32,
) -> Result<Vec<Kept>, RecordsError> {
    let sql = match scope {
        Some(_) => {
            "SELECT scope, name, version, body FROM kept
             WHERE kind = ?1 AND scope = ?2 AND (scope, name) > (?3, ?4) ORDER BY name LIMIT ?5"
        }
        None => {
            "SELECT scope, name, version, body FROM kept
             WHERE kind = ?1 AND ?2 IS NULL AND (scope, name) > (?3, ?4) ORDER BY scope, name LIMIT ?5"
        }
    };
    let (after_scope, after_name) = after.unwrap_or_default();
    let mut select = connection.prepare_cached(sql)?;
    let rows = select.query_map(params![kind, scope, after_scope, after_name, limit], document)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn put(
    connection: &Connection,
    kind: &str,
    document: &Kept,
    expected: Option<u64>,
) -> Result<Option<u64>, RecordsError> {
    let (version, changed) = match expected {
        None => {
            let version = first_version();
            let sql = "INSERT INTO kept (kind, scope, name, version, body) VALUES (?1, ?2, ?3, ?4, ?5)
                       ON CONFLICT DO NOTHING";
            let values = params![kind, document.scope, document.name, version, document.body];
            (version, connection.prepare_cached(sql)?.execute(values)?)
        }
        Some(expected) => {
            let sql = "UPDATE kept SET version = version + 1, body = ?5
                       WHERE kind = ?1 AND scope = ?2 AND name = ?3 AND version = ?4";
            let values = params![kind, document.scope, document.name, expected, document.body];
            (expected + 1, connection.prepare_cached(sql)?.execute(values)?)
        }
    };
    Ok((changed > 0).then_some(version))
}

pub(super) fn remove(
    connection: &Connection,
    kind: &str,
    scope: &str,
    name: &str,
    expected: u64,
) -> Result<bool, RecordsError> {
    let sql = "DELETE FROM kept WHERE kind = ?1 AND scope = ?2 AND name = ?3 AND version = ?4";
    Ok(connection.prepare_cached(sql)?.execute(params![kind, scope, name, expected])? > 0)
}

fn document(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept { scope: row.get(0)?, name: row.get(1)?, version: row.get(2)?, body: row.get(3)? })
}
