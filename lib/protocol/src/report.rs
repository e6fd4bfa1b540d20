//! Executor → scheduler: what became of attempts.

use emboflow_model::transition::AttemptEnd;
use emboflow_model::{AttemptId, ExecutorId, PoolName, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::message::{Message, Subject};

/// Reports of one executor, packed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reports {
    /// The executor's pool.
    pub pool: PoolName,
    /// The executor.
    pub executor: ExecutorId,
    /// What happened, in order.
    pub reports: Vec<Report>,
}

impl Message for Reports {
    fn subject(&self) -> Subject {
        Self::subject_of(&self.pool, &self.executor)
    }
}

impl Reports {
    /// The subject of one executor's reports.
    pub fn subject_of(pool: &PoolName, executor: &ExecutorId) -> Subject {
        Subject::new(&[&"report", pool, executor])
    }
}

/// One report. Repeated until the executor is told to release the attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The attempt.
    pub attempt: AttemptId,
    /// The fence under which it was claimed.
    pub fence: u64,
    /// What happened.
    pub phase: Phase,
}

/// What an attempt has come to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// The claim was granted; image and inputs are fetched.
    Preparing {
        /// When, by the executor's clock.
        at: Timestamp,
    },
    /// The container runs.
    Running {
        /// When, by the executor's clock.
        at: Timestamp,
        /// When its image was there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pulled_at: Option<Timestamp>,
    },
    /// The container ended; log and outputs are stored.
    Finishing {
        /// When the container ended, by the executor's clock.
        at: Timestamp,
    },
    /// It is over, and everything that is to be kept is stored.
    Ended {
        /// How.
        end: Box<AttemptEnd>,
    },
}
