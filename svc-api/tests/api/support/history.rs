//! Histories of runs, decision by decision.

use std::sync::Arc;

use emboflow_model::name::TaskName;
use emboflow_model::object_key::attempt_prefix;
use emboflow_model::transition::{Accepted, AttemptEnd, AttemptTimes, PlannedSpec};
use emboflow_model::workflow::digest;
use emboflow_model::{
    ArtifactSummary, AttemptId, Cause, Change, ExecutorId, LogEntry, LogSeal, Outcome, PoolName, ProjectName,
    Rejection, Resources, Run, RunId, RunState, TaskKey, TaskState, Timestamp, Transition, WorkflowName,
};
use emboflow_protocol::FieldError;
use emboflow_protocol::event::Event;
use sha2::{Digest, Sha256};

/// The shard's log as it grows, and the runs in it.
pub(crate) struct History {
    seq: u64,
    runs: u128,
    at: i64,
}

impl History {
    pub(crate) fn new() -> Self {
        Self { seq: 0, runs: 1, at: 1_795_266_000_000 }
    }

    /// The acceptance of a run with these tasks; a name with a number behind it is a fan-out.
    pub(crate) fn accept(
        &mut self,
        project: &str,
        key: &str,
        body: &[u8],
        tasks: &[(&str, Option<u32>)],
    ) -> Transition {
        let tasks = tasks.iter().map(|(name, fan_out)| PlannedSpec {
            name: TaskName::new(name).unwrap(),
            fan_out: *fan_out,
            dynamic: false,
            needs: Vec::new(),
            finally: None,
        });
        let source = "version: 1\nname: digits\n";
        let accepted = Accepted {
            workflow: WorkflowName::new("digits").unwrap(),
            digest: digest(source),
            source: Arc::from(source),
            inputs: serde_json::Map::new(),
            labels: [("team".to_owned(), "vision".to_owned())].into_iter().collect(),
            key: key.to_owned(),
            body_sha256: hex::encode(Sha256::digest(body)),
            trace_id: "0123456789abcdef0123456789abcdef".to_owned(),
            recovered_from: None,
            parent: None,
            workflows: Default::default(),
            queue: emboflow_model::QueueName::default(),
            fairness_key: None,
            uploads: emboflow_model::upload::Pins::new(),
            anew: emboflow_model::Anew::default(),
            tasks: tasks.collect(),
        };
        self.runs += 1;
        let run = RunId::from_bits(self.runs);
        self.seq += 1;
        self.at += 1_000;
        Transition {
            shard: 0,
            seq: self.seq,
            run,
            project: ProjectName::new(project).unwrap(),
            number: 1,
            at: Timestamp(self.at),
            changes: vec![Change::Accepted(Box::new(accepted))],
        }
    }

    /// The next decision on the run of another one.
    pub(crate) fn next(&mut self, before: &Transition, changes: Vec<Change>) -> Transition {
        self.seq += 1;
        self.at += 1_000;
        Transition {
            seq: self.seq,
            number: before.number + 1,
            at: Timestamp(self.at),
            changes,
            ..before.clone()
        }
    }

    /// A refused request.
    pub(crate) fn reject(&mut self, key: &str, body: &[u8], errors: &[FieldError]) -> LogEntry {
        self.seq += 1;
        LogEntry::Rejection(Rejection {
            shard: 0,
            seq: self.seq,
            at: Timestamp(self.at),
            project: ProjectName::new("default").unwrap(),
            key: key.to_owned(),
            body_sha256: hex::encode(Sha256::digest(body)),
            errors: errors.iter().map(|error| serde_json::to_value(error).unwrap()).collect(),
        })
    }

    /// A task is ready and the first attempt of it is given to an executor.
    pub(crate) fn dispatch(&mut self, before: &Transition, task: &str) -> Transition {
        let task: TaskKey = task.parse().unwrap();
        let changes = vec![
            Change::Run { from: RunState::Queued, to: RunState::Running, reason: None },
            step(&task, TaskState::Waiting, TaskState::Queued),
            step(&task, TaskState::Queued, TaskState::Active),
            Change::AttemptOpened {
                task,
                number: 1,
                fence: 7,
                executor: ExecutorId::new("e1").unwrap(),
                journal: "j".to_owned(),
                pool: PoolName::new("default").unwrap(),
                resources: Resources::default(),
                devices: Vec::new(),
            },
        ];
        self.next(before, changes)
    }

    /// The first attempt of a task ended well, and with it the run.
    pub(crate) fn succeed(&mut self, before: &Transition, task: &str, end: AttemptEnd) -> Transition {
        let task: TaskKey = task.parse().unwrap();
        let changes = vec![
            Change::AttemptClosed { task: task.clone(), number: 1, end: Box::new(end) },
            step(&task, TaskState::Active, TaskState::Succeeded),
            Change::Run { from: RunState::Running, to: RunState::Succeeded, reason: None },
        ];
        self.next(before, changes)
    }
}

/// A step of a task.
fn step(task: &TaskKey, from: TaskState, to: TaskState) -> Change {
    Change::Task { task: task.clone(), from, to, reason: None, message: None, retry_at: None }
}

/// The event of the last of these decisions on one run.
pub(crate) fn event(history: &[&Transition]) -> Event {
    let run: Run = Run::fold(history.iter().copied()).unwrap().unwrap();
    Event::of(history.last().unwrap(), &run)
}

/// The prefix of a task's first attempt.
pub(crate) fn prefix(transition: &Transition, task: &str) -> String {
    let attempt = AttemptId { run: transition.run, task: task.parse().unwrap(), number: 1 };
    attempt_prefix(&transition.project, &attempt)
}

/// A sealed log.
pub(crate) fn seal(prefix: &str, size_bytes: u64) -> LogSeal {
    LogSeal { prefix: prefix.to_owned(), size_bytes, lines: 1, sha256: String::new(), truncated: None }
}

/// An attempt that ended well.
pub(crate) fn attempt_end(log: Option<LogSeal>, artifacts: Vec<ArtifactSummary>) -> AttemptEnd {
    AttemptEnd {
        outcome: Outcome::Succeeded,
        cause: Cause::User,
        reason: None,
        message: None,
        exit_code: Some(0),
        times: AttemptTimes::default(),
        log,
        artifacts,
        values: serde_json::Map::new(),
        image_digest: None,
        unseen: false,
    }
}
