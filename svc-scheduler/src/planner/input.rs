//! What the planner decides on.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use emboflow_model::executor::Heartbeat;
use emboflow_model::transition::Accepted;
use emboflow_model::workflow::Workflow;
use emboflow_model::{ExecutorId, PoolName, ProjectName, Reason, Run, RunId, RunSummary, TaskKey, Timestamp};
use emboflow_protocol::FieldError;
use emboflow_protocol::report::Report;
use serde_json::{Map, Value};

use super::cordon::Cordons;
use super::queues::QueueRules;
use super::quota::ProjectQuotas;
use super::results::LookedUp;

/// One thing that happened. The driver has read and checked it; nothing here can fail to parse.
pub(crate) enum Input {
    /// A run request that may become a run.
    Submit(Box<Submission>),
    /// A run request that cannot become one.
    Reject { project: ProjectName, key: String, body_sha256: String, errors: Vec<FieldError> },
    /// Something is asked of a run that is open.
    Command { run: RunId, command: RunCommand },
    /// Somebody decides on a task that waits for a person.
    Decide(Box<Deciding>),
    /// Whether the result of a task is there already.
    LookedUp(Box<LookedUp>),
    /// The run that a task waits for was looked for.
    Child { parent: RunId, task: TaskKey, found: ChildFound },
    /// A run is repeated, but for the results that the new one takes over.
    Recover { old: Box<Run>, tasks: Vec<TaskKey>, submission: Box<Submission> },
    /// An executor says what became of an attempt.
    Report { executor: ExecutorId, report: Report },
    /// An executor says that it is there.
    Heartbeat(Box<Heartbeat>),
    /// Whether anybody can be heard at all.
    Hearing(bool),
    /// Nothing is started, for this reason; none: everything is again.
    Maintenance(Option<String>),
    /// Nothing is started in these pools, and why.
    PoolMaintenance(BTreeMap<PoolName, String>),
    /// These executors are given no work.
    Cordons(Cordons),
    /// An operator says that an executor will never come back.
    Forget(ExecutorId),
    /// The rules of queues from now on.
    Queues(QueueRules),
    /// What projects may use from now on, and when the newest runs of those with a limited rate were accepted.
    Quotas { quotas: ProjectQuotas, history: HashMap<ProjectName, Vec<Timestamp>> },
}

/// A run to be made: the id and the trace are made at the edge.
pub(crate) struct Submission {
    pub(crate) run: RunId,
    pub(crate) project: ProjectName,
    pub(crate) workflow: Arc<Workflow>,
    pub(crate) accepted: Accepted,
}

/// What there is of a child run that is not open.
pub(crate) enum ChildFound {
    /// Nothing: it can be made.
    New(Box<Submission>),
    /// It cannot be made.
    Refused(Vec<FieldError>),
    /// It has ended already.
    Ended(Box<RunSummary>),
}

/// A person's word on a task.
#[derive(Clone, Debug)]
pub(crate) struct Deciding {
    pub(crate) run: RunId,
    pub(crate) task: TaskKey,
    pub(crate) approve: bool,
    /// What was filled in.
    pub(crate) inputs: Map<String, Value>,
    pub(crate) comment: Option<String>,
    /// Who decides.
    pub(crate) by: String,
    /// Names it among all inputs of a step: what becomes of it is told by this.
    pub(crate) place: usize,
}

/// What can be asked of an open run.
#[derive(Clone, Debug)]
pub(crate) enum RunCommand {
    /// End it.
    Cancel { reason: Option<String> },
    /// End it, with what follows all others.
    CancelWhole { reason: Option<String> },
    /// Start no more attempts.
    Pause { reason: Option<String> },
    /// Go on.
    Resume,
}

/// Why an attempt is stopped because its run ends.
pub(crate) const fn stop_reason(ending: emboflow_model::RunState) -> Reason {
    match ending {
        emboflow_model::RunState::TimedOut => Reason::RunTimeout,
        _ => Reason::Cancelled,
    }
}
