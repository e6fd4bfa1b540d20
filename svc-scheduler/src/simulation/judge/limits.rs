//! Time limits of tasks: nothing is ended by one before its time, and nothing begins after it.

use emboflow_model::state::Reason;
use emboflow_model::workflow::quantity::duration_ms;
use emboflow_model::workflow::task_spec::TimeoutsSpec;
use emboflow_model::{TaskKey, Timestamp};

use super::Judged;

/// I8: whether a task may be ended by a time limit at this moment.
pub(super) fn judge_limit(
    judged: &Judged,
    key: &TaskKey,
    reason: Option<Reason>,
    at: Timestamp,
) -> Result<(), String> {
    let Some(task) = judged.run.tasks.get(key) else { return Ok(()) };
    let limits = limits_of(judged, key);
    let (since, limit) = match reason {
        Some(Reason::QueueTimeout) => {
            let waits_since = task.ready_since().max(judged.run.summary.resumed_at);
            (waits_since, limits.and_then(|limits| limits.queue.as_ref()))
        }
        Some(Reason::TotalTimeout) => (task.queued_at, limits.and_then(|limits| limits.total.as_ref())),
        _ => return Ok(()),
    };
    let limit_ms = limit.and_then(|limit| duration_ms(limit.value()).ok());
    match since.zip(limit_ms) {
        Some((since, limit_ms)) if at >= since.plus_ms(limit_ms) => Ok(()),
        _ => Err(format!(
            "I8: {key} is ended by a limit of {limit_ms:?} ms that has not passed since {since:?}"
        )),
    }
}

/// I8: whether there is time left for an attempt that begins at this moment.
pub(super) fn judge_time_left(judged: &Judged, key: &TaskKey, at: Timestamp) -> Result<(), String> {
    let total = limits_of(judged, key).and_then(|limits| duration_ms(limits.total.as_ref()?.value()).ok());
    let ready_at = judged.run.tasks.get(key).and_then(|task| task.queued_at);
    match ready_at.zip(total) {
        Some((ready_at, total_ms)) if at >= ready_at.plus_ms(total_ms) => {
            Err(format!("I8: an attempt of {key} begins after all of it should have ended"))
        }
        _ => Ok(()),
    }
}

fn limits_of<'j>(judged: &'j Judged, key: &TaskKey) -> Option<&'j TimeoutsSpec> {
    judged.workflow.task(key.name.as_str())?.timeouts.as_ref()
}
