//! What stands between a task and each executor.

use emboflow_model::ExecutorId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Executors that an answer names at most.
pub const MAX_VERDICTS: usize = 100;

/// Whether an executor could take a task now, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The executor.
    pub executor: ExecutorId,
    /// It could.
    pub fits: bool,
    /// Why it could not; or that it could, and what else the task waits for.
    pub why: String,
}
