//! Pages of what does not derive from the log, and putting it in as it is.

use rusqlite::{Connection, Row, params};

use super::audit;
use super::log::unreadable;
use crate::entry::{from_json, to_json};
use crate::error::RecordsError;
use crate::transfer::{Item, ItemPage, Section, is_own_setting, parts_of, place_of};

pub(super) fn page(
    connection: &Connection,
    section: Section,
    after: Option<&str>,
    limit: u32,
) -> Result<ItemPage, RecordsError> {
    match section {
        Section::Requests => requests(connection, after, limit),
        Section::Removals => removals(connection, after, limit),
        Section::Workflows => workflows(connection, after, limit),
        Section::Settings => settings(connection, after, limit),
        Section::Audit => audit(connection, after, limit),
        Section::Kept => kept(connection, after, limit),
    }
}

fn requests(connection: &Connection, after: Option<&str>, limit: u32) -> Result<ItemPage, RecordsError> {
    let [project, key] = parts_of(after)?;
    let sql = "SELECT project, key, shard, body FROM requests WHERE (project, key) > (?1, ?2)
               ORDER BY project, key LIMIT ?3";
    read(connection, sql, params![project, key, limit], limit, |row| {
        let item = Item::Request { shard: row.get(2)?, request: from_json(column(row, 3)?, "a request")? };
        Ok((place_of(&[column(row, 0)?, column(row, 1)?]), item))
    })
}

fn removals(connection: &Connection, after: Option<&str>, limit: u32) -> Result<ItemPage, RecordsError> {
    let [run] = parts_of(after)?;
    let sql = "SELECT run, shard, body FROM removals WHERE run > ?1 ORDER BY run LIMIT ?2";
    read(connection, sql, params![run, limit], limit, |row| {
        let removal = from_json(column(row, 2)?, "a removal")?;
        Ok((column(row, 0)?.to_owned(), Item::Removal { shard: row.get(1)?, removal }))
    })
}

fn workflows(connection: &Connection, after: Option<&str>, limit: u32) -> Result<ItemPage, RecordsError> {
    let [project, name, version] = parts_of(after)?;
    let version: i64 = version.parse().unwrap_or(0);
    let sql = "SELECT project, name, version, row, source FROM workflows
               WHERE (project, name, version) > (?1, ?2, ?3) ORDER BY project, name, version LIMIT ?4";
    read(connection, sql, params![project, name, version, limit], limit, |row| {
        let workflow = crate::document::WorkflowVersion {
            row: from_json(column(row, 3)?, "a workflow")?,
            source: column(row, 4)?.into(),
        };
        let version: i64 = row.get(2)?;
        let place = place_of(&[column(row, 0)?, column(row, 1)?, &version.to_string()]);
        Ok((place, Item::Workflow { workflow }))
    })
}

fn settings(connection: &Connection, after: Option<&str>, limit: u32) -> Result<ItemPage, RecordsError> {
    let [name] = parts_of(after)?;
    let sql = "SELECT name, CAST(value AS TEXT) FROM settings WHERE name > ?1 ORDER BY name LIMIT ?2";
    let mut page = read(connection, sql, params![name, limit], limit, |row| {
        let (name, value) = (column(row, 0)?.to_owned(), column(row, 1)?.to_owned());
        Ok((name.clone(), Item::Setting { name, value }))
    })?;
    page.items.retain(|item| !matches!(item, Item::Setting { name, .. } if is_own_setting(name)));
    Ok(page)
}

fn audit(connection: &Connection, after: Option<&str>, limit: u32) -> Result<ItemPage, RecordsError> {
    let [id] = parts_of(after)?;
    let sql = "SELECT id, body FROM audit WHERE id > ?1 ORDER BY id LIMIT ?2";
    read(connection, sql, params![id, limit], limit, |row| {
        let entry = Box::new(from_json(column(row, 1)?, "a line of the audit")?);
        Ok((column(row, 0)?.to_owned(), Item::Audit { entry }))
    })
}

