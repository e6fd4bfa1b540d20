//! Where a waiting task stands, and what would help it.

use emboflow_model::state::{RunState, TaskState};
use emboflow_model::{RunId, TaskKey, Timestamp};
use emboflow_protocol::position::{Line, Position};

use super::explain::WaitKind;
use super::gates::Standing;
use super::ready::COUNTED;
use super::{OpenRun, Planner};

impl Planner {
    /// Where a task stands in line; none when it stands in none: it runs, is over, or something else comes first.
    pub(crate) fn position(&self, run: RunId, task: &TaskKey, now: Timestamp) -> Option<Position> {
        let open = self.runs.get(&run)?;
        if open.run.tasks.get(task)?.state != TaskState::Queued && open.was_let_in() {
            return None;
        }
        let stands_as = open.stands_as(task);
        if let Some(standing) = self.standing_of(open, &stands_as) {
            return Some(at_key(&standing));
        }
        if let Some(ahead) = open.held_before(&stands_as) {
            let (of, line) = (task.name.to_string(), Line::Tasks);
            return Some(Position { ahead: counted(ahead), or_more: false, line, of, is_estimate: false });
        }
        let ready = (run, stands_as);
        let lane = self.ready.lane_of(&ready)?;
        let step = lane.shape.need().dominant_share(&self.total);
        let ahead = self.ready.ahead(&ready, self.aging(now), step)?;
        Some(Position {
            ahead: counted(ahead.starts.min(COUNTED)),
            or_more: ahead.starts > COUNTED,
            line: Line::Queue,
            of: lane.queue.to_string(),
            is_estimate: ahead.is_estimate,
        })
    }

    /// The gate that keeps the run, or else the task, waiting.
    fn standing_of(&self, open: &OpenRun, task: &TaskKey) -> Option<Standing<'_>> {
        let of_run = self.gates.standing(&(open.id(), None));
        of_run.or_else(|| self.gates.standing(&(open.id(), Some(task.clone()))))
    }

    /// What would help a task that waits; none when it does not wait.
    pub(crate) fn advice(&self, run: RunId, task: &TaskKey, now: Timestamp) -> Option<&'static str> {
        let open = self.runs.get(&run)?;
        let found = open.run.tasks.get(task)?;
        let stands_as = open.stands_as(task);
        match found.state {
            TaskState::Waiting | TaskState::Queued if self.standing_of(open, &stands_as).is_some() => {
                Some(of_kind(WaitKind::Key))
            }
            TaskState::Waiting if found.retry_at.is_some() => {
                Some("nothing is to be done: it tries again by itself")
            }
            TaskState::Waiting if found.open_approval().is_some() => Some(
                "`emboflow run approve` and `emboflow run reject` answer it, as does the page of the run",
            ),
            TaskState::Waiting if found.open_child().is_some() => {
                Some("it ends as that run does: `emboflow explain` of that run says what it waits for")
            }
            TaskState::Waiting => Some("nothing is to be done: it follows when what it needs has ended"),
            TaskState::Queued if open.run.summary.state == RunState::Paused => {
                Some("`emboflow run resume` lets it go on")
            }
            TaskState::Queued if open.held_before(&stands_as).is_some() => Some(
                "it follows when another task of its fan-out ends; a greater `max_parallel` would let more of them run",
            ),
            TaskState::Queued => {
                let lane = self.ready.lane_of(&(run, stands_as))?;
                if self.maintenance_of(&lane.shape.pool).is_some() {
                    return Some("`emboflow maintenance off` ends the maintenance");
                }
                Some(of_kind(self.explain_lane(lane, &open.run.summary.project, now).0))
            }
            _ => None,
        }
    }
}

fn at_key(standing: &Standing<'_>) -> Position {
    Position {
        ahead: counted(standing.ahead),
        or_more: standing.is_cut(),
        line: Line::Key,
        of: standing.key.to_owned(),
        is_estimate: false,
    }
}

fn counted(ahead: usize) -> u32 {
    u32::try_from(ahead).unwrap_or(u32::MAX)
}

const fn of_kind(kind: WaitKind) -> &'static str {
    match kind {
        WaitKind::NoExecutor => "start an executor in this pool, or name another `pool` in the file",
        WaitKind::Cordoned => "`emboflow executor uncordon` gives the executor work again",
        WaitKind::DiskFull => "make space on the disk of the executor's data directory",
        WaitKind::Labels => "give an executor these labels, or ask for others in the file",
        WaitKind::Taints => {
            "let the task tolerate the taint (`tolerations`), or start an executor without it"
        }
        WaitKind::TooLarge => "ask for less in `resources`, or add an executor that is large enough",
        WaitKind::Busy => {
            "it starts when something ends; `emboflow what-if --add-executor` tells what another executor would change"
        }
        WaitKind::Reserved => {
            "it starts after the one that waits for more; with a `timeout` that ends before that it could go first"
        }
        WaitKind::Share => {
            "it starts when something of its queue or project ends, or with a greater maximum or quota"
        }
        WaitKind::Key => {
            "it starts when its turn at the key comes; a greater `limit` would let in more at once"
        }
    }
}
