//! The planner: every decision about runs, as pure functions.
//!
//! `step(inputs, now)` changes the plan's state and gives the entries for the decision log and what is to be done once
//! they are in the records. No await, clock, lock, randomness or client inside: the same inputs give the same bytes.

mod admission;
mod advance;
mod aging;
mod allocation;
mod approval;
#[cfg(test)]
mod approval_tests;
#[cfg(any(test, feature = "simulation"))]
mod audit;
mod backoff;
mod cancel;
mod child;
#[cfg(test)]
mod child_tests;
mod copy;
mod cordon;
mod dispatch;
mod effect;
mod epoch;
mod exclusive;
#[cfg(test)]
mod exclusive_tests;
mod executors;
mod exit_codes;
mod explain;
mod fan_out;
mod finally;
mod fit;
mod forget;
mod gang;
mod gates;
mod hearing;
mod input;
mod limits;
mod open_run;
mod order;
mod outputs;
mod policy;
mod position;
mod preempt;
mod queues;
mod quota;
mod ready;
mod recover;
mod report;
mod reservation;
mod results;
mod runs;
mod score;
mod shape;
mod step;
mod strays;
mod submit;
mod timers;
mod turns;
mod unit;
mod uploads;
mod values;

#[cfg(test)]
mod cordon_tests;
#[cfg(test)]
mod exit_code_tests;
#[cfg(test)]
mod fairness_tests;
#[cfg(test)]
mod fan_out_tests;
#[cfg(test)]
mod finally_tests;
#[cfg(test)]
mod forecast_tests;
#[cfg(test)]
mod gang_tests;
#[cfg(test)]
mod gate_tests;
#[cfg(test)]
mod limit_tests;
#[cfg(test)]
mod maintenance_tests;
#[cfg(test)]
mod odd_tests;
#[cfg(test)]
mod output_tests;
#[cfg(test)]
mod placement_tests;
#[cfg(test)]
mod position_tests;
#[cfg(test)]
mod preempt_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod recover_tests;
#[cfg(test)]
mod results_tests;
#[cfg(test)]
mod strays_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod values_tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use emboflow_model::queue::Amount;
use emboflow_model::runtime_spec::SecretUse;
use emboflow_model::state::AttemptState;
use emboflow_model::{AttemptId, ExecutorId, PoolName, ProjectName, RunId, Task, TaskKey, Timestamp};
use emboflow_protocol::call::{Claim, TaskWait};

pub(crate) use approval::{Judged, judge};
pub(crate) use child::Wanted;
pub(crate) use cordon::Cordons;
pub(crate) use effect::{Effect, EffectKind, effects_of};
pub(crate) use explain::WaitKind;
pub(crate) use input::{ChildFound, Deciding, Input, RunCommand, Submission};
pub(crate) use open_run::OpenRun;
pub use policy::Policy;
pub(crate) use queues::{QueueRules, QueueUse};
pub(crate) use quota::ProjectQuotas;
pub(crate) use results::{LookUp, LookedUp};
pub(crate) use step::Decisions;

use allocation::Allocations;
use approval::OpenApprovals;
use executors::KnownExecutor;
use gates::Gates;
use hearing::Hearing;
use queues::{QueueBook, Said};
use quota::{Census, QuotaBook};
use ready::ReadyQueue;
use reservation::Reservations;
use results::Questions;
use runs::Runs;
use step::Step;
use timers::Timers;

