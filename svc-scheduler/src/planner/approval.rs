//! Tasks that a person decides. What is open follows from the fold, as does the moment when there is no time left.

use std::collections::BTreeSet;

use emboflow_model::access::needs_of_request;
use emboflow_model::approval::{Approval, Decision, Question};
use emboflow_model::state::{Reason, RunState, TaskState};
use emboflow_model::transition::Change;
use emboflow_model::workflow::limits::MAX_TASK_VALUE_BYTES;
use emboflow_model::workflow::{Context, OnTimeout};
use emboflow_model::{RunId, Task, TaskKey, Timestamp};
use emboflow_protocol::request::Verb;
use emboflow_protocol::{ErrorCode, FieldError};
use serde_json::{Map, Value};

use super::Planner;
use super::input::Deciding;
use super::open_run::OpenRun;
use super::step::Step;
use super::values::bytes_of;

/// What waits for people, the oldest first.
#[derive(Clone, Default)]
pub(super) struct OpenApprovals(BTreeSet<(Timestamp, RunId, TaskKey)>);

/// What a decision comes to.
#[derive(Debug)]
pub(crate) enum Judged {
    /// It is the first one; these are the values of the task.
    New(Map<String, Value>),
    /// The same was decided before.
    Repeated,
}

/// Judges a decision on a task as it is. Errors: nobody asks for one, another one was made, or what was filled in is wrong.
pub(crate) fn judge(task: &Task, deciding: &Deciding) -> Result<Judged, Vec<FieldError>> {
    let refuse = |code, message: String| Err(vec![FieldError::new(code, message)]);
    let key = &task.key;
    let Some(approval) = &task.approval else {
        let why = match task.state {
            TaskState::Waiting => "nobody has been asked yet, or it is no approval".to_owned(),
            state => format!("it is {state}"),
        };
        return refuse(
            ErrorCode::ApprovalNotOpen,
            format!("{key} of {} waits for no decision: {why}", task.run),
        );
    };
    if let Some(decision) = &approval.decision {
        return judge_again(task, approval, decision, deciding);
    }
    if task.state.is_terminal() {
        let why = task.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        let message =
            format!("{key} of {} waits for no decision any more: it is {}{why}", task.run, task.state);
        return refuse(ErrorCode::ApprovalNotOpen, message);
    }
    filled_in(approval, deciding).map(Judged::New)
}

fn judge_again(
    task: &Task,
    approval: &Approval,
    earlier: &Decision,
    deciding: &Deciding,
) -> Result<Judged, Vec<FieldError>> {
    let is_same = earlier.approved == deciding.approve
        && filled_in(approval, deciding).is_ok_and(|values| values == task.values);
    if is_same {
        return Ok(Judged::Repeated);
    }
    let (what, who) = (said(earlier.approved), earlier.by.as_deref().unwrap_or("the end of its time"));
    let other = if earlier.approved == deciding.approve { " with other inputs" } else { "" };
    let message = format!("{} of {} was {what}{other} at {} by {who}", task.key, task.run, earlier.at);
    Err(vec![FieldError::new(ErrorCode::ApprovalDecided, message)])
}

/// Errors: everything that is wrong with it.
fn filled_in(approval: &Approval, deciding: &Deciding) -> Result<Map<String, Value>, Vec<FieldError>> {
    if !deciding.approve {
        return Ok(Map::new());
    }
    let resolved = approval.question.resolve(&deciding.inputs);
    let values: Map<String, Value> =
        resolved.map_err(|problems| problems.into_iter().map(FieldError::from).collect::<Vec<_>>())?;
    let bytes = Value::Object(values.clone()).to_string().len();
    if bytes > MAX_TASK_VALUE_BYTES {
        let message =
            format!("what is filled in has {bytes} bytes; a task keeps {MAX_TASK_VALUE_BYTES} at most");
        return Err(vec![at_inputs(message)]);
    }
    Ok(values)
}

/// Errors: the run keeps no more values.
fn kept(open: &OpenRun, judged: Judged) -> Result<Judged, Vec<FieldError>> {
    if let Judged::New(values) = &judged {
        open.bytes_with(values).map_err(|message| vec![at_inputs(message)])?;
    }
    Ok(judged)
}

fn at_inputs(message: String) -> FieldError {
    let error = FieldError::new(ErrorCode::RequestInvalid, message);
    FieldError { pointer: Some("/inputs".to_owned()), ..error }
}

const fn said(approved: bool) -> &'static str {
    if approved { "approved" } else { "rejected" }
}

/// Why a task waits that a person is asked about, and who may answer.
pub(super) fn wait_reason(approval: &Approval) -> String {
    let who = needs_of_request(Verb::Decide.token()).map(|needs| needs.to_string()).unwrap_or_default();
    let limit = approval.question.ends_at.map(|at| {
        let then = match approval.question.on_timeout {
            OnTimeout::Fail => "fails",
            OnTimeout::Approve => "counts as approved",
        };
        format!("; it {then} if nobody has at {at} (approval.timeout)")
    });
    format!("waiting for approval since {}: an {who} decides{}", approval.asked_at, limit.unwrap_or_default())
}

impl OpenApprovals {
    /// How many.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Since when the oldest waits.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, ..)| *at)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (RunId, &TaskKey)> {
        self.0.iter().map(|(_, run, task)| (*run, task))
    }

    /// Takes in what is open of a run that was read back.
    pub(super) fn take_back(&mut self, open: &OpenRun) {
        let tasks = open.run.summary.approvals.iter().filter_map(|task| open.run.tasks.get(task));
        self.0.extend(tasks.filter_map(entry));
    }

    /// A change has made an open question of `after`, or an answered one of `before`.
    pub(super) fn follow(&mut self, before: Option<Entry>, after: Option<Entry>) {
        if let Some(before) = before {
            self.0.remove(&before);
        }
        self.0.extend(after);
    }
}

