//! Which log is meant, and where it lies.

use emboflow_model::object_key::attempt_prefix;
use emboflow_model::{Attempt, AttemptId, ExecutorId, LogSeal, ProjectName, RunId, Task, TaskKey};
use emboflow_protocol::ErrorCode;

use crate::problem::{Failure, Outcome};

/// A log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    /// The project of the run that was asked for.
    pub(crate) project: ProjectName,
    /// The attempt whose log it is; none for one that was taken over.
    pub(crate) attempt: Option<AttemptId>,
    /// Whether it can still grow.
    pub(crate) state: LogState,
}

/// Whether a log can still grow.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LogState {
    /// The attempt is open; its objects have this prefix.
    Open {
        /// The attempt's prefix.
        prefix: String,
        /// Who carries it out, and so alone may say what is new in its log.
        executor: ExecutorId,
    },
    /// It cannot.
    Sealed(LogSeal),
    /// The attempt ended and left none.
    None,
}

/// Finds the log of a task: of the attempt with this number, or of the last one, or the one it took over.
pub(crate) fn find(task: &Task, number: Option<u32>) -> Outcome<Place> {
    let (project, run) = (task.project.clone(), task.run);
    let attempt = match number {
        Some(number) => {
            let known = task.attempts.iter().find(|attempt| attempt.number == number);
            Some(known.ok_or_else(|| {
                let detail = format!("task '{}' of {run} has no attempt {number}", task.key);
                Failure::new(ErrorCode::AttemptNotFound, detail)
            })?)
        }
        None => task.attempts.last(),
    };
    match (attempt, &task.taken_over_log) {
        (Some(attempt), _) => Ok(of_attempt(project, run, &task.key, attempt)),
        (None, Some(seal)) => Ok(Place { project, attempt: None, state: LogState::Sealed(seal.clone()) }),
        (None, None) => {
            let detail = format!("task '{}' of {run} is {} and has had no attempt", task.key, task.state);
            Err(Failure::new(ErrorCode::AttemptNotFound, detail))
        }
    }
}

fn of_attempt(project: ProjectName, run: RunId, task: &TaskKey, attempt: &Attempt) -> Place {
    let id = AttemptId { run, task: task.clone(), number: attempt.number };
    let state = match &attempt.end {
        None => LogState::Open { prefix: attempt_prefix(&project, &id), executor: attempt.executor.clone() },
        Some(end) => end.log.clone().map_or(LogState::None, LogState::Sealed),
    };
    Place { project, attempt: Some(id), state }
}
