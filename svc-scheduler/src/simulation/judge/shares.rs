//! Fairness: under saturation each queue holds what its weight says, each project its part of a queue, each key its part
//! of a project; and whatever can be placed has its turn.

use std::collections::BTreeMap;

use emboflow_model::Timestamp;
use emboflow_model::state::TaskState;

use super::super::load::{Load, Party};
use super::super::stage::Stage;

/// Decisions after which parts are compared with weights.
const DECISIONS: u64 = 1_000;
/// Starts until the executors are full and the first shares have settled.
const WARM_UP: u64 = 200;
/// So far a queue's part may be from what the weights say, and that of a project or key from an equal one. A part of a
/// small queue is a few tasks.
const OF_QUEUES: f64 = 0.05;
const OF_EQUALS: f64 = 0.1;
/// How often it is looked who waits.
const LOOKS_EACH_MS: u64 = 500;

/// What each party has held, added up over decisions.
#[derive(Default)]
pub(super) struct Tally {
    /// Attempts that were opened.
    pub(super) opened: u64,
    /// Of these, those that were looked at.
    seen: u64,
    counted: u64,
    held: BTreeMap<Party, u64>,
}

impl Stage {
    /// A scheduler has decided: what each party holds now counts as often as attempts were opened.
    pub(in super::super) fn tally(&mut self) {
        let tally = &mut self.judge.tally;
        let (from, to) = (tally.seen.max(WARM_UP), tally.opened);
        tally.seen = to;
        if self.plan.load != Some(Load::Shares) || self.demand.is_over || to <= from || !self.is_saturated() {
            return;
        }
        let decisions = to - from;
        for (id, (_, fence)) in &self.judge.open {
            let Some(judged) = self.judge.runs.get(&id.run) else { continue };
            let Some(task) = judged.run.tasks.get(&id.task) else { continue };
            let attempt = task.attempts.iter().find(|attempt| attempt.fence == *fence);
            let cpu = attempt.map_or(0, |attempt| attempt.resources.cpu_millis);
            let Some(party) = self.demand.party_of.get(&judged.run.summary.key) else { continue };
            *self.judge.tally.held.entry(party.clone()).or_default() += cpu * decisions;
        }
        self.judge.tally.counted += decisions;
        if self.judge.tally.counted >= DECISIONS {
            self.demand.is_over = true;
            self.count("shares compared");
            if let Err(why) = self.judge_shares() {
                self.fail(why);
            }
        }
    }

    /// Whether every party has something waiting: only then it can hold its part.
    fn is_saturated(&self) -> bool {
        let has_waiting = |party: &Party| {
            let own = self
                .judge
                .open_runs()
                .filter(|judged| self.demand.party_of.get(&judged.run.summary.key) == Some(party));
            own.into_iter().any(|judged| judged.run.summary.tasks.in_state(TaskState::Queued) > 0)
        };
        self.demand.parties.iter().all(has_waiting)
    }

    /// I21: everybody has held what is his.
    fn judge_shares(&self) -> Result<(), String> {
        let demand = &self.demand;
        let sum: u32 = demand.weights.values().sum();
        let of_weight = |queue: &String| f64::from(demand.weights[queue]) / f64::from(sum);
        self.compare("queue", |_| String::new(), |party| party.queue.clone(), Some(&of_weight))?;
        let project = |party: &Party| format!("{}/{}", party.queue, party.project);
        self.compare("project", |party| party.queue.clone(), project, None)?;
        let key = |party: &Party| format!("{}/{}/{}", party.queue, party.project, party.key);
        self.compare("key", project, key, None)
    }

    /// Compares the parts of a whole with what is wanted; without a word on it, all are equal.
    fn compare(
        &self,
        what: &str,
        whole: impl Fn(&Party) -> String,
        part: impl Fn(&Party) -> String,
        wanted: Option<&dyn Fn(&String) -> f64>,
    ) -> Result<(), String> {
        let mut wholes: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for party in &self.demand.parties {
            let held = self.judge.tally.held.get(party).copied().unwrap_or(0);
            *wholes.entry(whole(party)).or_default().entry(part(party)).or_default() += held;
        }
        for parts in wholes.values() {
            let sum: u64 = parts.values().sum();
            let tolerance = if wanted.is_some() { OF_QUEUES } else { OF_EQUALS };
            for (name, held) in parts {
                let share = *held as f64 / sum.max(1) as f64;
                let wanted = wanted.map_or(1.0 / parts.len() as f64, |wanted| wanted(name));
                if (share - wanted).abs() > tolerance {
                    return Err(format!(
                        "I21: {what} {name} held {share:.3} of {sum} instead of {wanted:.3} over {DECISIONS} \
                         decisions (weights {:?})",
                        self.demand.weights
                    ));
                }
            }
        }
        Ok(())
    }

    /// I22: what is ready has its turn in time, whatever else comes.
    pub(in super::super) fn watch_waits(&mut self) {
        let latest = Timestamp(self.wall_ms() - (self.plan.patience_ms + self.demand.excused_ms) as i64);
        let late = self.judge.open_runs().flat_map(|judged| judged.run.tasks.values()).find(|task| {
            task.state == TaskState::Queued && task.ready_since().is_some_and(|since| since < latest)
        });
        if let Some(task) = late {
            let (run, key, since) = (task.run, task.key.clone(), task.ready_since());
            let bound = self.plan.patience_ms + self.demand.excused_ms;
            return self.fail(format!("I22: {run}.{key} is ready since {since:?}, for more than {bound} ms"));
        }
        if !self.is_healed {
            self.after(LOOKS_EACH_MS, Stage::watch_waits);
        }
    }
}
