//! A task and its attempts, folded from transitions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::approval::{Approval, Decision, Question};
use crate::child::Child;
use crate::run_outputs::RunOutputs;
use crate::state::{AttemptState, Reason, TaskState};
use crate::transition::{AttemptEnd, AttemptTimes, Change};
use crate::{
    ArtifactSummary, DeviceId, ExecutorId, ImagePull, LogSeal, PoolName, ProjectName, Resources, RunId,
    TaskKey, Timestamp,
};

/// What the records say instead of a state of a task that stood for a fan-out.
pub const REPLACED: &str = "replaced";

/// A node of the graph in one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// The run.
    pub run: RunId,
    /// The run's project.
    pub project: ProjectName,
    /// The task.
    pub key: TaskKey,
    /// Its place in the run: specs in topological order, a fan-out by index. Between specs there may be gaps.
    pub position: u32,
    /// What it has on each axis of a matrix that was made of what other tasks gave.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub matrix: Map<String, Value>,
    /// It stood for a fan-out, whose tasks are there now: a mark in the records, which nobody is shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaced: bool,
    /// Its state.
    pub state: TaskState,
    /// Why it did not go well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why no executor has it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_reason: Option<String>,
    /// End of the back-off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// When it was first ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_at: Option<Timestamp>,
    /// When it became ready again for the last time: after a back-off. None of one that was ready once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Its attempts, oldest first.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    /// What a person is asked, and has decided, where no container carries it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Box<Approval>>,
    /// The run that carries it out, where no container does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<Box<Child>>,
    /// What it made, or took over.
    #[serde(default)]
    pub artifacts: Vec<ArtifactSummary>,
    /// What it gave for the expressions of tasks that follow, or took over: JSON values by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub values: Map<String, Value>,
    /// The log it took over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_over_log: Option<LogSeal>,
    /// The run whose results it took over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_over_from: Option<RunId>,
    /// What decides its result, if that may be found again: other runs take it over by this key, or it was found by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_key: Option<String>,
    /// Number of the last transition of the run that changed it.
    pub version: u64,
}

/// One try of a task on an executor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// Its state.
    pub state: AttemptState,
    /// Whoever shows an older fence is refused.
    pub fence: u64,
    /// Who carries it out.
    pub executor: ExecutorId,
    /// The executor's pool.
    pub pool: PoolName,
    /// The executor's data directory, by its journal id.
    pub journal: String,
    /// What it holds while open.
    pub resources: Resources,
    /// The devices that it has for itself while open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceId>,
    /// When it was given to the executor.
    pub dispatched_at: Timestamp,
    /// When it entered each phase.
    #[serde(default)]
    pub times: AttemptTimes,
    /// How far its image is, as the API has last heard; never in the records and never in an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<ImagePull>,
    /// The executor has been told to stop it, for this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopping: Option<Reason>,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<AttemptEnd>,
    /// Since when it is sure that nothing of it runs, if its end was unseen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<Timestamp>,
}

impl Attempt {
    /// Whether it still holds resources.
    pub fn is_open(&self) -> bool {
        self.state != AttemptState::Closed
    }

    /// Whether it was given up unseen, and its program may still run.
    pub fn may_still_run(&self) -> bool {
        self.gone_at.is_none() && self.end.as_ref().is_some_and(|end| end.unseen)
    }

    /// Moves on, at a moment by the executor's clock.
    fn enter(&mut self, to: AttemptState, at: Timestamp, pulled_at: Option<Timestamp>) {
        self.state = to;
        self.times.pulled_at = self.times.pulled_at.or(pulled_at);
        match to {
            AttemptState::Preparing => self.times.claimed_at = Some(at),
            AttemptState::Running => self.times.started_at = Some(at),
            AttemptState::Finishing => self.times.exited_at = Some(at),
            AttemptState::Dispatched | AttemptState::Closed => {}
        }
    }

    /// Whether its program has yet to start.
    pub fn is_preparing(&self) -> bool {
        matches!(self.state, AttemptState::Dispatched | AttemptState::Preparing)
    }
}

impl Task {
    /// A task that nothing has happened to.
    pub fn new(run: RunId, project: ProjectName, key: TaskKey, position: u32) -> Self {
        Self {
            run,
            project,
            key,
            position,
            matrix: Map::new(),
            replaced: false,
            state: TaskState::Waiting,
            reason: None,
            message: None,
            wait_reason: None,
            retry_at: None,
            queued_at: None,
            ready_at: None,
            finished_at: None,
            attempts: Vec::new(),
            approval: None,
            child: None,
            artifacts: Vec::new(),
            values: Map::new(),
            taken_over_log: None,
            taken_over_from: None,
            content_key: None,
            version: 1,
        }
    }

