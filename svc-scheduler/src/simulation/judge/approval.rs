//! I19: people are asked once, when it is time; what they decide is what the log says, and nobody decides for them.

use emboflow_model::approval::Decision;
use emboflow_model::state::{Reason, TaskState};
use emboflow_model::workflow::OnTimeout;
use emboflow_model::{Task, TaskKey, Timestamp};
use serde_json::{Map, Value};

use super::super::stage::Stage;
use super::Judged;

/// Whether a person may be asked now.
pub(super) fn judge_asking(judged: &Judged, key: &TaskKey) -> Result<(), String> {
    let task = judged.run.tasks.get(key).ok_or_else(|| format!("no task {key}"))?;
    if judged.workflow.approval(key.name.as_str()).is_none() {
        return Err(format!("I19: people are asked about {key}, which a container carries out"));
    }
    if task.approval.is_some() || task.state != TaskState::Waiting {
        return Err(format!(
            "I19: people are asked about {key}, which is {} and was asked before",
            task.state
        ));
    }
    super::change::judge_needs(judged, key)
}

impl Stage {
    /// Whether it is what somebody has said, or what the file says when nobody has.
    pub(super) fn judge_decision(
        &self,
        judged: &Judged,
        key: &TaskKey,
        decision: &Decision,
        values: &Map<String, Value>,
        at: Timestamp,
    ) -> Result<(), String> {
        let run = judged.run.summary.id;
        let Some(open) = judged.run.tasks.get(key).and_then(Task::open_approval) else {
            return Err(format!("I19: {key} of {run} is decided, and waits for no decision"));
        };
        let is_over = open.question.ends_at.is_some_and(|ends_at| ends_at <= at);
        match &decision.by {
            None if is_over && decision.approved && open.question.on_timeout == OnTimeout::Approve => Ok(()),
            None => Err(format!("I19: nobody decides on {key} of {run}, and it is not time for that")),
            Some(_) if self.has_asked_for(run, key, decision.approved, values) => Ok(()),
            Some(by) => Err(format!("I19: {by} has never decided so on {key} of {run}: {decision:?}")),
        }
    }
}

/// Whether a task that a person decides may end so.
pub(super) fn judge_end_of_approval(
    judged: &Judged,
    task: &Task,
    to: TaskState,
    reason: Option<Reason>,
    at: Timestamp,
) -> Result<(), String> {
    let Some(approval) = &task.approval else { return Ok(()) };
    let approved = approval.decision.as_ref().map(|decision| decision.approved);
    let is_over = approval.question.ends_at.is_some_and(|ends_at| ends_at <= at);
    let is_right = match (to, reason) {
        (TaskState::Succeeded, _) => approved == Some(true),
        (TaskState::Failed, Some(Reason::Rejected)) => approved == Some(false),
        (TaskState::Failed, Some(Reason::ApprovalTimeout)) => approved.is_none() && is_over,
        (TaskState::Cancelled, _) => approved.is_none(),
        _ => false,
    };
    is_right.then_some(()).ok_or_else(|| {
        format!("I19: {} of {} ends {to} ({reason:?}) after {approval:?}", task.key, judged.run.summary.id)
    })
}