/// Everything that one shard has open. All of it is derived from the decision log and from heartbeats. A copy goes its own
/// way from then on.
#[derive(Clone)]
pub(crate) struct Planner {
    policy: Policy,
    shard: u32,
    /// Place of the last entry in the decision log.
    seq: u64,
    runs: Runs,
    executors: BTreeMap<ExecutorId, KnownExecutor>,
    /// Those that have been heard of, by pool.
    pools: BTreeMap<PoolName, BTreeSet<ExecutorId>>,
    /// Room that is kept for whoever waits for much of it.
    reservations: Reservations,
    ready: ReadyQueue,
    timers: Timers,
    last_step: Timestamp,
    /// Finished runs that are being removed.
    removing: HashSet<RunId>,
    quotas: QuotaBook,
    queues: QueueBook,
    /// The open runs of each project.
    census: Census,
    allocations: Allocations,
    /// All that the executors have together.
    total: Amount,
    gates: Gates,
    /// What waits for people.
    approvals: OpenApprovals,
    /// What waits to know whether its result is there already.
    questions: Questions,
    hearing: Hearing,
    /// Why nothing is started now.
    maintenance: Option<String>,
    /// And in single pools.
    pool_maintenance: BTreeMap<PoolName, String>,
    /// Who is given no work.
    cordons: Cordons,
    /// Attempts from before a restore, until the first step ends them.
    left_behind: Vec<AttemptId>,
    /// Since when no other scheduler can have let an exclusive attempt go on; none: another one may.
    leads_since: Option<Timestamp>,
    /// It is a copy that goes on by itself: nobody tells it what tasks give.
    is_alone: bool,
}

/// What a granted claim may reach.
pub(crate) struct Grant {
    pub(crate) project: ProjectName,
    pub(crate) read_prefixes: Vec<String>,
    pub(crate) secrets: Vec<SecretUse>,
    /// For how many milliseconds from the sending of the claim, if the attempt is exclusive.
    pub(crate) good_for_ms: Option<u64>,
}

impl Planner {
    /// A planner that continues the log after `seq`.
    pub(crate) fn new(policy: Policy, shard: u32, seq: u64) -> Self {
        Self {
            policy,
            shard,
            seq,
            runs: Runs::default(),
            executors: BTreeMap::new(),
            pools: BTreeMap::new(),
            reservations: Reservations::default(),
            ready: ReadyQueue::default(),
            timers: Timers::default(),
            last_step: Timestamp(0),
            removing: HashSet::new(),
            quotas: QuotaBook::default(),
            queues: QueueBook::default(),
            census: Census::default(),
            allocations: Allocations::default(),
            total: Amount::default(),
            gates: Gates::default(),
            approvals: OpenApprovals::default(),
            questions: Questions::default(),
            maintenance: None,
            hearing: Hearing::default(),
            pool_maintenance: BTreeMap::new(),
            cordons: Cordons::new(),
            left_behind: Vec::new(),
            leads_since: None,
            is_alone: false,
        }
    }

    /// Takes a run back that was open when the log ended.
    pub(crate) fn restore(&mut self, run: OpenRun, now: Timestamp) {
        let id = run.id();
        let left_behind = epoch::left_behind(&run, self.seq);
        if !left_behind.is_empty() {
            self.left_behind.extend(left_behind);
            // They are ended at once, whoever is heard of first.
            self.timers.set(now, timers::Timer::Place);
        }
        self.census.note(&run.run.summary);
        self.approvals.take_back(&run);
        self.runs.insert(id, run);
        let mut step = Step::begin(self, now);
        step.resume_run(id);
    }

    /// Decides on all inputs, then places what is ready.
    pub(crate) fn step(&mut self, inputs: Vec<Input>, now: Timestamp) -> Decisions {
        self.excuse_own_absence(now);
        let mut step = Step::begin(self, now);
        step.lose_what_was_left_behind();
        for input in inputs {
            step.take(input);
        }
        step.fire_timers();
        step.place();
        step.end_overdue_waits();
        step.seal()
    }

