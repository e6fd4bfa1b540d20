//! Tasks that a person decides: what they may say, and what only containers have.

use crate::approval::MAX_MESSAGE_CHARS;
use crate::workflow::approval::{ApprovalSpec, OnTimeout};
use crate::workflow::code;
use crate::workflow::document::{Data, Document, Problems, join};
use crate::workflow::expression::Template;
use crate::workflow::field::Scalar;
use crate::workflow::file::WorkflowFile;
use crate::workflow::limits::MAX_APPROVAL_INPUTS;
use crate::workflow::suggest::shown;
use crate::workflow::{input, quantity};

/// What means the same for a container and for a person.
const SHARED_FIELDS: [&str; 7] =
    ["description", "needs", "if", "finally", "matrix", "continue_on_error", "approval"];

/// Checks all approvals.
pub(super) fn check(document: &Document, file: &WorkflowFile, problems: &mut Problems) {
    for (name, task) in &file.tasks {
        let Some(approval) = &task.approval else { continue };
        let at = join("/tasks", name);
        let mut check = Check { document, problems, at: join(&at, "approval") };
        check.fields_of_containers(&at);
        check.message(approval);
        check.inputs(approval);
        check.timeout(approval, task.finally.is_some());
    }
}

struct Check<'a> {
    document: &'a Document,
    problems: &'a mut Problems,
    /// Of the approval.
    at: String,
}

impl Check<'_> {
    fn fields_of_containers(&mut self, task: &str) {
        let Data::Map(fields) = &self.document.locate(task).1.data else { return };
        for (field, _) in
            fields.iter().filter(|(field, _)| !SHARED_FIELDS.iter().any(|shared| **shared == ***field))
        {
            let message =
                format!("`{}` and `approval` exclude each other: no container is run", shown(field));
            let problem = self.document.at_key(code::CONFLICT, &join(task, field), message);
            let hint = match &**field {
                "timeout" | "timeouts" => "write the time to decide as `timeout` below `approval`",
                "inputs" => "write what the person fills in as `inputs` below `approval`",
                "outputs" => "what the person fills in is `${{ tasks.NAME.values.INPUT }}`",
                _ => "put the work into a task of its own that needs this one",
            };
            self.problems.push(problem.with_hint(hint));
        }
    }

    fn message(&mut self, approval: &ApprovalSpec) {
        let pointer = join(&self.at, "message");
        let chars = approval.message.chars().count();
        let (code, message) = match approval.message.trim().is_empty() {
            true => (code::BAD_VALUE, "the message is empty: nobody would know what to decide".to_owned()),
            false if chars > MAX_MESSAGE_CHARS && !Template::is_in(&approval.message) => {
                let why =
                    format!("the message has {chars} characters; {MAX_MESSAGE_CHARS} are shown at most");
                (code::TEXT_TOO_LONG, why)
            }
            false => return,
        };
        self.problems.push(self.document.at_value(code, &pointer, message));
    }

    fn inputs(&mut self, approval: &ApprovalSpec) {
        let (pointer, count) = (join(&self.at, "inputs"), approval.inputs.len());
        if count > MAX_APPROVAL_INPUTS {
            let message = format!("{count} inputs; an approval has at most {MAX_APPROVAL_INPUTS}");
            self.problems.push(self.document.at_key(code::BAD_VALUE, &pointer, message));
        }
        input::check(self.document, &approval.inputs, &pointer, self.problems);
    }

    fn timeout(&mut self, approval: &ApprovalSpec, is_final: bool) {
        let pointer = join(&self.at, "timeout");
        let plain = |given: &&Scalar| !given.as_str().is_some_and(Template::is_in);
        if let Some(timeout) = approval.timeout.as_ref().filter(plain)
            && let Err(message) = quantity::duration_ms(timeout.value())
        {
            self.problems.push(self.document.at_value(code::BAD_QUANTITY, &pointer, message));
        }
        if is_final && approval.timeout.is_none() {
            let message = "an approval with `finally` has no `timeout`: a cancelled run could never end";
            let problem = self.document.at_key(code::MISSING_FIELD, &self.at, message);
            self.problems.push(problem.with_hint("say how long there is time, such as `timeout: 1d`"));
        }
        if approval.on_timeout != OnTimeout::Approve {
            return;
        }
        let pointer = join(&self.at, "on_timeout");
        let (message, hint) = if approval.timeout.is_none() {
            ("`on_timeout` means nothing without a `timeout`", "say how long there is time: `timeout: 3d`")
        } else if approval.needs_values() {
            (
                "`on_timeout: approve` is for an approval whose inputs can all be left out",
                "give each a `default`",
            )
        } else {
            return;
        };
        self.problems.push(self.document.at_value(code::CONFLICT, &pointer, message).with_hint(hint));
    }
}
