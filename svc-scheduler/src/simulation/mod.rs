//! Deterministic simulation: the shipped planner and driver in a world of which every message, every answer, every
//! moment and every fault comes from one seed. `docs/simulation.md` says what is modelled and what is not.

mod attempt;
mod audit;
mod batches;
mod client;
mod dice;
mod executor;
mod fault;
mod fencing;
mod foretold;
mod judge;
mod load;
mod nemesis;
mod people;
mod plan;
mod post;
mod records;
mod runner;
mod sabotage;
mod scheduler;
mod stage;
mod store;
#[cfg(test)]
mod tests;
mod trace;
mod witness;
mod workload;

use std::collections::BTreeMap;

use emboflow_model::access::{Project, Quotas};
use emboflow_model::cordon::{Cordon, Drain};
use emboflow_model::maintenance::Maintenance;
use emboflow_model::{ProjectName, Timestamp};

use executor::Executor;
use load::Load;
use runner::Runner;
use scheduler::Process;
use stage::{Shared, Stage};

pub use foretold::judge_forecasts;
pub use plan::Plan;
pub use sabotage::Sabotage;

/// How often it is looked whether all is at rest.
const LOOKS_EACH_MS: u64 = 200;

/// What a simulation came to.
#[derive(Debug)]
pub struct Outcome {
    /// The promise that was broken.
    pub failure: Option<String>,
    /// A hash of everything that happened, in its order.
    pub trace_hash: u64,
    /// The last things that happened.
    pub trace: Vec<String>,
    /// How often what happened.
    pub counted: BTreeMap<&'static str, u64>,
    /// Simulated milliseconds.
    pub took_ms: u64,
}

/// Carries a plan out.
pub fn simulate(plan: Plan) -> Outcome {
    Simulation::begin(plan).run()
}

/// A simulation under way.
pub(crate) struct Simulation {
    shared: Shared,
    runner: Runner,
}

impl Simulation {
    pub(crate) fn begin(plan: Plan) -> Self {
        let mut stage = Stage::new(plan);
        stage.schedulers.push(Process::new());
        for index in 0..stage.plan.executors as usize {
            let slots = stage.slots_by_lot();
            stage.executors.push(Executor::new(index, slots));
        }
        stage.limit_project();
        let shared = Shared::new(stage);
        {
            let mut stage = shared.stage();
            stage.start_scheduler(0);
            for index in 0..stage.executors.len() {
                stage.start_executor(index);
            }
            stage.keep_copies();
            if stage.plan.has_clients {
                stage.limit_queues();
                stage.open_the_doors();
                stage.let_trouble_come();
            }
            if let Some(load) = stage.plan.load {
                stage.open_the_gates(load);
                stage.let_little_trouble_come();
            }
        }
        let runner = Runner::new(shared.clone());
        Self { shared, runner }
    }

    /// Trouble first, then everything must come to rest.
    pub(crate) fn run(mut self) -> Outcome {
        let Plan { trouble_ms, load, .. } = self.shared.stage().plan;
        match load {
            Some(Load::Burst) => self.foretell(),
            Some(Load::Shares) => self.compare_shares(),
            _ => self.pass_ms(trouble_ms),
        }
        self.come_to_rest();
        self.outcome()
    }

    /// Lets so much be decided that shares can be compared.
    fn compare_shares(&mut self) {
        let until = self.shared.stage().plan.trouble_ms;
        self.runner.run_until(|stage| stage.demand.is_over || stage.now > until);
        let mut stage = self.shared.stage();
        if !stage.demand.is_over {
            stage.fail(format!("I21: too little was decided in {until} ms"));
        }
    }

    /// Lets so much time pass.
    pub(crate) fn pass_ms(&mut self, ms: u64) {
        let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let rings = over.clone();
        self.shared.stage().after(ms, move |_| rings.store(true, std::sync::atomic::Ordering::Relaxed));
        self.runner.run_until(|_| over.load(std::sync::atomic::Ordering::Relaxed));
    }

