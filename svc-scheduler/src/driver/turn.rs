//! In which queue a run waits, and by which key it shares: from the request, or else from the workflow file.

use emboflow_model::workflow::turn::check_key;
use emboflow_model::workflow::{Context, Workflow};
use emboflow_model::{ProjectName, QueueName, RunId, RunSummary};
use emboflow_protocol::{ErrorCode, FieldError};
use serde_json::{Map, Value};

/// What decides whose turn it is.
pub(super) struct Turn {
    pub(super) queue: QueueName,
    pub(super) fairness_key: Option<String>,
}

/// What a request says of it.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) queue: Option<String>,
    pub(super) fairness_key: Option<String>,
}

/// `unknown` says what is wrong with the name of the queue. Errors: there is no such queue, or a key of the run cannot be
/// evaluated.
pub(super) fn turn(
    unknown: Option<FieldError>,
    workflow: &Workflow,
    (run, project, inputs): (RunId, &ProjectName, &Map<String, Value>),
    asked: Asked,
) -> Result<Turn, Vec<FieldError>> {
    let context = Context::new(&run.to_string(), project.as_str(), inputs.clone());
    // That the run's gates can be evaluated is known before it is made.
    workflow.gates(&context).map_err(one)?;
    let pointer = if asked.queue.is_some() { "/queue" } else { "/defaults/queue" };
    let queue = asked.queue.as_deref().or(workflow.queue());
    let queue = match queue {
        None => QueueName::default(),
        Some(name) => match (unknown, name.parse()) {
            (None, Ok(queue)) => queue,
            (unknown, _) => {
                let error = unknown.unwrap_or_else(|| FieldError::new(ErrorCode::QueueNotFound, name));
                return Err(vec![FieldError { pointer: Some(pointer.to_owned()), ..error }]);
            }
        },
    };
    let fairness_key = match asked.fairness_key {
        None => workflow.fairness_key(&context).map_err(one)?,
        Some(key) => match check_key(&key) {
            Ok(()) => Some(key),
            Err(message) => {
                let error = FieldError::new(ErrorCode::RequestInvalid, message);
                return Err(vec![FieldError { pointer: Some("/fairness_key".to_owned()), ..error }]);
            }
        },
    };
    Ok(Turn { queue, fairness_key })
}

/// The fairness key of a run that repeats `old` with these inputs: evaluated anew where the file gave it, else the one that
/// a request gave. Errors: a key of the run cannot be evaluated.
pub(super) fn fairness_key_again(
    workflow: &Workflow,
    old: &RunSummary,
    run: RunId,
    inputs: &Map<String, Value>,
) -> Result<Option<String>, Vec<FieldError>> {
    let context = |run: RunId, inputs: &Map<String, Value>| {
        Context::new(&run.to_string(), old.project.as_str(), inputs.clone())
    };
    let (before, now) = (context(old.id, &old.inputs), context(run, inputs));
    workflow.gates(&now).map_err(one)?;
    match workflow.fairness_key(&before) {
        Ok(of_file) if of_file == old.fairness_key => workflow.fairness_key(&now).map_err(one),
        _ => Ok(old.fairness_key.clone()),
    }
}

fn one(problem: emboflow_model::workflow::Problem) -> Vec<FieldError> {
    vec![FieldError::from(problem)]
}
