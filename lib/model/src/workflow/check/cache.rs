//! Tasks whose results are found again: which can be, and under which conditions.

use crate::workflow::code;
use crate::workflow::document::{Document, Problems, join};
use crate::workflow::expression::Template;
use crate::workflow::file::WorkflowFile;
use crate::workflow::quantity;
use crate::workflow::task_spec::TaskSpec;
use crate::workflow::turn::check_key;

/// Checks every `cache`.
pub(super) fn check(document: &Document, file: &WorkflowFile, problems: &mut Problems) {
    for (name, task) in &file.tasks {
        let Some(terms) = task.cache.as_ref().and_then(|cache| cache.terms()) else { continue };
        let at = join(&join("/tasks", name), "cache");
        if let Some((field, hint)) = obstacle(task) {
            let message = format!("`cache` and `{field}` exclude each other");
            problems.push(document.at_key(code::CONFLICT, &at, message).with_hint(hint));
        }
        if let Some(ttl) = &terms.ttl
            && let Err(message) = quantity::duration_ms(ttl.value())
        {
            problems.push(document.at_value(code::BAD_QUANTITY, &join(&at, "ttl"), message));
        }
        if let Some(key) = terms.key.as_ref().filter(|key| !Template::is_in(key))
            && let Err(message) = check_key(key)
        {
            problems.push(document.at_value(code::BAD_VALUE, &join(&at, "key"), message));
        }
    }
}

/// The field for which no earlier result stands in, and why.
fn obstacle(task: &TaskSpec) -> Option<(&'static str, &'static str)> {
    if task.replicas.is_some() {
        return Some(("replicas", "replicas work together: none of them has a result of its own"));
    }
    task.finally.is_some().then_some(("finally", "such a task ends its own run, whatever others did"))
}
