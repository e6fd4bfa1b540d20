//! Transitions: the decision log's entries, from which everything else about runs is derived.

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::anew::Anew;
use crate::approval::{Decision, Question};
use crate::child::{Child, Parent, WorkflowPins};
use crate::name::TaskName;
use crate::run_outputs::RunOutputs;
use crate::state::{AttemptState, Cause, Outcome, Reason, RunState, TaskState};
use crate::upload::Pins;
use crate::workflow::Finally;
use crate::workflow::limits::MAX_TASKS;
use crate::{
    ArtifactSummary, DeviceId, ExecutorId, LogSeal, PoolName, ProjectName, QueueName, Resources, RunId,
    TaskKey, Timestamp, WorkflowName,
};

/// One entry of a shard's decision log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum LogEntry {
    /// A decision on a run.
    Transition(Transition),
    /// A request that became no run.
    Rejection(Rejection),
}

impl LogEntry {
    /// Its place in the shard's log.
    pub fn seq(&self) -> u64 {
        match self {
            Self::Transition(transition) => transition.seq,
            Self::Rejection(rejection) => rejection.seq,
        }
    }
}

/// One decision on one run, with everything it changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Transition {
    /// The shard whose log it is in.
    pub shard: u32,
    /// Its place in that log: from 1, without gaps.
    pub seq: u64,
    /// The run.
    pub run: RunId,
    /// The run's project.
    pub project: ProjectName,
    /// Its place in the run's history: from 1, without gaps.
    pub number: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// What was changed, in order.
    pub changes: Vec<Change>,
}

impl Transition {
    /// The tasks that it changed or made, each once, in the order of the changes.
    pub fn tasks(&self) -> IndexSet<TaskKey> {
        let mut tasks = IndexSet::new();
        for change in &self.changes {
            match change {
                Change::FannedOut { spec, matrix } => {
                    let indices = 0..u32::try_from(matrix.len()).unwrap_or(u32::MAX);
                    tasks.extend(indices.map(|index| TaskKey::indexed(spec.clone(), index)));
                }
                change => tasks.extend(change.task().cloned()),
            }
        }
        tasks
    }

    /// Whether a fan-out took the place of the task that stood for it.
    pub fn fans_out(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::FannedOut { .. }))
    }

    /// Whether it says what the run gives to whoever started it.
    pub fn gives_outputs(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::OutputsGiven { .. }))
    }
}

/// A request that was refused: visible, final, and answered the same when it is sent again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rejection {
    /// The shard whose log it is in.
    pub shard: u32,
    /// Its place in that log.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// The project it was sent to.
    pub project: ProjectName,
    /// The caller's idempotency key, or one made for it.
    pub key: String,
    /// SHA-256 of the request's body, in hex.
    pub body_sha256: String,
    /// What is wrong, as JSON in the form of the error catalogue.
    pub errors: Vec<Value>,
}

