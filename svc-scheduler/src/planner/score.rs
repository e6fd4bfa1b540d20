//! Which of the executors that fit is best.

use emboflow_model::{ExecutorId, Timestamp};

use super::Planner;
use super::ready::Shape;

impl Planner {
    /// The least loaded executor that fits; the name decides between equals.
    pub(super) fn pick_executor(&self, shape: &Shape, now: Timestamp) -> Option<ExecutorId> {
        self.fitting(shape, now).min_by_key(|(_, known)| known.open.len()).map(|(id, _)| id.clone())
    }
}
