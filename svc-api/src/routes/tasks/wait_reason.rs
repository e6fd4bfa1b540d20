//! Why queued tasks wait, as the scheduler sees it now.

use std::collections::HashMap;
use std::time::Duration;

use emboflow_model::{RunId, Task, TaskState};
use emboflow_protocol::call::{Explain, Explanation};

use crate::app::App;

/// A list is worth more than its reasons: it does not wait longer for them.
const WAIT: Duration = Duration::from_millis(300);

/// Fills in the reasons. Without an answer the tasks keep what the records say.
pub(super) async fn fill(app: &App, run: RunId, tasks: &mut [Task]) {
    let waits = |task: &Task| matches!(task.state, TaskState::Queued | TaskState::Waiting);
    if !tasks.iter().any(|task| task.state == TaskState::Queued) {
        return;
    }
    // A call would wait for a lost connection before it fails.
    if !app.bus.is_connected() {
        return;
    }
    match app.bus.call::<_, Explanation>(&Explain { run, task: None }, WAIT).await {
        Ok(explanation) => {
            let mut reasons: HashMap<_, _> =
                explanation.waits.into_iter().map(|wait| (wait.task, wait.wait_reason)).collect();
            for task in tasks.iter_mut().filter(|task| waits(task)) {
                task.wait_reason = reasons.remove(&task.key).or(task.wait_reason.take());
            }
        }
        Err(error) => tracing::debug!(%run, %error, "the scheduler did not say why tasks wait"),
    }
}
