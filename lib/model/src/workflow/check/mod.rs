//! What a file of the right shape can still get wrong: names, needs, expressions, quantities, paths.

mod approval;
mod cache;
mod exit_codes;
mod expressions;
mod finally;
mod graph;
mod outputs;
mod path;
mod placement;
mod scope;
mod sub_workflow;
mod task;
pub(super) mod triggers;
mod turn;

use indexmap::IndexMap;

use super::document::{self, Document, Problems};
use super::file::WorkflowFile;
use super::outputs::TakenOf;
use super::{Problem, code, input, not_yet, quantity};
use crate::name::is_name;

pub(super) use expressions::{path_of, referenced_output};
pub use path::check_output_path;
pub(super) use scope::Place;
pub(super) use task::{check_image, check_user, check_workdir};

/// What the checks found out on the way.
pub(super) struct Graph {
    /// For each task the tasks that it needs, in the order of the file.
    pub(super) needs: IndexMap<String, Vec<String>>,
    /// For each task the tasks that need it.
    pub(super) dependents: IndexMap<String, Vec<String>>,
    /// The tasks, each after all that it needs.
    pub(super) order: Vec<String>,
    /// What the file takes of tasks that runs of other workflows carry out.
    pub(super) taken: TakenOf,
}

/// Checks everything. Errors: all that is wrong, in the order of the file.
pub(super) fn check(document: &Document, file: &WorkflowFile) -> Result<Graph, Vec<Problem>> {
    let mut problems = Problems::default();
    if !is_name(&file.name) {
        problems.push(bad_name(document, "/name", &file.name, "a workflow"));
    }
    if file.tasks.is_empty() {
        let problem = document.at_key(code::NO_TASKS, "/tasks", "the workflow has no tasks");
        problems.push(problem.with_hint("give it at least one task with an `image`"));
    }
    not_yet::check(document, file, &mut problems);
    input::check(document, &file.inputs, "/inputs", &mut problems);
    if let Some(timeout) = &file.timeout
        && let Err(message) = quantity::duration_ms(timeout.value())
    {
        problems.push(document.at_value(code::BAD_QUANTITY, "/timeout", message));
    }
    task::check_all(document, file, &mut problems);
    placement::check_all(document, file, &mut problems);
    turn::check(document, file, &mut problems);
    exit_codes::check(document, file, &mut problems);
    approval::check(document, file, &mut problems);
    cache::check(document, file, &mut problems);
    sub_workflow::check(document, file, &mut problems);
    triggers::check(document, file, &mut problems);
    outputs::check(document, file, &mut problems);
    let (mentioned, taken) = expressions::check(document, file, &mut problems);
    let mut needs = graph::needs(document, file, mentioned, &mut problems);
    finally::follow(document, file, &mut needs, &mut problems);
    let order = graph::order(document, file, &needs, &mut problems);
    problems.into_result()?;
    Ok(Graph { dependents: graph::dependents(&needs), needs, order, taken })
}

/// Checks only the expressions of a file.
pub(super) fn check_expressions(document: &Document, file: &WorkflowFile, problems: &mut Problems) {
    expressions::check(document, file, problems);
}

pub(super) fn bad_name(document: &Document, pointer: &str, name: &str, of: &str) -> Problem {
    let message = format!(
        "`{}` is not a name of {of}: a letter a-z first, then a-z, 0-9 or `-`, at most 63 characters",
        super::suggest::shown(name)
    );
    let plain: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(63)
        .collect();
    let hint = is_name(&plain).then(|| format!("write `{plain}`"));
    let (key, value) = document.locate(pointer);
    // A name is either the key itself or the text that the key has.
    let span =
        if matches!(&value.data, document::Data::Text(text) if **text == *name) { value.span } else { key };
    document.at_span(code::BAD_NAME, pointer, span, message).with_some_hint(hint)
}