/// One thing that a transition changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// The run exists; always the first change of its history. Boxed: it is far larger than the others.
    Accepted(Box<Accepted>),
    /// The run's state.
    Run {
        /// Before.
        from: RunState,
        /// After.
        to: RunState,
        /// Why, in words, where the state alone does not say it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Something that is to happen to the run when its open attempts have stopped.
    RunEnding {
        /// The state it is going to.
        to: RunState,
        /// Why, in words.
        reason: String,
    },
    /// A task's state.
    Task {
        /// The task.
        task: TaskKey,
        /// Before.
        from: TaskState,
        /// After.
        to: TaskState,
        /// Why, when it did not go well.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// The same in words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// End of the back-off, with `waiting`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
    },
    /// What it needs has ended, and a spec whose matrix is made of that has become these tasks, in the place of the one
    /// that stood for them.
    FannedOut {
        /// The spec.
        spec: TaskName,
        /// What each task has on each axis, in the order of the index; possibly none.
        matrix: Vec<Map<String, Value>>,
    },
    /// Why a queued task has no executor yet.
    TaskWaits {
        /// The task.
        task: TaskKey,
        /// In words, such as `no executor has 4 cpu: the largest has 2`.
        wait_reason: String,
    },
    /// No result is taken over for a task whose results are found again: what it makes is found by this key.
    TaskKeyed {
        /// The task.
        task: TaskKey,
        /// What decides its result ([`crate::RuntimeSpec::content_key`]).
        key: String,
    },
    /// A task takes over what an earlier run's task made.
    TaskTakenOver {
        /// The task.
        task: TaskKey,
        /// The earlier run.
        from_run: RunId,
        /// Its artifacts.
        artifacts: Vec<ArtifactSummary>,
        /// Its values.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        values: Map<String, Value>,
        /// Its log.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<LogSeal>,
        /// The task that made it, where it was found by its content.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from_task: Option<TaskKey>,
        /// The key by which it was found; none where the run repeats the earlier one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// A person was asked to decide on a task.
    ApprovalAsked {
        /// The task.
        task: TaskKey,
        /// What was asked. Boxed: it is far larger than the others.
        question: Box<Question>,
    },
    /// Somebody decided on a task, or nobody did in time; its end follows.
    ApprovalDecided {
        /// The task.
        task: TaskKey,
        /// Who decided what.
        decision: Decision,
        /// What was filled in, with defaults; nothing where it was rejected.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        values: Map<String, Value>,
    },
    /// Another run is to carry a task out; it is made as soon as this is in the log.
    ChildRequested {
        /// The task.
        task: TaskKey,
        /// The run. Boxed: it is far larger than the others.
        child: Box<Child>,
    },
    /// What the run gives to whoever started it; its end follows.
    OutputsGiven {
        /// All of it. Boxed: it is far larger than the others.
        outputs: Box<RunOutputs>,
    },
    /// What the run gave that carries a task out, as far as the file reads it; the task's end follows.
    OutputsTaken {
        /// The task.
        task: TaskKey,
        /// What it has from that run. Boxed: it is far larger than the others.
        outputs: Box<RunOutputs>,
    },
    /// An attempt was given to an executor; it holds the resources until it is closed.
    AttemptOpened {
        /// The task.
        task: TaskKey,
        /// The attempt's number.
        number: u32,
        /// Grows with every attempt of the shard; whoever shows an older one is refused.
        fence: u64,
        /// Who carries it out.
        executor: ExecutorId,
        /// The executor's pool.
        pool: PoolName,
        /// The executor's data directory, by its journal id: with another one, all that the executor held is gone.
        journal: String,
        /// What it holds.
        resources: Resources,
        /// The devices that it has for itself: nobody else gets them until it is closed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        devices: Vec<DeviceId>,
    },
    /// An attempt moved on. One that was closed unseen moves to `closed` once more when nothing of it runs any more.
    AttemptMoved {
        /// The task.
        task: TaskKey,
        /// The attempt's number.
        number: u32,
        /// The state it is in now.
        to: AttemptState,
        /// When, by the executor's clock.
        at: Timestamp,
        /// When its image was there; told with `running`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pulled_at: Option<Timestamp>,
    },
    /// The executor was told to stop an attempt.
    AttemptStopping {
        /// The task.
        task: TaskKey,
        /// The attempt's number.
        number: u32,
        /// Why.
        reason: Reason,
    },
    /// An attempt is over.
    AttemptClosed {
        /// The task.
        task: TaskKey,
        /// The attempt's number.
        number: u32,
        /// Everything about the end. Boxed: it is far larger than the others.
        end: Box<AttemptEnd>,
    },
}

/// What was accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// The workflow's name.
    pub workflow: WorkflowName,
    /// `sha256:` and the hex digest of the source text.
    pub digest: String,
    /// The workflow file, verbatim.
    pub source: Arc<str>,
    /// The inputs with defaults filled in.
    #[serde(default)]
    pub inputs: Map<String, Value>,
    /// The caller's labels.
    #[serde(default)]
    pub labels: IndexMap<String, String>,
    /// The caller's idempotency key, or one made for it.
    pub key: String,
    /// SHA-256 of the request's body, in hex.
    pub body_sha256: String,
    /// W3C trace id: one for everything that the run causes.
    pub trace_id: String,
    /// The run whose tasks this one repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_from: Option<RunId>,
    /// The queue in which it waits.
    #[serde(default, skip_serializing_if = "QueueName::is_default")]
    pub queue: QueueName,
    /// Runs of one key share fairly with those of others, inside of their project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fairness_key: Option<String>,
    /// The uploads that its tasks take in, each in the version that was the newest then.
    #[serde(default, skip_serializing_if = "Pins::is_empty")]
    pub uploads: Pins,
    /// The tasks that run although results of other runs would do.
    #[serde(default, skip_serializing_if = "Anew::is_nothing")]
    pub anew: Anew,
    /// The task that started it, where one of another run did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The workflows that its tasks start, each in the version that was the newest then.
    #[serde(default, skip_serializing_if = "WorkflowPins::is_empty")]
    pub workflows: WorkflowPins,
    /// The tasks, one entry a TaskSpec in topological order.
    pub tasks: Vec<PlannedSpec>,
}

/// A TaskSpec in a run: how many tasks it became.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedSpec {
    /// The TaskSpec.
    pub name: TaskName,
    /// Number of tasks of its fan-out; none without a matrix (then it is one task without index).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fan_out: Option<u32>,
    /// Its matrix is made of what other tasks give: until these have ended, one task without index stands for its fan-out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dynamic: bool,
    /// The TaskSpecs that come first.
    #[serde(default)]
    pub needs: Vec<TaskName>,
    /// It follows all others: then those of its needs that do not say so only show where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finally: Option<Finally>,
}

impl PlannedSpec {
    /// How many positions its tasks have: as many as a run has tasks at most, where their number is not known yet.
    pub(crate) fn positions(&self) -> u32 {
        if self.dynamic { u32::try_from(MAX_TASKS).unwrap_or(u32::MAX) } else { self.fan_out.unwrap_or(1) }
    }

    /// The keys of its tasks, in order.
    pub fn keys(&self) -> impl Iterator<Item = TaskKey> + '_ {
        let single = self.fan_out.is_none().then(|| TaskKey::single(self.name.clone()));
        let many = (0..self.fan_out.unwrap_or(0)).map(|index| TaskKey::indexed(self.name.clone(), index));
        single.into_iter().chain(many)
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptEnd {
    /// The outcome.
    pub outcome: Outcome,
    /// Who it is charged to.
    pub cause: Cause,
    /// Why it did not go well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The same in words, with what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The program's exit code, when it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// When the container began and ended to run, by the executor's clock.
    #[serde(default)]
    pub times: AttemptTimes,
    /// The sealed log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogSeal>,
    /// The stored outputs; only with `succeeded`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<ArtifactSummary>,
    /// The values that the task gives to those that follow; only with `succeeded`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub values: Map<String, Value>,
    /// The image's content digest that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
    /// It was given up without the word of its executor: its program may still run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unseen: bool,
}

/// When an attempt entered each phase, by the executor's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptTimes {
    /// The claim was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<Timestamp>,
    /// The image was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pulled_at: Option<Timestamp>,
    /// The container ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// The container ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exited_at: Option<Timestamp>,
    /// Log and outputs were stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_at: Option<Timestamp>,
}
