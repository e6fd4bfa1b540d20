//! The list of runs: filters, order and pages in SQL.

use std::collections::BTreeMap;

use emboflow_model::{ProjectName, RunState};
use rusqlite::{Connection, ToSql, params};

use super::log::unreadable;
use crate::entry::from_json;
use crate::error::RecordsError;
use crate::query::{ASKING, RunFilter, RunPage, RunSortKey};

/// With so many runs of a label one is soon met on the way through the index.
const FEW: u32 = 5_000;

pub(super) fn page(connection: &Connection, filter: &RunFilter) -> Result<RunPage, RecordsError> {
    let (sql, values) = statement(filter, has_few(connection, filter)?)?;
    let values: Vec<&dyn ToSql> = values.iter().map(AsRef::as_ref).collect();
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query(values.as_slice())?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push(from_json(row.get_ref(0)?.as_str().map_err(unreadable)?, "a run")?);
    }
    Ok(RunPage::cut(runs, filter))
}

/// Whether so few runs have the wanted label that it is better to begin with them.
fn has_few(connection: &Connection, filter: &RunFilter) -> Result<bool, RecordsError> {
    let Some((key, value)) = &filter.label else { return Ok(false) };
    let sql = "SELECT count(*) FROM (SELECT 1 FROM run_labels WHERE project = ?1 AND label = ?2 LIMIT ?3)";
    let label = format!("{key}={value}");
    let mut select = connection.prepare_cached(sql)?;
    let count: u32 = select.query_row(params![filter.project.as_str(), label, FEW], |row| row.get(0))?;
    Ok(count < FEW)
}

/// The text depends only on which filters there are, so that few statements are prepared.
fn statement(filter: &RunFilter, has_few: bool) -> Result<(String, Vec<Box<dyn ToSql>>), RecordsError> {
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
    if filter.awaits_people {
        // The states are in the index: the text of few runs is looked at.
        let asking = ASKING.map(|state| format!("'{}'", state.word())).join(", ");
        sql.push_str(&format!(
            " AND state IN ({asking}) AND json_extract(body, '$.approvals[0]') IS NOT NULL"
        ));
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
        sql.push_str(if has_few {
            " AND id IN (SELECT l.run FROM run_labels l WHERE l.project = ? AND l.label = ?)"
        } else {
            " AND EXISTS (SELECT 1 FROM run_labels l WHERE l.project = ? AND l.label = ? AND l.run = id)"
        });
        values.push(Box::new(filter.project.to_string()));
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

#[cfg(test)]
mod tests {
    use emboflow_model::RunId;

    use super::*;
    use crate::query::RunSort;

    fn plan(connection: &Connection, filter: &RunFilter, has_few: bool) -> String {
        let (sql, values) = statement(filter, has_few).unwrap();
        let values: Vec<&dyn ToSql> = values.iter().map(AsRef::as_ref).collect();
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = explain.query_map(values.as_slice(), |row| row.get::<_, String>("detail")).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn every_list_walks_an_index_in_its_order_whatever_is_filtered() {
        let mut connection = Connection::open_in_memory().unwrap();
        super::super::schema::migrate(&mut connection).unwrap();
        for (by, choice) in [RunSortKey::Created, RunSortKey::Finished, RunSortKey::Duration]
            .into_iter()
            .flat_map(|by| (0..128_u32).map(move |choice| (by, choice)))
        {
            let has = |bit: u32| choice & (1 << bit) != 0;
            let sort = RunSort { by, descending: has(0) };
            let filter = RunFilter {
                states: if has(1) { vec![RunState::Failed, RunState::Running] } else { Vec::new() },
                workflow: has(2).then(|| "digits".parse().unwrap()),
                label: has(3).then(|| ("team".to_owned(), "red".to_owned())),
                awaits_people: has(6),
                search: has(4).then(|| "x".to_owned()),
                cursor: has(5).then(|| format!("{sort}.7.{}", RunId::from_bits(7))),
                sort,
                ..RunFilter::of(ProjectName::new("default").unwrap())
            };
            for has_few in [false, true] {
                let plan = plan(&connection, &filter, has_few);
                let index = format!("SEARCH runs USING INDEX runs_by_{} (project=?", by.word());
                assert!(plan.contains(&index), "{filter:?}: {plan}");
                assert!(!plan.contains("SCAN") && !plan.contains("B-TREE"), "{filter:?}: {plan}");
            }
        }
    }
}
