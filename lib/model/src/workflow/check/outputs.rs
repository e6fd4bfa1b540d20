//! What a workflow gives to whoever starts it: names, and artifacts that are one each.

use super::bad_name;
use super::expressions::{Text, Walk, path_of};
use crate::name::is_name;
use crate::workflow::code;
use crate::workflow::document::{Document, Problems, join};
use crate::workflow::expression::Template;
use crate::workflow::file::WorkflowFile;
use crate::workflow::limits::MAX_OUTPUTS;
use crate::workflow::task_spec::TaskSpec;

/// Checks the names of all outputs, and how many there are.
pub(super) fn check(document: &Document, file: &WorkflowFile, problems: &mut Problems) {
    if file.outputs.len() > MAX_OUTPUTS {
        let message = format!("{} outputs; a workflow has at most {MAX_OUTPUTS}", file.outputs.len());
        let problem = document.at_key(code::BAD_VALUE, "/outputs", message);
        problems
            .push(problem.with_hint("put what belongs together into one output: it may be a map or a list"));
        return;
    }
    for name in file.outputs.keys().filter(|name| !is_name(name)) {
        problems.push(bad_name(document, &join("/outputs", name), name, "an output"));
    }
}

impl Walk<'_> {
    /// An output that is an artifact names one task, which makes it once.
    pub(super) fn output_artifact(&mut self, text: Text<'_>) {
        let Ok(template) = Template::parse(text.text) else { return };
        let Some((offset, expression)) = template.whole() else { return };
        let path = path_of(expression);
        let Some([_, (from, at), _, (output, output_at)]) = path.as_deref() else { return };
        if !self.output_of(text, None, (*from, offset + at), (*output, offset + output_at)) {
            return;
        }
        let is_fan_out = |task: &TaskSpec| !task.matrix.is_empty() || task.replicas.is_some();
        if self.file.tasks.get(*from).is_some_and(is_fan_out) {
            let message =
                format!("`{from}` makes one `{output}` for each of its tasks, and an output is one artifact");
            let hint = "gather them in a task that takes them in, and name what that one makes";
            self.report(code::BAD_VALUE, text, offset + at, message, Some(hint.to_owned()));
        }
    }
}