    /// When [`Planner::step`] must be called again even without an input.
    pub(crate) fn next_timer(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// Place of the last entry in the decision log.
    pub(crate) fn last_seq(&self) -> u64 {
        self.seq
    }

    /// A run that is open.
    pub(crate) fn run(&self, run: RunId) -> Option<&OpenRun> {
        self.runs.get(&run)
    }

    /// Runs that are open.
    pub(crate) fn open_runs(&self) -> usize {
        self.runs.len()
    }

    /// Tasks that are ready and have no executor.
    pub(crate) fn queued_tasks(&self) -> usize {
        self.ready.len()
    }

    /// May the asking executor start this attempt, or go on with it? The error says why not.
    pub(crate) fn claim(&self, claim: &Claim) -> Result<Grant, String> {
        let AttemptId { run, task, number } = &claim.attempt;
        let open = self.runs.get(run).ok_or_else(|| format!("{run} is not open"))?;
        let found = open.run.tasks.get(task).ok_or_else(|| format!("{run} has no task {task}"))?;
        let attempt = found.open_attempt().ok_or_else(|| format!("{task} has no open attempt"))?;
        if attempt.number != *number || attempt.fence != claim.fence || attempt.executor != claim.executor {
            return Err(format!("the open attempt is number {} on {}", attempt.number, attempt.executor));
        }
        // Or a command that comes again would start a second container beside what the first one did.
        if claim.journal.as_ref().is_some_and(|journal| *journal != attempt.journal) {
            return Err("the attempt was given to another data directory of this executor".to_owned());
        }
        // One that has begun still has a log to store; whether it has, its executor may know before its report is here.
        let has_begun = claim.again || attempt.state != AttemptState::Dispatched;
        if attempt.stopping.is_some() && !has_begun {
            return Err("the attempt is to be stopped".to_owned());
        }
        Ok(Grant {
            project: open.run.summary.project.clone(),
            read_prefixes: open.input_prefixes(task),
            secrets: open.workflow.secrets(task.name.as_str()),
            good_for_ms: self.good_for_ms(open, task),
        })
    }

    /// Why the waiting tasks of a run wait, now; 1,000 entries at most.
    pub(crate) fn explain(&self, run: RunId, now: Timestamp) -> Vec<TaskWait> {
        let Some(open) = self.runs.get(&run) else { return Vec::new() };
        let mut said = Said::default();
        let waits = open.run.tasks.values().filter_map(|task| self.wait(open, task, &mut said, now));
        waits.take(1_000).collect()
    }

    /// Why one task waits; none when it does not.
    pub(crate) fn wait_of(&self, run: RunId, task: &TaskKey, now: Timestamp) -> Option<TaskWait> {
        let open = self.runs.get(&run)?;
        self.wait(open, open.run.tasks.get(task)?, &mut Said::default(), now)
    }

    fn wait(&self, open: &OpenRun, task: &Task, said: &mut Said, now: Timestamp) -> Option<TaskWait> {
        let wait_reason = self.wait_reason(open, task, said, now)?;
        let wait_reason = open.with_limit(&task.key, wait_reason);
        Some(TaskWait { task: task.key.clone(), state: Some(task.state), wait_reason })
    }

    /// Tasks that wait for the same thing in a lane share the reason.
    fn wait_reason(&self, open: &OpenRun, task: &Task, said: &mut Said, now: Timestamp) -> Option<String> {
        if let Some(reason) = self.wait_before_lane(open, task) {
            return Some(reason);
        }
        let lane = self.ready.lane_of(&(open.id(), open.stands_as(&task.key)))?;
        let project = &open.run.summary.project;
        Some(said.once(lane, project, || self.explain_lane(lane, project, now).1))
    }

    /// How many ready tasks wait for what.
    pub(crate) fn waiting(&self, now: Timestamp) -> impl Iterator<Item = (WaitKind, usize)> {
        let in_lanes = self.ready.lanes().map(move |(lane, tasks, _)| {
            let kind =
                self.ready.projects(lane).next().map(|project| self.explain_lane(lane, project, now).0);
            (kind.unwrap_or(WaitKind::Busy), tasks)
        });
        in_lanes.chain([(WaitKind::Key, self.gates.waiting())])
    }
}
