//! The triggers in the file of a workflow: made, changed and removed with it.

use std::collections::BTreeSet;

use emboflow_model::trigger::{TriggerDocument, TriggerSpec};
use emboflow_model::workflow::{self, Workflow, input_problems};
use emboflow_model::{ProjectName, TriggerName, WorkflowName};
use emboflow_protocol::{ErrorCode, FieldError};

use super::{KeptTrigger, all, check_room, find, keep, remove};
use crate::app::{App, now};
use crate::problem::{Failure, Outcome};

/// What is to be done so that the kept triggers of a workflow are those of its file.
pub(crate) struct Declared {
    workflow: WorkflowName,
    wanted: Vec<(TriggerSpec, Option<KeptTrigger>)>,
}

impl Declared {
    /// Compares the file with what is kept. Errors: a trigger of that name belongs to somebody else; nothing is changed.
    pub(crate) async fn of(app: &App, project: &ProjectName, workflow: &Workflow) -> Outcome<Self> {
        let name = WorkflowName::new(&workflow.name)
            .map_err(|error| Failure::new(ErrorCode::WorkflowInvalid, error.to_string()))?;
        let mut wanted = Vec::new();
        for spec in workflow.triggers() {
            let known = find(app, project, &spec.name).await?;
            if let Some(other) =
                known.as_ref().filter(|known| known.document.declared_by.as_ref() != Some(&name))
            {
                return Err(taken(&spec.name, other));
            }
            wanted.push((spec, known));
        }
        let new = wanted.iter().filter(|(_, known)| known.is_none()).count();
        check_room(app, project, new).await?;
        Ok(Self { workflow: name, wanted })
    }

    /// Makes it so. Can be repeated.
    pub(crate) async fn apply(self, app: &App, project: &ProjectName) -> Outcome<()> {
        let names: BTreeSet<TriggerName> = self.wanted.iter().map(|(spec, _)| spec.name.clone()).collect();
        for (spec, known) in self.wanted {
            let expected = known.as_ref().map(|known| known.version);
            if known.as_ref().is_some_and(|known| known.document.spec == spec) {
                continue;
            }
            let document =
                changed(spec, known.map(|known| known.document), None, Some(self.workflow.clone()));
            keep(app, project, expected, &document).await?;
        }
        for old in all(app, project).await? {
            if old.document.declared_by.as_ref() == Some(&self.workflow) && !names.contains(&old.name) {
                remove(app, project, &old).await?;
            }
        }
        Ok(())
    }
}

/// The document of a trigger that is made, or changed and otherwise stays what it is. From when its times count changes
/// only with what it waits for.
pub(crate) fn changed(
    spec: TriggerSpec,
    before: Option<TriggerDocument>,
    source: Option<String>,
    declared_by: Option<WorkflowName>,
) -> TriggerDocument {
    let now = now();
    match before {
        Some(before) => TriggerDocument {
            counts_from: if before.spec.on == spec.on { before.counts_from } else { now },
            spec,
            source,
            declared_by,
            changed_at: now,
            ..before
        },
        None => TriggerDocument {
            id: uuid::Uuid::new_v4().simple().to_string().chars().take(16).collect(),
            spec,
            source,
            declared_by,
            paused: None,
            created_at: now,
            changed_at: now,
            counts_from: now,
        },
    }
}

/// What is wrong with a trigger of a file of its own, held against the workflow whose runs it starts.
pub(crate) async fn check_declared(app: &App, project: &ProjectName, spec: &TriggerSpec) -> Outcome<()> {
    let Some(version) = app.records.workflow(project, &spec.workflow, None).await? else {
        let detail = format!("project '{project}' has no workflow '{}'", spec.workflow);
        return Err(Failure::new(ErrorCode::WorkflowNotFound, detail)
            .with_hint("apply the workflow first; a trigger starts runs of one that is kept"));
    };
    let parsed = workflow::parse(&version.source)
        .map_err(|problems| Failure::rejected(problems.into_iter().map(FieldError::from).collect()))?;
    let problems = input_problems(spec.on.inputs(), &parsed.file.inputs);
    if problems.is_empty() {
        return Ok(());
    }
    let error = |problem: workflow::InputProblem| FieldError {
        code: problem.code.to_owned(),
        message: problem.message,
        hint: problem.hint,
        pointer: problem.input.map(|input| format!("/on/{}/inputs/{input}", spec.on.word())),
        ..FieldError::default()
    };
    Err(Failure::rejected(problems.into_iter().map(error).collect()))
}

fn taken(name: &TriggerName, other: &KeptTrigger) -> Failure {
    let owner = match &other.document.declared_by {
        Some(workflow) => format!("stands in the file of workflow '{workflow}'"),
        None => "was made by itself".to_owned(),
    };
    Failure::new(ErrorCode::TriggerConflict, format!("there is a trigger '{name}' already, which {owner}"))
        .with_hint("give the one in this file another `name`, or remove the other one")
}