    /// All faults end; everything is over within the plan's time, or that is a broken promise too.
    pub(crate) fn come_to_rest(&mut self) {
        if self.shared.stage().failure().is_some() {
            return;
        }
        self.shared.stage().heal();
        let deadline = {
            let stage = self.shared.stage();
            stage.now + stage.plan.heals_within_ms
        };
        let mut looked_at = 0;
        self.runner.run_until(|stage| {
            if stage.now < looked_at + LOOKS_EACH_MS {
                return false;
            }
            looked_at = stage.now;
            stage.now > deadline || stage.unrest().is_none()
        });
        let mut stage = self.shared.stage();
        match stage.unrest() {
            Some(why) => stage.fail(format!("not at rest: {why}")),
            None => stage.judge_rest(),
        }
    }

    fn outcome(self) -> Outcome {
        let stage = self.shared.stage();
        Outcome {
            failure: stage.failure().map(str::to_owned),
            trace_hash: stage.trace_hash(),
            trace: stage.last_lines(),
            counted: stage.counted.clone(),
            took_ms: stage.now,
        }
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        // The stage holds itself.
        self.shared.stage().let_go();
    }
}

impl Stage {
    /// Under load there is room for the parts of several parties.
    fn slots_by_lot(&mut self) -> u32 {
        let (least, most) = match self.plan.load {
            // One task is little of it.
            Some(Load::Shares) => (32, 48),
            Some(Load::Stream) => (4, 7),
            _ => (2, 4),
        };
        self.dice.between(least, most) as u32
    }

    /// One project may have few open runs.
    fn limit_project(&mut self) {
        let quotas = Quotas { open_runs: Some(judge::SMALL_OPEN_RUNS as u64), ..Quotas::default() };
        self.keep_project(client::project("small"), quotas);
    }

    /// Some queues may hold little.
    fn limit_queues(&mut self) {
        for (name, rules) in workload::LIMITED_QUEUES {
            self.keep_queue(name, rules);
        }
    }

    /// There is such a project.
    fn keep_project(&mut self, name: ProjectName, quotas: Quotas) {
        let key = ("project".to_owned(), String::new(), name.to_string());
        let project = Project { name, description: None, quotas, created_at: Timestamp(0) };
        self.store.kept.insert(key, (1, serde_json::to_string(&project).unwrap_or_default()));
    }

    /// An operator begins maintenance, or ends it.
    fn set_maintenance(&mut self, is_on: bool) {
        let key = (Maintenance::KIND.to_owned(), String::new(), Maintenance::NAME.to_owned());
        if is_on {
            let at = Timestamp(self.wall_ms());
            let document = Maintenance { reason: "disks".to_owned(), since: at, by: "operator".to_owned() };
            self.store.kept.insert(key, (1, serde_json::to_string(&document).unwrap_or_default()));
        } else {
            self.store.kept.remove(&key);
        }
        self.note_kept_away(None, is_on);
        self.notify(Maintenance::KIND);
    }

    /// An operator keeps work away from an executor; drained, what is open there is stopped at once.
    fn cordon(&mut self, executor: usize, is_drained: bool) {
        let since = Timestamp(self.wall_ms());
        let drain = is_drained.then_some(Drain { deadline: Some(since) });
        let cordon = Cordon { reason: "disks".to_owned(), since, by: "operator".to_owned(), drain };
        let key = (Cordon::KIND.to_owned(), String::new(), self.executors[executor].id.to_string());
        self.store.kept.insert(key, (1, serde_json::to_string(&cordon).unwrap_or_default()));
        self.note_kept_away(Some(self.executors[executor].id.clone()), true);
        self.notify(Cordon::KIND);
    }

    /// The executor may be given work again.
    fn uncordon(&mut self, executor: usize) {
        let key = (Cordon::KIND.to_owned(), String::new(), self.executors[executor].id.to_string());
        self.store.kept.remove(&key);
        self.note_kept_away(Some(self.executors[executor].id.clone()), false);
        self.notify(Cordon::KIND);
    }
}