    /// The word for its state in the records: that of a task which was replaced is no task's.
    pub fn stored_state(&self) -> &'static str {
        if self.replaced { REPLACED } else { self.state.word() }
    }

    /// The key by which other runs find what it made; none unless it has made it itself.
    pub fn result_key(&self) -> Option<&str> {
        self.content_key.as_deref().filter(|_| self.state == TaskState::Succeeded)
    }

    /// Since when it has been ready, as often as it was.
    pub fn ready_since(&self) -> Option<Timestamp> {
        self.ready_at.or(self.queued_at)
    }

    /// What a person has still to decide.
    pub fn open_approval(&self) -> Option<&Approval> {
        let open = |approval: &&Approval| approval.decision.is_none() && !self.state.is_terminal();
        self.approval.as_deref().filter(open)
    }

    /// The run that has still to end for it.
    pub fn open_child(&self) -> Option<&Child> {
        self.child.as_deref().filter(|_| !self.state.is_terminal())
    }

    /// The attempts that were given up unseen and may still run.
    pub fn strays(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| attempt.may_still_run())
    }

    /// The attempt that holds resources, if one does.
    pub fn open_attempt(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|attempt| attempt.is_open())
    }

    /// The sealed log to show by default: the last attempt's, or the one taken over.
    pub fn log(&self) -> Option<&LogSeal> {
        let own =
            self.attempts.last().and_then(|attempt| attempt.end.as_ref()).and_then(|end| end.log.as_ref());
        own.or(self.taken_over_log.as_ref())
    }

    /// Shows how far the image of an attempt is, or with none that it is there. True: something else is shown now.
    pub fn show_pull(&mut self, number: u32, pull: Option<ImagePull>) -> bool {
        let shown = self.attempts.iter_mut().rev().find(|attempt| attempt.number == number);
        match shown.filter(|attempt| attempt.is_preparing() && attempt.pull != pull) {
            Some(attempt) => {
                attempt.pull = pull;
                true
            }
            None => false,
        }
    }

    /// Goes on showing the pull that is shown of an older state of this task: events know nothing of it.
    pub fn keep_pull_of(&mut self, older: &Task) {
        for attempt in older.attempts.iter().filter(|attempt| attempt.pull.is_some()) {
            if !self.attempts.iter().any(|own| own.number == attempt.number && own.pull.is_some()) {
                self.show_pull(attempt.number, attempt.pull.clone());
            }
        }
    }

    /// Takes in a change that names this task; changes of others are ignored. `version` is the transition's number.
    pub fn apply(&mut self, change: &Change, version: u64, at: Timestamp) {
        if change.task() != Some(&self.key) {
            return;
        }
        self.version = version;
        match change {
            Change::Accepted(_)
            | Change::Run { .. }
            | Change::RunEnding { .. }
            | Change::OutputsGiven { .. }
            | Change::FannedOut { .. } => {}
            Change::Task { to, reason, message, retry_at, .. } => {
                self.step(*to, at);
                (self.reason, self.retry_at) = (*reason, *retry_at);
                self.message.clone_from(message);
            }
            Change::TaskWaits { wait_reason, .. } => self.wait_reason = Some(wait_reason.clone()),
            Change::TaskKeyed { key, .. } => self.content_key = Some(key.clone()),
            Change::TaskTakenOver { from_run, artifacts, values, log, key, .. } => {
                (self.taken_over_from, self.content_key) = (Some(*from_run), key.clone());
                self.artifacts.clone_from(artifacts);
                self.values.clone_from(values);
                self.taken_over_log.clone_from(log);
            }
            Change::ApprovalAsked { question, .. } => self.ask((**question).clone(), at),
            Change::ApprovalDecided { decision, values, .. } => self.note_decision(decision, values),
            Change::ChildRequested { child, .. } => self.wait_for((**child).clone()),
            Change::OutputsTaken { outputs, .. } => self.take((**outputs).clone()),
            Change::AttemptOpened { number, fence, executor, pool, journal, resources, devices, .. } => {
                self.attempts.push(Attempt {
                    number: *number,
                    state: AttemptState::Dispatched,
                    fence: *fence,
                    executor: executor.clone(),
                    pool: pool.clone(),
                    journal: journal.clone(),
                    resources: *resources,
                    devices: devices.clone(),
                    dispatched_at: at,
                    times: AttemptTimes::default(),
                    pull: None,
                    stopping: None,
                    closed_at: None,
                    end: None,
                    gone_at: None,
                })
            }
            Change::AttemptMoved { number, to: AttemptState::Closed, .. } => {
                self.note_gone(*number, at);
            }
            Change::AttemptMoved { number, to, at: moved_at, pulled_at, .. } => {
                self.with_attempt(*number, |attempt| attempt.enter(*to, *moved_at, *pulled_at))
            }
            Change::AttemptStopping { number, reason, .. } => {
                self.with_attempt(*number, |attempt| attempt.stopping = Some(*reason));
            }
            Change::AttemptClosed { number, end, .. } => {
                self.artifacts.clone_from(&end.artifacts);
                // Values are kept once, with the task.
                let mut end = AttemptEnd::clone(end);
                self.values = std::mem::take(&mut end.values);
                self.with_attempt(*number, |attempt| {
                    attempt.state = AttemptState::Closed;
                    attempt.closed_at = Some(at);
                    attempt.times = end.times;
                    attempt.end = Some(end);
                });
            }
        }
    }

    fn ask(&mut self, question: Question, at: Timestamp) {
        self.approval = Some(Box::new(Approval::asked(question, at)));
        self.wait_reason = Some(format!("waiting for approval since {at}"));
    }

    fn wait_for(&mut self, child: Child) {
        self.wait_reason = Some(format!("waiting for {} of workflow {}", child.run, child.workflow));
        self.child = Some(Box::new(child));
    }

    fn take(&mut self, outputs: RunOutputs) {
        self.values = outputs.values;
        self.artifacts = outputs.artifacts.into_iter().map(|given| given.artifact).collect();
    }

    fn note_decision(&mut self, decision: &Decision, values: &Map<String, Value>) {
        if let Some(approval) = &mut self.approval {
            approval.decision = Some(decision.clone());
        }
        self.values.clone_from(values);
    }

    fn step(&mut self, to: TaskState, at: Timestamp) {
        self.state = to;
        if to == TaskState::Queued {
            match self.queued_at {
                None => self.queued_at = Some(at),
                Some(_) => self.ready_at = Some(at),
            }
        } else {
            self.wait_reason = None;
        }
        if to.is_terminal() {
            self.finished_at = Some(at);
        }
    }

    /// Nothing of an attempt runs any more. It may have been waited for.
    fn note_gone(&mut self, number: u32, at: Timestamp) {
        self.with_attempt(number, |attempt| attempt.gone_at = Some(at));
        if self.strays().next().is_none() {
            self.wait_reason = None;
        }
    }

    fn with_attempt(&mut self, number: u32, then: impl FnOnce(&mut Attempt)) {
        if let Some(attempt) = self.attempts.iter_mut().rev().find(|attempt| attempt.number == number) {
            then(attempt);
        }
    }
}

