//! The list of runs: filters, order and pages in SQL.

use std::collections::BTreeMap;

use emboflow_model::{ProjectName, RunState};
use rusqlite::{Connection, ToSql, params};

use super::log::unreadable;
use crate::entry::from_json;
use crate::error::RecordsError;
use crate::query::{RunFilter, RunPage, RunSortKey};

pub(super) fn page(connection: &Connection, filter: &RunFilter) -> Result<RunPage, RecordsError> {
    let (sql, values) = statement(filter)?;
    let values: Vec<&dyn ToSql> = values.iter().map(AsRef::as_ref).collect();
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query(values.as_slice())?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push(from_json(row.get_ref(0)?.as_str().map_err(unreadable)?, "a run")?);
    }
    Ok(RunPage::cut(runs, filter))
}

/// The text depends only on which filters there are, so that few statements are prepared.
fn statement(filter: &RunFilter) -> Result<(String, Vec<Box<dyn ToSql>>), RecordsError> {
    let (index, column) = match filter.sort.by {
        RunSortKey::Created => ("runs_by_created", "created_ms"),
        RunSortKey::Finished => ("runs_by_finished", "finished_ms"),
        RunSortKey::Duration => ("runs_by_duration", "duration_ms"),
    };
    let (beyond, direction) = if filter.sort.descending { ("<", "DESC") } else { (">", "ASC") };
    // Named, because the planner would rather sort all rows of a state than walk the order that is wanted.
    let mut sql = format!("SELECT body FROM runs INDEXED BY {index} WHERE project = ?");
    let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(filter.project.to_string())];
    if let Some(place) = filter.place()? {
        sql.push_str(&format!(" AND ({column}, id) {beyond} (?, ?)"));
        values.push(Box::new(place.value));
        values.push(Box::new(place.run.to_string()));
    }
    if !filter.states.is_empty() {
        sql.push_str(&format!(" AND state IN ({})", super::marks(filter.states.len())));
        values.extend(filter.states.iter().map(|state| Box::new(state.word()) as Box<dyn ToSql>));
    }
    if let Some(workflow) = &filter.workflow {
        sql.push_str(" AND workflow = ?");
        values.push(Box::new(workflow.to_string()));
    }
    if let Some(search) = &filter.search {
        sql.push_str(" AND (instr(id, ?) > 0 OR instr(workflow, ?) > 0)");
        let search = search.to_lowercase();
        values.push(Box::new(search.clone()));
        values.push(Box::new(search));
    }
    if let Some((key, value)) = &filter.label {
        sql.push_str(
            " AND EXISTS (SELECT 1 FROM run_labels l WHERE l.project = runs.project AND l.label = ? AND l.run = id)",
        );
        values.push(Box::new(format!("{key}={value}")));
    }
    sql.push_str(&format!(" ORDER BY {column} {direction}, id {direction} LIMIT ?"));
    values.push(Box::new(i64::from(filter.limit.max(1)) + 1));
    Ok((sql, values))
}

pub(super) fn counts(
    connection: &Connection,
    project: &ProjectName,
) -> Result<BTreeMap<RunState, u64>, RecordsError> {
    let mut select =
        connection.prepare_cached("SELECT state, runs FROM run_counts WHERE project = ?1 AND runs > 0")?;
    let mut rows = select.query(params![project.as_str()])?;
    let mut counts = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let word = row.get_ref(0)?.as_str().map_err(unreadable)?;
        let state = RunState::from_word(word).ok_or_else(|| RecordsError::corrupt("a run's state", word))?;
        counts.insert(state, row.get(1)?);
    }
    Ok(counts)
}
