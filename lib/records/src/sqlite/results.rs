//! Results by what decided them.

use emboflow_model::{ProjectName, RunId, Task};
use rusqlite::{Connection, OptionalExtension, params};

use crate::document::result_name;
use crate::entry::from_json;
use crate::error::RecordsError;

pub(super) fn newest(
    connection: &Connection,
    project: &ProjectName,
    key: &str,
    before: RunId,
) -> Result<Option<Task>, RecordsError> {
    let sql = "SELECT body FROM tasks WHERE result = ?1 AND run < ?2
               ORDER BY finished_ms DESC, run DESC LIMIT 1";
    let mut select = connection.prepare_cached(sql)?;
    let body: Option<String> = select
        .query_row(params![result_name(project, key), before.to_string()], |row| row.get(0))
        .optional()?;
    body.map(|body| from_json(&body, "a task")).transpose()
}
