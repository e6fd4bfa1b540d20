//! Questions to the scheduler that are answered at once and stored nowhere (core NATS request/reply).

use emboflow_model::{AttemptId, ExecutorId, PoolName, RunId, TaskKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::message::{Message, Subject};

/// May this attempt start? Asked before anything is created. No answer, no start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    /// The asking executor's pool.
    pub pool: PoolName,
    /// The asking executor.
    pub executor: ExecutorId,
    /// The attempt.
    pub attempt: AttemptId,
    /// Its fence, as in the command.
    pub fence: u64,
}

impl Message for Claim {
    fn subject(&self) -> Subject {
        Subject::new(&[&"call", &"scheduler", &"claim", &self.pool, &self.executor])
    }
}

impl Claim {
    /// The subjects of all executors' claims.
    pub fn filter() -> Subject {
        Subject::new(&[&"call", &"scheduler", &"claim", &"*", &"*"])
    }
}

/// The answer to a [`Claim`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "claim", rename_all = "snake_case")]
pub enum ClaimAnswer {
    /// Start it. The only place where credentials travel.
    Granted {
        /// Token for the storage gateway: reads the declared inputs, writes below this attempt's prefix.
        storage_token: String,
    },
    /// The attempt is closed, fenced or another executor's: do not start it, forget it.
    Refused {
        /// Why, in words.
        reason: String,
    },
}

/// Why do the queued tasks of a run wait, as of now?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explain {
    /// The run.
    pub run: RunId,
}

impl Message for Explain {
    fn subject(&self) -> Subject {
        Self::filter()
    }
}

impl Explain {
    /// The subject of all such questions.
    pub fn filter() -> Subject {
        Subject::new(&[&"call", &"scheduler", &"explain"])
    }
}

/// The answer to an [`Explain`]: the reasons of the run's waiting tasks, 1,000 at most.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// One entry a waiting task.
    pub waits: Vec<TaskWait>,
}

/// Why a task waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskWait {
    /// The task.
    pub task: TaskKey,
    /// In words.
    pub wait_reason: String,
}
