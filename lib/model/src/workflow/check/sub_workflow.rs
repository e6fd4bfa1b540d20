//! Tasks that a run of another workflow carries out: its name, and what only containers have.

use super::bad_name;
use crate::name::is_name;
use crate::workflow::code;
use crate::workflow::document::{Data, Document, Problems, join};
use crate::workflow::file::WorkflowFile;
use crate::workflow::suggest::shown;

/// What means the same for a container and for a run.
const SHARED_FIELDS: [&str; 8] =
    ["description", "needs", "if", "finally", "matrix", "max_parallel", "continue_on_error", "uses"];

/// Checks all tasks with `uses`.
pub(super) fn check(document: &Document, file: &WorkflowFile, problems: &mut Problems) {
    for (name, task) in &file.tasks {
        let Some(uses) = &task.uses else { continue };
        let at = join("/tasks", name);
        fields_of_containers(document, &at, problems);
        if !is_name(&uses.workflow) {
            let pointer = format!("{at}/uses/workflow");
            problems.push(bad_name(document, &pointer, &uses.workflow, "a workflow"));
        }
    }
}

fn fields_of_containers(document: &Document, task: &str, problems: &mut Problems) {
    let Data::Map(fields) = &document.locate(task).1.data else { return };
    // An approval says itself that nothing is beside it.
    let is_shared = |field: &str| field == "approval" || SHARED_FIELDS.contains(&field);
    for (field, _) in fields.iter().filter(|(field, _)| !is_shared(field)) {
        let message = format!("`{}` and `uses` exclude each other: no container is run", shown(field));
        let hint = match &**field {
            "inputs" | "env" => "give values for the inputs of the workflow as `inputs` below `uses`",
            "timeout" | "timeouts" => "write the time limit as `timeout` of the other workflow",
            "retry" | "exit_codes" => "write it at the tasks of the other workflow",
            _ => "write it in the other workflow",
        };
        problems.push(document.at_key(code::CONFLICT, &join(task, field), message).with_hint(hint));
    }
}
