//! A planner on paper: a few lines make a workflow, executors and time pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use emboflow_model::executor::{Disk, ExecutorState, Heartbeat, HeldAttempt};
use emboflow_model::state::{Cause, Outcome, Reason, RunState, TaskState};
use emboflow_model::transition::{Accepted, AttemptEnd, AttemptTimes};
use emboflow_model::workflow;
use emboflow_model::{AttemptId, LogEntry, Resources, Run, RunId, Task, TaskKey, Timestamp, Transition};
use emboflow_protocol::command::Command;
use emboflow_protocol::report::{Phase, Report};
use indexmap::IndexMap;
use serde_json::Map;

use super::shape::Shape;
use super::*;

const GIB: u64 = 1024 * 1024 * 1024;

/// The planner, its log, and the commands that nobody has answered yet.
pub(super) struct Paper {
    pub(super) planner: Planner,
    pub(super) log: Vec<LogEntry>,
    pub(super) now: Timestamp,
    pub(super) commands: Vec<Command>,
    /// Likewise questions about results.
    pub(super) questions: Vec<LookUp>,
    next_run: u128,
    /// Places of the log come after this one.
    first_place: u64,
    finished: BTreeMap<RunId, Run>,
}

impl Paper {
    pub(super) fn new() -> Self {
        let now = Timestamp(1_000_000);
        let mut planner = Planner::new(Policy::default(), 0, 0);
        planner.lead_since(Some(now));
        Self {
            planner,
            log: Vec::new(),
            now,
            commands: Vec::new(),
            questions: Vec::new(),
            next_run: 1,
            first_place: 0,
            finished: BTreeMap::new(),
        }
    }

    /// Runs to come have other ids.
    pub(super) fn skip_runs(&mut self, count: u128) {
        self.next_run += count;
    }

    /// With one executor of four cores.
    pub(super) fn with_executor() -> Self {
        let mut paper = Self::new();
        paper.beat("one", 4);
        paper
    }

    /// A heartbeat of an executor with this many cores that holds what it has been given.
    pub(super) fn beat(&mut self, executor: &str, cores: u64) {
        let beat = self.heartbeat(executor, cores);
        self.take(Input::Heartbeat(Box::new(beat)));
    }

    pub(super) fn heartbeat(&self, executor: &str, cores: u64) -> Heartbeat {
        let known = self.planner.executors.get(&executor.parse().unwrap());
        let held = known.into_iter().flat_map(|known| known.open.keys()).filter_map(|id| {
            let fence = self.planner.runs.get(&id.run)?.attempt(&id.task, id.number)?.fence;
            Some(HeldAttempt { attempt: id.clone(), fence })
        });
        Heartbeat {
            executor: executor.parse().unwrap(),
            pool: "default".parse().unwrap(),
            incarnation: "1".to_owned(),
            journal: format!("journal-of-{executor}"),
            state: ExecutorState::Online,
            capacity: Resources {
                cpu_millis: cores * 1000,
                memory_bytes: 64 * GIB,
                disk_bytes: 64 * GIB,
                gpu: 0,
            },
            used: Resources::default(),
            slots: 100,
            labels: BTreeMap::new(),
            taints: BTreeMap::new(),
            devices: Vec::new(),
            at_hand: Default::default(),
            fences: true,
            runtime: "paper".to_owned(),
            version: "0".to_owned(),
            attempts: held.collect(),
            disk: Disk::default(),
            sent_at: self.now,
        }
    }

    pub(super) fn take(&mut self, input: Input) -> Decisions {
        self.take_all(vec![input])
    }

    pub(super) fn take_all(&mut self, inputs: Vec<Input>) -> Decisions {
        let decisions = self.planner.step(inputs, self.now);
        self.keep(decisions)
    }

    fn keep(&mut self, decisions: Decisions) -> Decisions {
        for (before, entry) in (self.last_place()..).zip(&decisions.entries) {
            assert_eq!(entry.seq(), before + 1, "the log has no gaps");
        }
        self.log.extend(decisions.entries.iter().cloned());
        let effects = decisions.effects.iter().map(|(_, effect)| effect).chain(&decisions.unlogged);
        self.commands.extend(effects.filter_map(|effect| match effect {
            Effect::Command { command, .. } => Some(command.clone()),
            Effect::Publish(_) => None,
        }));
        self.questions.extend(decisions.look_ups.iter().cloned());
        self.check_folds(&decisions);
        decisions
    }

    /// What the planner holds is what any reader of the log would fold.
    fn check_folds(&mut self, decisions: &Decisions) {
        for summary in &decisions.runs {
            let run = Run::fold(self.history(summary.id)).unwrap().unwrap();
            assert_eq!(run.summary, *summary);
            if let Some(open) = self.planner.runs.get(&summary.id) {
                assert_eq!(run.tasks, open.run.tasks);
            }
            self.finished.insert(summary.id, run);
        }
    }

    pub(super) fn history(&self, run: RunId) -> Vec<&Transition> {
        let transitions = self.log.iter().filter_map(|entry| match entry {
            LogEntry::Transition(transition) => Some(transition),
            LogEntry::Rejection(_) => None,
        });
        transitions.filter(|transition| transition.run == run).collect()
    }

    pub(super) fn submit(&mut self, source: &str) -> RunId {
        let submission = self.submission(source);
        let run = submission.run;
        self.take(Input::Submit(Box::new(submission)));
        run
    }