fn kept(connection: &Connection, after: Option<&str>, limit: u32) -> Result<ItemPage, RecordsError> {
    let [kind, scope, name] = parts_of(after)?;
    let sql = "SELECT kind, scope, name, version, body FROM kept
               WHERE (kind, scope, name) > (?1, ?2, ?3) ORDER BY kind, scope, name LIMIT ?4";
    read(connection, sql, params![kind, scope, name, limit], limit, |row| {
        let (kind, scope, name) = (column(row, 0)?, column(row, 1)?, column(row, 2)?);
        let place = place_of(&[kind, scope, name]);
        let item = Item::Kept {
            kind: kind.to_owned(),
            scope: scope.to_owned(),
            name: name.to_owned(),
            version: row.get(3)?,
            body: column(row, 4)?.to_owned(),
        };
        Ok((place, item))
    })
}

fn read(
    connection: &Connection,
    sql: &str,
    values: &[&dyn rusqlite::ToSql],
    limit: u32,
    item: impl Fn(&Row<'_>) -> Result<(String, Item), RecordsError>,
) -> Result<ItemPage, RecordsError> {
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(values)?;
    let mut page = ItemPage::default();
    while let Some(row) = rows.next()? {
        let (place, item) = item(row)?;
        page.items.push(item);
        page.next = Some(place);
    }
    if page.items.len() < limit as usize {
        page.next = None;
    }
    Ok(page)
}

fn column<'r>(row: &'r Row<'_>, index: usize) -> Result<&'r str, RecordsError> {
    row.get_ref(index)?.as_str().map_err(unreadable)
}

pub(super) fn put(connection: &Connection, items: &[Item]) -> Result<(), RecordsError> {
    items.iter().try_for_each(|item| put_one(connection, item))
}

fn put_one(connection: &Connection, item: &Item) -> Result<(), RecordsError> {
    let (sql, values): (&str, Vec<Box<dyn rusqlite::ToSql>>) = match item {
        Item::Request { shard, request } => (
            "INSERT OR REPLACE INTO requests (project, key, shard, seq, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            vec![
                Box::new(request.project.to_string()),
                Box::new(request.key.clone()),
                Box::new(*shard),
                Box::new(request.seq),
                Box::new(to_json(request, "a request")?),
            ],
        ),
        Item::Removal { shard, removal } => (
            "INSERT OR REPLACE INTO removals (run, shard, body) VALUES (?1, ?2, ?3)",
            vec![
                Box::new(removal.run.to_string()),
                Box::new(*shard),
                Box::new(to_json(removal, "a removal")?),
            ],
        ),
        Item::Workflow { workflow } => (
            "INSERT OR REPLACE INTO workflows (project, name, version, digest, row, source)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            vec![
                Box::new(workflow.row.project.to_string()),
                Box::new(workflow.row.name.to_string()),
                Box::new(workflow.row.version),
                Box::new(workflow.row.digest.clone()),
                Box::new(to_json(&workflow.row, "a workflow")?),
                Box::new(workflow.source.to_string()),
            ],
        ),
        Item::Setting { name, value } => (
            "INSERT OR REPLACE INTO settings (name, value) VALUES (?1, ?2)",
            vec![Box::new(name.clone()), Box::new(value.clone())],
        ),
        Item::Audit { entry } => return audit::append(connection, std::slice::from_ref(entry)),
        Item::Kept { kind, scope, name, version, body } => (
            "INSERT OR REPLACE INTO kept (kind, scope, name, version, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            vec![
                Box::new(kind.clone()),
                Box::new(scope.clone()),
                Box::new(name.clone()),
                Box::new(*version),
                Box::new(body.clone()),
            ],
        ),
    };
    connection.prepare_cached(sql)?.execute(rusqlite::params_from_iter(values))?;
    Ok(())
}

/// Whether somebody has ever kept anything here. What the store writes for itself does not count.
pub(super) fn holds_anything(connection: &Connection) -> Result<bool, RecordsError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM log) OR EXISTS (SELECT 1 FROM requests)
                 OR EXISTS (SELECT 1 FROM workflows) OR EXISTS (SELECT 1 FROM kept)
                 OR EXISTS (SELECT 1 FROM cursors WHERE seq > 0)";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}
