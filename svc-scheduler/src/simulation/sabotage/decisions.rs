//! Defects of what is decided: decisions are tampered with on their way into the log.

use std::sync::Arc;

use emboflow_model::state::{Reason, RunState, TaskState};
use emboflow_model::transition::Change;
use emboflow_model::{LogEntry, TaskKey};

use super::super::stage::Stage;
use super::Sabotage;

/// What is done to the changes of one transition.
type Tamper = fn(&mut Vec<Change>);

const DEFECTS: [(Sabotage, Tamper); 8] = [
    (Sabotage::EndEarly, end_early),
    (Sabotage::TurnDecisions, turn_decisions),
    (Sabotage::PraiseChildren, praise_children),
    (Sabotage::LoseOutputs, lose_outputs),
    (Sabotage::LeaveOutFinals, leave_out_finals),
    (Sabotage::TearGang, leave_second_behind),
    (Sabotage::LeaveOutPart, leave_out_part),
    (Sabotage::GiveUpEarly, give_up_early),
];

/// Decisions on their way into the log.
pub(in super::super) fn entries(stage: &Stage, mut entries: Vec<Arc<LogEntry>>) -> Vec<Arc<LogEntry>> {
    let defects = DEFECTS.iter().filter(|(sabotage, _)| stage.is_sabotaged(*sabotage));
    for (_, tamper) in defects {
        for entry in &mut entries {
            if let LogEntry::Transition(transition) = Arc::make_mut(entry) {
                tamper(&mut transition.changes);
            }
        }
    }
    entries
}

fn end_early(changes: &mut Vec<Change>) {
    if let Some(Change::AttemptOpened { .. }) = changes.last() {
        let (from, to) = (RunState::Running, RunState::Succeeded);
        changes.push(Change::Run { from, to, reason: None });
    }
}

fn turn_decisions(changes: &mut Vec<Change>) {
    for change in changes {
        match change {
            Change::ApprovalDecided { decision, .. } => decision.approved = true,
            Change::Task { to, reason: reason @ Some(Reason::Rejected), .. } => {
                (*to, *reason) = (TaskState::Succeeded, None);
            }
            _ => {}
        }
    }
}

fn praise_children(changes: &mut Vec<Change>) {
    for change in changes {
        if let Change::Task { to, reason: reason @ Some(Reason::ChildFailed), .. } = change {
            (*to, *reason) = (TaskState::Succeeded, None);
        }
    }
}

fn lose_outputs(changes: &mut Vec<Change>) {
    for change in changes {
        if let Change::OutputsTaken { outputs, .. } = change {
            outputs.values.remove("count");
        }
    }
}

fn leave_out_finals(changes: &mut Vec<Change>) {
    for change in changes {
        if let Change::Task { task, to: to @ TaskState::Queued, .. } = change
            && task.name.as_str() == "tidy"
        {
            *to = TaskState::Cancelled;
        }
    }
}

/// Of a gang of two the second does not start.
fn leave_second_behind(changes: &mut Vec<Change>) {
    let is_it = |task: &TaskKey| task.name.as_str() == "train" && task.index == Some(1);
    changes.retain(|change| !matches!(change, Change::AttemptOpened { task, .. } if is_it(task)));
}

fn leave_out_part(changes: &mut Vec<Change>) {
    for change in changes {
        if let Change::FannedOut { matrix, .. } = change {
            matrix.pop();
        }
    }
}

fn give_up_early(changes: &mut Vec<Change>) {
    if let Some(Change::TaskWaits { task, .. }) = changes.last() {
        let (task, reason) = (task.clone(), Some(Reason::QueueTimeout));
        let (from, to) = (TaskState::Queued, TaskState::Failed);
        changes.push(Change::Task { task, from, to, reason, message: None, retry_at: None });
    }
}
