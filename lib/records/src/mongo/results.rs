//! Results by what decided them, and the runs from which they were taken.

use std::collections::HashSet;

use emboflow_model::{ProjectName, RunId, RunSummary, Task};
use mongodb::Collection;
use mongodb::bson::{Document, doc};

use super::log::body;
use crate::document::result_name;
use crate::error::RecordsError;

pub(super) async fn newest(
    tasks: Collection<Document>,
    project: ProjectName,
    key: String,
    before: RunId,
) -> Result<Option<Task>, RecordsError> {
    let made = doc! { "result": result_name(&project, &key), "run": { "$lt": before.to_string() } };
    let found = tasks.find_one(made);
    body(found.sort(doc! { "finished": -1, "run": -1 }).await?, "a task")
}

/// Which of these runs made what a task of another one took over.
pub(super) async fn origins(
    tasks: &Collection<Document>,
    page: &[RunSummary],
) -> Result<HashSet<String>, RecordsError> {
    let mut used = HashSet::new();
    for run in page {
        let id = run.id.to_string();
        if tasks.find_one(doc! { "taken_over_from": &id }).projection(doc! { "_id": 1 }).await?.is_some() {
            used.insert(id);
        }
    }
    Ok(used)
}
