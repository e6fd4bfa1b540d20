//! Executor → whoever watches: how far the preparation of an attempt is. Core NATS and stored nowhere: it is worth
//! nothing once it is over, so it must cost neither an acknowledgement nor a transition, as a report does, nor wait for
//! the next heartbeat, which also the scheduler reads and NATS keeps.

use emboflow_model::{AttemptId, ExecutorId, ImagePull, ProjectName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::message::{Message, Subject};

/// How far an attempt is: at most once a second, and only when something has changed. Also the data of the SSE event
/// `progress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// The run's project.
    pub project: ProjectName,
    /// The attempt.
    pub attempt: AttemptId,
    /// Its executor: only that one may say so.
    pub executor: ExecutorId,
    /// The pull of its image; none when the image is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<ImagePull>,
}

impl Message for Progress {
    fn subject(&self) -> Subject {
        let AttemptId { run, task, number } = &self.attempt;
        Subject::new(&[&"progress", &self.project, run, &task.token(), number, &self.executor])
    }
}

impl Progress {
    /// The subjects of all attempts, or of those that one executor may tell of.
    pub fn filter(executor: Option<&ExecutorId>) -> Subject {
        let executor = executor.map_or("*", ExecutorId::as_str);
        Subject::new(&[&"progress", &"*", &"*", &"*", &"*", &executor])
    }
}