    pub(super) fn submission(&mut self, source: &str) -> Submission {
        let workflow = workflow::parse(source).unwrap_or_else(|problems| panic!("{problems:#?}"));
        let inputs = workflow.resolve_inputs(&Map::new()).unwrap();
        let run = RunId::from_bits(self.next_run);
        self.next_run += 1;
        let accepted = Accepted {
            workflow: workflow.name.parse().unwrap(),
            digest: workflow.digest.clone(),
            source: source.into(),
            tasks: workflow.layout(&inputs).unwrap().graph.to_vec(),
            inputs,
            labels: IndexMap::new(),
            key: run.to_string(),
            body_sha256: String::new(),
            trace_id: "0".repeat(32),
            recovered_from: None,
            parent: None,
            workflows: Default::default(),
            queue: emboflow_model::QueueName::default(),
            fairness_key: None,
            uploads: emboflow_model::upload::Pins::new(),
            anew: emboflow_model::Anew::default(),
        };
        Submission { run, project: "default".parse().unwrap(), workflow: Arc::new(workflow), accepted }
    }

    /// Time passes; timers fire, each at its moment.
    pub(super) fn pass_ms(&mut self, ms: u64) {
        let until = self.now.plus_ms(ms);
        while let Some(next) = self.planner.next_timer().filter(|next| *next <= until) {
            self.now = next.max(self.now);
            self.be_away_ms(0);
        }
        self.now = until;
        self.be_away_ms(0);
    }

    /// Time passes in which the planner is not asked; then it is.
    pub(super) fn be_away_ms(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
        let decisions = self.planner.step(Vec::new(), self.now);
        self.keep(decisions);
    }

    /// The executor of a task's open attempt says how it ended.
    pub(super) fn end(&mut self, run: RunId, task: &str, end: AttemptEnd) {
        let (id, fence, executor) = self.open_attempt(run, task);
        let report = Report { attempt: id, fence, phase: Phase::Ended { end: Box::new(end) } };
        self.take(Input::Report { executor, report });
    }

    pub(super) fn succeed(&mut self, run: RunId, task: &str) {
        self.end(run, task, ended(Outcome::Succeeded, Cause::User, None));
    }

    pub(super) fn fail(&mut self, run: RunId, task: &str) {
        self.end(run, task, ended(Outcome::Failed, Cause::User, Some(Reason::ExitCode)));
    }

    pub(super) fn open_attempt(&self, run: RunId, task: &str) -> (AttemptId, u64, ExecutorId) {
        let key: TaskKey = task.parse().unwrap();
        let attempt =
            self.task(run, task).open_attempt().unwrap_or_else(|| panic!("{task} has no open attempt"));
        (AttemptId { run, task: key, number: attempt.number }, attempt.fence, attempt.executor.clone())
    }

    pub(super) fn run(&self, run: RunId) -> &Run {
        self.finished.get(&run).expect("the run was decided on")
    }

    pub(super) fn task(&self, run: RunId, task: &str) -> &Task {
        self.run(run).tasks.get(&task.parse::<TaskKey>().unwrap()).unwrap_or_else(|| panic!("no task {task}"))
    }

    pub(super) fn state(&self, run: RunId) -> RunState {
        self.run(run).summary.state
    }

    pub(super) fn states(&self, run: RunId) -> String {
        let states = self.run(run).tasks.values().map(|task| format!("{}={}", task.key, task.state));
        states.collect::<Vec<_>>().join(" ")
    }

    pub(super) fn task_state(&self, run: RunId, task: &str) -> TaskState {
        self.task(run, task).state
    }

    /// The planner dies; a new one is built from the log alone.
    pub(super) fn restart(&mut self) {
        self.restart_after(self.last_place());
    }

    /// Everything is lost; what the log holds comes back from a backup.
    pub(super) fn restore_from_backup(&mut self) {
        self.first_place = emboflow_model::epoch::restored_after(self.last_place());
        self.restart_after(self.first_place);
    }

    /// The end of the log is not in the backup.
    pub(super) fn forget_entries_from(&mut self, index: usize) {
        self.log.truncate(index);
        self.finished.clear();
        let runs: std::collections::BTreeSet<RunId> = self.log.iter().filter_map(run_of).collect();
        for run in runs {
            let folded = Run::fold(self.history(run)).unwrap().unwrap();
            self.finished.insert(run, folded);
        }
    }

    fn last_place(&self) -> u64 {
        self.log.last().map_or(0, LogEntry::seq).max(self.first_place)
    }

    fn restart_after(&mut self, seq: u64) {
        let mut planner = Planner::new(Policy::default(), 0, seq);
        for run in self.finished.values().filter(|run| !run.summary.state.is_terminal()) {
            let source = self.history(run.summary.id)[0];
            let source = &emboflow_model::run::accepted(source).unwrap().source;
            let workflow = Arc::new(workflow::parse(source).unwrap());
            planner.restore(OpenRun::new(run.clone(), workflow).unwrap(), self.now);
        }
        planner.lead_since(Some(self.now));
        self.planner = planner;
        self.commands.clear();
        self.questions.clear();
    }
}

fn run_of(entry: &LogEntry) -> Option<RunId> {
    match entry {
        LogEntry::Transition(transition) => Some(transition.run),
        LogEntry::Rejection(_) => None,
    }
}

/// A shape that asks for nothing.
pub(super) fn plain_shape() -> Shape {
    Shape {
        pool: "default".parse().unwrap(),
        resources: Resources::default(),
        labels: BTreeMap::new(),
        tolerations: BTreeSet::new(),
        gpu_model: None,
        spread: None,
        apart: None,
        gang: None,
        run_ms: None,
        preemptible: false,
        class: Default::default(),
    }
}

pub(super) fn ended(outcome: Outcome, cause: Cause, reason: Option<Reason>) -> AttemptEnd {
    AttemptEnd {
        outcome,
        cause,
        reason,
        message: None,
        exit_code: None,
        times: AttemptTimes::default(),
        log: None,
        artifacts: Vec::new(),
        values: serde_json::Map::new(),
        image_digest: None,
        unseen: false,
    }
}