impl Change {
    /// The task that the change is about.
    pub fn task(&self) -> Option<&TaskKey> {
        match self {
            Change::Accepted(_)
            | Change::Run { .. }
            | Change::RunEnding { .. }
            | Change::OutputsGiven { .. }
            | Change::FannedOut { .. } => None,
            Change::Task { task, .. }
            | Change::TaskWaits { task, .. }
            | Change::TaskKeyed { task, .. }
            | Change::TaskTakenOver { task, .. }
            | Change::ApprovalAsked { task, .. }
            | Change::ApprovalDecided { task, .. }
            | Change::ChildRequested { task, .. }
            | Change::OutputsTaken { task, .. }
            | Change::AttemptOpened { task, .. }
            | Change::AttemptMoved { task, .. }
            | Change::AttemptStopping { task, .. }
            | Change::AttemptClosed { task, .. } => Some(task),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dispatched() -> Task {
        let key: TaskKey = "train".parse().unwrap();
        let project = ProjectName::new("default").unwrap();
        let mut task = Task::new(RunId::from_bits(1), project, key.clone(), 0);
        let opened = Change::AttemptOpened {
            task: key,
            number: 1,
            fence: 1,
            executor: ExecutorId::new("e1").unwrap(),
            pool: PoolName::new("default").unwrap(),
            journal: "j".to_owned(),
            resources: Resources::default(),
            devices: Vec::new(),
        };
        task.apply(&opened, 2, Timestamp(100));
        task
    }

    fn runs(task: &mut Task) {
        let (key, at, pulled_at) = (task.key.clone(), Timestamp(300), Some(Timestamp(200)));
        let moved = Change::AttemptMoved { task: key, number: 1, to: AttemptState::Running, at, pulled_at };
        task.apply(&moved, 3, Timestamp(310));
    }

    #[test]
    fn the_moment_when_the_image_was_there_is_known_while_the_program_runs() {
        let mut task = dispatched();
        runs(&mut task);
        let times = task.attempts[0].times;
        assert_eq!((times.pulled_at, times.started_at), (Some(Timestamp(200)), Some(Timestamp(300))));
    }

    #[test]
    fn a_pull_is_shown_of_an_attempt_that_is_prepared_and_of_no_other() {
        let pull = Some(ImagePull::of("debian:12"));
        let mut task = dispatched();
        assert!(task.show_pull(1, pull.clone()) && !task.show_pull(1, pull.clone()));
        assert!(!task.show_pull(2, pull.clone()), "an attempt that nobody knows");
        let mut newer = dispatched();
        newer.keep_pull_of(&task);
        assert_eq!(newer.attempts[0].pull, pull);
        assert!(newer.show_pull(1, None) && newer.attempts[0].pull.is_none());
        let mut running = dispatched();
        runs(&mut running);
        running.keep_pull_of(&task);
        assert!(running.attempts[0].pull.is_none() && !running.show_pull(1, pull));
    }
}
