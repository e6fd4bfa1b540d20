//! Uploads that tasks take in: `inputs: { data: { upload: data.csv } }`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::condition::Scope;
use super::context::Names;
use super::document::{Document, Problems, join};
use super::expression::{Fuel, Template};
use super::render::text_of;
use super::suggest::shown;
use super::task_spec::TaskInput;
use super::{PlannedTask, Problem, TaskSpec, Workflow, code};
use crate::upload::{RUN_MAX, TASK_MAX};
use crate::{UploadName, upload};

/// An upload of the project that is staged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadReference {
    /// The name of the input.
    pub name: String,
    /// The upload.
    pub upload: UploadName,
}

impl Workflow {
    /// The uploads that a task of a run with these resolved inputs takes in. Errors: an expression failed, or gave no
    /// name of an upload.
    pub fn uploads(
        &self,
        task: &PlannedTask,
        inputs: &Map<String, Value>,
    ) -> Result<Vec<UploadReference>, Problem> {
        let Some(spec) = self.task(&task.spec_name).filter(|spec| takes_any(spec)) else {
            return Ok(Vec::new());
        };
        let (inputs, matrix) = (Value::Object(inputs.clone()), Value::Object(task.matrix.clone()));
        let roots = [("inputs", &inputs), ("matrix", &matrix), ("workflow", &*self.facts)];
        let scope = Scope { document: &self.document, names: Names::Given(&roots), status: None };
        evaluated(&scope, &mut Fuel::of_task(), &join("/tasks", &task.spec_name), spec)
    }

    /// All uploads that the tasks of a run with these resolved inputs take in. Errors: those of [`Workflow::expand`]
    /// and [`Workflow::uploads`]; more than [`RUN_MAX`] different ones.
    pub fn uploads_of_run(&self, inputs: &Map<String, Value>) -> Result<BTreeSet<UploadName>, Vec<Problem>> {
        let mut all = BTreeSet::new();
        if !self.file.tasks.values().any(takes_any) {
            return Ok(all);
        }
        for task in self.expand(inputs)? {
            let taken = self.uploads(&task, inputs).map_err(|problem| vec![problem])?;
            all.extend(taken.into_iter().map(|taken| taken.upload));
            if all.len() > RUN_MAX {
                let pointer = join(&join("/tasks", &task.spec_name), "inputs");
                let message =
                    format!("with this task the run takes in more than {RUN_MAX} different uploads");
                let problem = self.document.at_key(code::BAD_VALUE, &pointer, message);
                return Err(vec![problem.with_hint("put small files together into one archive")]);
            }
        }
        Ok(all)
    }
}

fn takes_any(spec: &TaskSpec) -> bool {
    spec.inputs.values().any(|input| matches!(input, TaskInput::Upload(_)))
}

/// The uploads of a task, with their names evaluated.
pub(super) fn evaluated(
    scope: &Scope<'_>,
    fuel: &mut Fuel,
    at: &str,
    spec: &TaskSpec,
) -> Result<Vec<UploadReference>, Problem> {
    let mut uploads = Vec::new();
    for (name, input) in &spec.inputs {
        let TaskInput::Upload(input) = input else { continue };
        let pointer = place(at, name);
        let value = scope.evaluate(scope.document.locate(&pointer).1, &pointer, &input.upload, fuel)?;
        let upload =
            UploadName::new(text_of(&value)).map_err(|error| bad(scope.document, &pointer, &error))?;
        uploads.push(UploadReference { name: name.clone(), upload });
    }
    Ok(uploads)
}

/// Checks the names that need no evaluation, and how many there are.
pub(super) fn check(document: &Document, at: &str, spec: &TaskSpec, problems: &mut Problems) {
    let mut count = 0;
    for (name, input) in &spec.inputs {
        let TaskInput::Upload(input) = input else { continue };
        count += 1;
        if !Template::is_in(&input.upload)
            && let Err(error) = UploadName::new(&input.upload)
        {
            problems.push(bad(document, &place(at, name), &error));
        }
    }
    if count > TASK_MAX {
        let message = format!("{count} uploads; a task takes in at most {TASK_MAX}");
        let problem = document.at_key(code::BAD_VALUE, &join(at, "inputs"), message);
        problems.push(problem.with_hint("put small files together into one archive"));
    }
}

fn place(at: &str, input: &str) -> String {
    join(&format!("{at}{}", join("/inputs", input)), "upload")
}

fn bad(document: &Document, pointer: &str, error: &upload::NotAnUploadName) -> Problem {
    let error = upload::NotAnUploadName { text: shown(&error.text) };
    let problem = document.at_value(code::BAD_NAME, pointer, error.to_string());
    problem.with_hint("`emboflow upload list` shows the uploads of the project")
}
