//! The list of runs: filters, order and pages as queries.

use std::collections::BTreeMap;

use emboflow_model::{ProjectName, RunState};
use futures::future::try_join_all;
use mongodb::Collection;
use mongodb::bson::{Document, doc};

use super::read_all;
use crate::entry::from_json;
use crate::error::RecordsError;
use crate::query::{ASKING, RunFilter, RunPage};

pub(super) async fn page(runs: Collection<Document>, filter: RunFilter) -> Result<RunPage, RecordsError> {
    let column = filter.sort.by.word();
    let direction = if filter.sort.descending { -1 } else { 1 };
    let found = runs
        .find(wanted(&filter)?)
        .sort(doc! { column: direction, "_id": direction })
        .limit(i64::from(filter.limit.max(1)) + 1)
        .projection(doc! { "body": 1 })
        .await?;
    let rows = read_all(found, "body", |body| from_json(body, "a run")).await?;
    Ok(RunPage::cut(rows, &filter))
}

fn wanted(filter: &RunFilter) -> Result<Document, RecordsError> {
    let column = filter.sort.by.word();
    let mut wanted = doc! { "project": filter.project.as_str() };
    let mut either = Vec::new();
    if let Some(place) = filter.place()? {
        let (beyond, from) = if filter.sort.descending { ("$lt", "$lte") } else { ("$gt", "$gte") };
        // The bound on the column alone is what the index can use.
        wanted.insert(column, doc! { from: place.value });
        either.push(doc! { "$or": [
            { column: { beyond: place.value } },
            { "_id": { beyond: place.run.to_string() } },
        ] });
    }
    if !filter.states.is_empty() {
        let words: Vec<_> = filter.states.iter().map(|state| state.word()).collect();
        wanted.insert("state", doc! { "$in": words });
    }
    if filter.awaits_people {
        // The states are in the index: few runs are looked at.
        either.push(doc! { "state": { "$in": ASKING.map(RunState::word).to_vec() } });
        wanted.insert("awaits_people", true);
    }
    if let Some(workflow) = &filter.workflow {
        wanted.insert("workflow", workflow.as_str());
    }
    if let Some((key, value)) = &filter.label {
        wanted.insert("labels", format!("{key}={value}"));
    }
    if let Some(search) = &filter.search {
        let pattern = literal(&search.to_lowercase());
        either.push(
            doc! { "$or": [{ "_id": { "$regex": &pattern } }, { "workflow": { "$regex": &pattern } }] },
        );
    }
    if !either.is_empty() {
        wanted.insert("$and", either);
    }
    Ok(wanted)
}

/// A regular expression for exactly this text.
fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

pub(super) async fn counts(
    runs: Collection<Document>,
    project: ProjectName,
) -> Result<BTreeMap<RunState, u64>, RecordsError> {
    let counting = RunState::ALL.iter().map(|state| {
        let wanted = doc! { "project": project.as_str(), "state": state.word() };
        let runs = &runs;
        async move { Ok::<_, RecordsError>((*state, runs.count_documents(wanted).await?)) }
    });
    let counts = try_join_all(counting).await?;
    Ok(counts.into_iter().filter(|(_, count)| *count > 0).collect())
}