type Entry = (Timestamp, RunId, TaskKey);

fn entry(task: &Task) -> Option<Entry> {
    let approval = task.open_approval()?;
    Some((approval.asked_at, task.run, task.key.clone()))
}

impl OpenRun {
    /// The question that a change opens or closes, as it is now.
    pub(super) fn open_question(&self, change: &Change) -> Option<Entry> {
        match change {
            Change::ApprovalAsked { task, .. }
            | Change::ApprovalDecided { task, .. }
            | Change::Task { task, .. } => entry(self.run.tasks.get(task)?),
            _ => None,
        }
    }

    /// When nobody can decide on a task any more.
    pub(super) fn approval_ends_at(&self, task: &TaskKey) -> Option<Timestamp> {
        self.run.tasks.get(task)?.open_approval()?.question.ends_at
    }
}

impl Planner {
    /// The tasks that wait for people.
    pub(crate) fn approvals(&self) -> impl Iterator<Item = (RunId, &TaskKey)> {
        self.approvals.iter()
    }

    /// How many tasks wait for people, and since when the oldest does.
    pub(crate) fn open_approvals(&self) -> (usize, Option<Timestamp>) {
        (self.approvals.count(), self.approvals.oldest())
    }
}

impl Step<'_> {
    /// The needs of a task have ended that a person decides. False: no person does.
    pub(super) fn ask_people(&mut self, run: RunId, task: &TaskKey, context: &Context) -> bool {
        let question = self.planner.runs.get(&run).and_then(|open| open.question(task, context, self.now));
        match question {
            None => return false,
            Some(Err(problem)) => self.refuse_task(run, task, &problem),
            Some(Ok(question)) => self.ask(run, task, question),
        }
        true
    }

    fn ask(&mut self, run: RunId, task: &TaskKey, question: Question) {
        self.emit(run, Change::ApprovalAsked { task: task.clone(), question: Box::new(question) });
        let state = self.planner.runs.get(&run).map(|open| open.run.summary.state);
        // Its time runs from here, as if a container had been started.
        if state == Some(RunState::Queued) {
            self.begin_running(run);
        }
    }

    /// Somebody decides. What became of it is told to who asks.
    pub(super) fn decide(&mut self, deciding: Deciding) {
        let (run, task) = (deciding.run, &deciding.task);
        let found = self.planner.runs.get(&run).and_then(|open| Some((open, open.run.tasks.get(task)?)));
        let judged = match found {
            Some((open, task)) => judge(task, &deciding).and_then(|judged| kept(open, judged)),
            // Something before it in this step has ended the run.
            None => {
                let message = format!("{run} has ended: nothing of it waits for a decision");
                Err(vec![FieldError::new(ErrorCode::ApprovalNotOpen, message)])
            }
        };
        let told = judged.map(|judged| match judged {
            Judged::Repeated => true,
            Judged::New(values) => {
                let Deciding { approve, ref by, ref comment, .. } = deciding;
                let decision = Decision {
                    approved: approve,
                    by: Some(by.clone()),
                    comment: comment.clone(),
                    at: self.now,
                };
                self.end_approval(run, task, decision, values);
                false
            }
        });
        self.decided.insert(deciding.place, told);
    }

    fn end_approval(&mut self, run: RunId, task: &TaskKey, decision: Decision, values: Map<String, Value>) {
        let (to, reason, message) = match decision.approved {
            true => (TaskState::Succeeded, None, None),
            false => {
                let by = decision.by.as_deref().unwrap_or("nobody");
                let message = decision.comment.clone().unwrap_or_else(|| format!("rejected by {by}"));
                (TaskState::Failed, Some(Reason::Rejected), Some(message))
            }
        };
        if let Some(open) = self.planner.runs.get_mut(&run) {
            open.value_bytes = open.value_bytes.saturating_add(bytes_of(&values));
        }
        self.emit(run, Change::ApprovalDecided { task: task.clone(), decision, values });
        self.finish_task(run, task, to, reason, message);
    }

    /// Nobody may have decided in time.
    pub(super) fn end_time_to_decide(&mut self, run: RunId, task: &TaskKey) {
        let Some(open) = self.planner.runs.get(&run) else { return };
        let Some(approval) = open.run.tasks.get(task).and_then(Task::open_approval) else { return };
        if approval.question.ends_at.is_none_or(|at| at > self.now) {
            return;
        }
        let lasted_s = self.now.ms_since(approval.asked_at) / 1_000;
        let defaults = approval.question.resolve(&Map::new());
        match (approval.question.on_timeout, defaults) {
            (OnTimeout::Approve, Ok(values)) if open.bytes_with(&values).is_ok() => {
                let comment = Some(format!("nobody decided within {lasted_s} s (`on_timeout: approve`)"));
                let decision = Decision { approved: true, by: None, comment, at: self.now };
                self.end_approval(run, task, decision, values);
            }
            // The validator lets nothing be approved that somebody has to fill in; the run may keep no more values.
            (OnTimeout::Fail | OnTimeout::Approve, _) => {
                let message = format!(
                    "Nobody decided within {lasted_s} s (`approval.timeout`). Retry the run to ask again."
                );
                self.finish_task(run, task, TaskState::Failed, Some(Reason::ApprovalTimeout), Some(message));
            }
        }
    }
}
