//! Logs to write: runs with tasks that move on.

use std::collections::HashMap;
use std::sync::Arc;

use emboflow_model::child::Parent;
use emboflow_model::transition::{Accepted, AttemptEnd, AttemptTimes, PlannedSpec};
use emboflow_model::{
    ArtifactSummary, Cause, Change, ExecutorId, LogEntry, Outcome, PoolName, ProjectName, Rejection,
    Resources, RunId, RunState, TaskKey, TaskState, Timestamp, Transition, WorkflowName,
};
use indexmap::IndexMap;
use serde_json::{Map, json};

pub(crate) fn project(name: &str) -> ProjectName {
    ProjectName::new(name).unwrap()
}

pub(crate) fn run_id(number: u128) -> RunId {
    RunId::from_bits((7 << 100) + number)
}

pub(crate) fn key(text: &str) -> TaskKey {
    text.parse().unwrap()
}

/// What a sample run is like.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) project: &'static str,
    pub(crate) workflow: &'static str,
    pub(crate) labels: Vec<(&'static str, &'static str)>,
    /// Tasks of its one fan-out `train`, which follows the single task `prepare`.
    pub(crate) fan_out: u32,
    /// It is known later how many those are.
    pub(crate) dynamic: bool,
    /// The run whose tasks it repeats.
    pub(crate) repeats: Option<RunId>,
    /// The run whose task `prepare` it carries out.
    pub(crate) parent: Option<RunId>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            project: "default",
            workflow: "digits",
            labels: Vec::new(),
            fan_out: 2,
            dynamic: false,
            repeats: None,
            parent: None,
        }
    }
}

/// Makes the entries of one shard's log, each a second after the one before.
pub(crate) struct Log {
    shard: u32,
    pub(crate) seq: u64,
    pub(crate) now: Timestamp,
    numbers: HashMap<RunId, (u64, ProjectName)>,
}

impl Log {
    pub(crate) fn new(shard: u32) -> Self {
        Self { shard, seq: 0, now: Timestamp(1_795_266_000_123), numbers: HashMap::new() }
    }

    pub(crate) fn accept(&mut self, run: RunId, shape: &Shape) -> Arc<LogEntry> {
        let labels: IndexMap<_, _> =
            shape.labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let needs = vec!["prepare".parse().unwrap()];
        let accepted = Accepted {
            workflow: WorkflowName::new(shape.workflow).unwrap(),
            digest: "sha256:00".to_owned(),
            source: "name: digits # ünïcode, \"quotes\" and \u{0}".into(),
            inputs: Map::from_iter([("folds".to_owned(), json!(3.5))]),
            labels,
            key: format!("key of {run}"),
            body_sha256: "ab".repeat(32),
            trace_id: "0af7651916cd43dd8448eb211c80319c".to_owned(),
            recovered_from: shape.repeats,
            parent: shape.parent.map(|run| Parent { run, task: key("prepare"), depth: 1 }),
            workflows: Default::default(),
            queue: emboflow_model::QueueName::default(),
            fairness_key: None,
            uploads: emboflow_model::upload::Pins::new(),
            anew: emboflow_model::Anew::default(),
            tasks: vec![
                PlannedSpec {
                    name: "prepare".parse().unwrap(),
                    fan_out: None,
                    dynamic: false,
                    needs: Vec::new(),
                    finally: None,
                },
                PlannedSpec {
                    name: "train".parse().unwrap(),
                    fan_out: (!shape.dynamic).then_some(shape.fan_out),
                    dynamic: shape.dynamic,
                    needs,
                    finally: None,
                },
            ],
        };
        self.numbers.insert(run, (0, project(shape.project)));
        self.change(
            run,
            vec![
                Change::Accepted(Box::new(accepted)),
                task("prepare", TaskState::Waiting, TaskState::Queued),
            ],
        )
    }

    pub(crate) fn change(&mut self, run: RunId, changes: Vec<Change>) -> Arc<LogEntry> {
        self.seq += 1;
        self.now = self.now.plus_ms(1000);
        let (number, project) = self.numbers.get_mut(&run).unwrap();
        *number += 1;
        Arc::new(LogEntry::Transition(Transition {
            shard: self.shard,
            seq: self.seq,
            run,
            project: project.clone(),
            number: *number,
            at: self.now,
            changes,
        }))
    }

    pub(crate) fn reject(&mut self, key: &str) -> Arc<LogEntry> {
        self.seq += 1;
        self.now = self.now.plus_ms(1000);
        Arc::new(LogEntry::Rejection(Rejection {
            shard: self.shard,
            seq: self.seq,
            at: self.now,
            project: project("default"),
            key: key.to_owned(),
            body_sha256: "cd".repeat(32),
            errors: vec![json!({ "code": "workflow.cycle", "message": "a → b → a" })],
        }))
    }

    /// A whole run from accepted to ended, in six entries.
    pub(crate) fn whole_run(&mut self, run: RunId, shape: &Shape, end: RunState) -> Vec<Arc<LogEntry>> {
        let (queued, active, done) = (TaskState::Queued, TaskState::Active, TaskState::Succeeded);
        let mut entries = vec![self.accept(run, shape)];
        let start = step(RunState::Queued, RunState::Running);
        entries.push(self.change(run, vec![start, task("prepare", queued, active), opened("prepare", 1)]));
        entries.push(self.change(run, vec![closed("prepare", 1), task("prepare", active, done)]));
        for index in 0..shape.fan_out.min(2) {
            let name = format!("train[{index}]");
            let moved =
                vec![task(&name, TaskState::Waiting, queued), task(&name, queued, active), opened(&name, 1)];
            entries.push(self.change(run, moved));
        }
        entries.push(self.change(run, vec![step(RunState::Running, end)]));
        entries
    }
}

pub(crate) fn step(from: RunState, to: RunState) -> Change {
    Change::Run { from, to, reason: None }
}

pub(crate) fn task(name: &str, from: TaskState, to: TaskState) -> Change {
    Change::Task { task: key(name), from, to, reason: None, message: None, retry_at: None }
}

pub(crate) fn opened(name: &str, number: u32) -> Change {
    Change::AttemptOpened {
        task: key(name),
        number,
        fence: 9_007_199_254_740_993,
        executor: ExecutorId::new("worker-1").unwrap(),
        pool: PoolName::new("default").unwrap(),
        journal: "j1".to_owned(),
        resources: Resources { cpu_millis: 1000, memory_bytes: 1 << 40, disk_bytes: 0, gpu: 0 },
        devices: Vec::new(),
    }
}

pub(crate) fn closed(name: &str, number: u32) -> Change {
    let artifact = ArtifactSummary {
        name: "model".to_owned(),
        stored_as: None,
        prefix: "p/".to_owned(),
        files: 1,
        size_bytes: 12,
        manifest_sha256: "ef".repeat(32),
        directory: false,
        preview: true,
    };
    let end = AttemptEnd {
        outcome: Outcome::Succeeded,
        cause: Cause::User,
        reason: None,
        message: None,
        exit_code: Some(0),
        times: AttemptTimes::default(),
        log: None,
        artifacts: vec![artifact],
        values: serde_json::Map::new(),
        image_digest: None,
        unseen: false,
    };
    Change::AttemptClosed { task: key(name), number, end: Box::new(end) }
}
