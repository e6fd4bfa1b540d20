//! Scheduler → one executor: what to do with an attempt.

use emboflow_model::{AttemptId, ExecutorId, PoolName, ProjectName, Reason, RuntimeSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::message::{Message, Subject};

/// Commands to one executor, packed. Every one may arrive twice or late; the fence and the claim make that harmless.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Commands {
    /// The executor's pool.
    pub pool: PoolName,
    /// The executor.
    pub executor: ExecutorId,
    /// What to do, in order.
    pub commands: Vec<Command>,
}

impl Message for Commands {
    fn subject(&self) -> Subject {
        Self::subject_of(&self.pool, &self.executor)
    }
}

impl Commands {
    /// The subject of one executor's commands.
    pub fn subject_of(pool: &PoolName, executor: &ExecutorId) -> Subject {
        Subject::new(&[&"command", pool, executor])
    }

    /// The subjects of one executor's commands, whatever its pool.
    pub fn subjects_of(executor: &ExecutorId) -> Subject {
        Subject::new(&[&"command", &"*", executor])
    }

    /// The subjects of all executors' commands.
    pub fn filter() -> Subject {
        Subject::new(&[&"command", &"*", &"*"])
    }

    /// The name of the consumer with which an executor takes its commands.
    pub fn consumer_of(executor: &ExecutorId) -> String {
        format!("executor-{executor}")
    }
}

/// One command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Claim the attempt and carry it out.
    Start(Box<Start>),
    /// End the attempt: signal, grace, kill; then report how it ended.
    Stop {
        /// The attempt.
        attempt: AttemptId,
        /// Its fence.
        fence: u64,
        /// Why: becomes the outcome's reason.
        reason: Reason,
    },
    /// The end is in the records (or the attempt is unknown or fenced): stop what still runs, and forget it.
    Release {
        /// The attempt.
        attempt: AttemptId,
        /// Its fence.
        fence: u64,
    },
}

impl Command {
    /// The attempt it is about.
    pub fn attempt(&self) -> &AttemptId {
        match self {
            Self::Start(start) => &start.attempt,
            Self::Stop { attempt, .. } | Self::Release { attempt, .. } => attempt,
        }
    }

    /// The fence that it shows.
    pub fn fence(&self) -> u64 {
        match self {
            Self::Start(start) => start.fence,
            Self::Stop { fence, .. } | Self::Release { fence, .. } => *fence,
        }
    }
}

/// What an executor needs to carry out an attempt. No secret and no credential is in it: those come with the claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Start {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its fence.
    pub fence: u64,
    /// The run's project.
    pub project: ProjectName,
    /// The run's trace id.
    pub trace_id: String,
    /// What to run.
    pub spec: RuntimeSpec,
}
