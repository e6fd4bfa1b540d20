//! What the shipped forecast says of a burst of runs, against what the shipped driver then does. One life says little:
//! how often the P90 holds is a promise over many of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use emboflow_model::{AttemptId, RunSummary, TaskKey};
use tokio::sync::oneshot;

use super::Simulation;
use super::client::project;
use super::load::Party;
use super::sabotage;
use super::stage::Stage;
use crate::driver::Signal;
use crate::forecast::{Bounds, Changes, Outlook, Snapshot, look_ahead};

/// Kinds of runs.
const KINDS: u64 = 4;
/// Runs of each kind from which durations are learned.
const LESSONS: u64 = 12;
/// All of them have ended by then, or something is wrong.
const PATIENCE_MS: u64 = 600_000;
/// With fewer outcomes nothing can be said of a population: those of one life, a dozen, are much alike.
pub(super) const POPULATION: u64 = 400;

/// Outcomes, and those that came by the P90, as a simulation counts them.
const STARTS: (&str, &str) = ("start foretold", "start by its P90");
const ENDS: (&str, &str) = ("end foretold", "end by its P90");

/// I23: of a population of outcomes, 80 to 97 % come by the P90 that was foretold. Errors: they do not.
pub fn judge_forecasts(counted: &BTreeMap<&'static str, u64>) -> Result<(), String> {
    for (all, in_time) in [STARTS, ENDS] {
        let count = |what| counted.get(what).copied().unwrap_or(0);
        let (all_of, in_time_of) = (count(all), count(in_time));
        let percent = 100.0 * in_time_of as f64 / all_of.max(1) as f64;
        if all_of >= POPULATION && !(80.0..=97.0).contains(&percent) {
            return Err(format!(
                "I23: {in_time}: {in_time_of} of {all_of}, {percent:.1} % instead of 80 to 97 %"
            ));
        }
    }
    Ok(())
}

impl Simulation {
    /// Lets durations be learned, has many runs come at once, looks ahead, and counts what came as it was foretold.
    pub(super) fn foretell(&mut self) {
        let kinds = (0..KINDS).flat_map(|kind| std::iter::repeat_n(kind, LESSONS as usize)).collect();
        self.submit_all(kinds);
        self.until_all_ended();
        let burst = {
            let mut stage = self.shared.stage();
            let runs = stage.dice.between(12, 24);
            (0..runs).map(|_| stage.dice.below(KINDS)).collect()
        };
        let keys = self.submit_all(burst);
        self.until(move |stage| keys.iter().all(|key| stage.judge.has_made(&project("default"), key)));
        let Some(outlook) = self.look() else { return };
        self.until_all_ended();
        self.shared.stage().compare_with(&outlook);
    }

    /// Gives the keys of the requests.
    fn submit_all(&mut self, kinds: Vec<u64>) -> Vec<String> {
        let mut stage = self.shared.stage();
        let party = Party { queue: "default".to_owned(), project: project("default"), key: String::new() };
        kinds.iter().map(|kind| stage.submit_for(&party, &source(*kind))).collect()
    }

    fn until_all_ended(&mut self) {
        self.until(|stage| {
            let is_decided = |ask: &super::client::Ask| stage.judge.has_made(&ask.project, &ask.key);
            stage.clients.asked.iter().all(is_decided) && stage.judge.open_runs().next().is_none()
        });
    }

    fn until(&mut self, mut is_so: impl FnMut(&mut Stage) -> bool) {
        let deadline = self.shared.stage().now + PATIENCE_MS;
        self.runner.run_until(|stage| stage.now > deadline || is_so(stage));
    }

    /// The shipped forecast, from a copy that the shipped driver gives.
    fn look(&mut self) -> Option<Outlook> {
        let copied: Arc<Mutex<Option<Snapshot>>> = Arc::default();
        let into = copied.clone();
        {
            let mut stage = self.shared.stage();
            let (answer, answered) = oneshot::channel();
            stage.signal(0, Signal::Snapshot(answer));
            let life = stage.schedulers[0].life;
            let takes = async move {
                if let (Ok((snapshot, _)), Ok(mut into)) = (answered.await, into.lock()) {
                    *into = Some(snapshot);
                }
            };
            stage.begun.push((0, life, Box::pin(takes)));
        }
        let is_there = copied.clone();
        self.until(move |_| is_there.lock().is_ok_and(|copied| copied.is_some()));
        let snapshot = copied.lock().ok()?.take()?;
        let bounds = sabotage::bounds(&self.shared.stage(), Bounds::default());
        Some(look_ahead(&snapshot, &Changes::default(), bounds, &|_| true))
    }
}

/// A kind of runs; their programs take times of their own.
fn source(kind: u64) -> String {
    let next = if kind == 0 { "  b: { needs: [a] }\n" } else { "" };
    format!("version: 1\nname: kind-{kind}\ndefaults: {{ image: i }}\ntasks:\n  a: {{}}\n{next}")
}

impl Stage {
    /// Programs of a kind take about as long as each other; each kind has its own time.
    pub(super) fn lasts_in_burst(&mut self, attempt: &AttemptId) -> u64 {
        let name = self.judge.runs.get(&attempt.run).map(|judged| judged.run.summary.workflow.to_string());
        let kind = name.and_then(|name| name.rsplit('-').next()?.parse::<u64>().ok()).unwrap_or(0);
        let usual = 400 + 1_500 * kind + self.plan.seed % 500;
        self.dice.between(usual / 2, usual * 2)
    }

    /// Counts what was foretold of runs that waited, and what of it came by its P90.
    fn compare_with(&mut self, outlook: &Outlook) {
        let first: TaskKey = "a".parse().expect("it is a name");
        let mut outcomes = Vec::new();
        for judged in self.judge.runs.values() {
            let RunSummary { id, created_at, started_at, finished_at, .. } = judged.run.summary;
            let has_waited = created_at <= outlook.at && started_at.is_some_and(|at| at > outlook.at);
            if has_waited {
                outcomes.push((
                    STARTS,
                    sabotage::foretold(self, outlook.at, outlook.start(id, &first).p90),
                    started_at,
                ));
            }
            if finished_at.is_some_and(|at| at > outlook.at) {
                outcomes.push((ENDS, sabotage::foretold(self, outlook.at, outlook.end(id).p90), finished_at));
            }
        }
        for ((all, in_time), foretold, came) in outcomes {
            self.count(all);
            if foretold.zip(came).is_some_and(|(foretold, came)| came <= foretold) {
                self.count(in_time);
            }
        }
    }
}
