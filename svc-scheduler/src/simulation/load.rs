//! More than the executors can do: the workloads under which shares, waits and forecasts are measured.

use std::collections::BTreeMap;

use emboflow_model::access::Quotas;
use emboflow_model::queue::Queue;
use emboflow_model::state::TaskState;
use emboflow_model::{AttemptId, ProjectName};
use emboflow_protocol::request::Verb;
use serde_json::json;

use super::client::project;
use super::sabotage;
use super::stage::Stage;

/// How often it is looked whether there is enough to do.
const FILLS_EACH_MS: u64 = 400;
/// Tasks of a run that fills up.
const TASKS_OF_RUN: usize = 16;
/// So many tasks wait at least of each party, of the stream, and of who asks for much.
const WAITING: usize = 48;
const WAITING_STREAM: usize = 24;
const EAGER: usize = 3 * WAITING;
/// How often something comes that has a hard time beside the stream.
const WEAK_EACH_MS: u64 = 3_000;
/// No task under load takes longer.
const LONGEST_MS: u64 = 2_000;

/// What is asked of executors that are too few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// Parties that always have something waiting: each is to get its part.
    Shares,
    /// A stream of small urgent tasks, and beside it what is not urgent, or large, or a gang: everything has its turn.
    Stream,
    /// Everything at once, and then nothing more: it is foretold when each run starts and ends.
    Burst,
}

/// Who has something waiting, always.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Party {
    pub(super) queue: String,
    pub(super) project: ProjectName,
    pub(super) key: String,
}

/// What is asked for under load.
#[derive(Default)]
pub(super) struct Demand {
    /// The queues with their weights.
    pub(super) weights: BTreeMap<String, u32>,
    pub(super) parties: Vec<Party>,
    /// Whose each request is, by its key.
    pub(super) party_of: BTreeMap<String, Party>,
    /// Enough was seen.
    pub(super) is_over: bool,
    /// Milliseconds by which waits may be longer, for the faults so far.
    pub(super) excused_ms: u64,
    /// The requests of each party, by its place, that have become no run yet.
    asked: BTreeMap<usize, Vec<String>>,
}

impl Stage {
    /// Queues and parties by lot, and whatever they want.
    pub(super) fn open_the_gates(&mut self, load: Load) {
        match load {
            Load::Shares => {
                self.draw_parties();
                self.keep_filled();
            }
            Load::Stream => {
                self.keep_queue("rush", r#"{ "weight": 4 }"#);
                self.demand.parties.push(Party {
                    queue: "rush".to_owned(),
                    project: project("default"),
                    key: String::new(),
                });
                self.keep_filled();
                self.send_weak();
                self.watch_waits();
            }
            Load::Burst => {}
        }
    }

    /// There is such a queue.
    pub(super) fn keep_queue(&mut self, name: &str, rules: &str) {
        let key = (Queue::KIND.to_owned(), String::new(), name.to_owned());
        self.store.kept.insert(key, (1, rules.to_owned()));
    }

    /// Two or three queues; in each two projects, or one with two keys, or one alone.
    fn draw_parties(&mut self) {
        for queue in 0..self.dice.between(2, 3) {
            let name = format!("q{queue}");
            let weight = self.dice.between(1, 3) as u32;
            self.keep_queue(&name, &format!(r#"{{ "weight": {weight} }}"#));
            self.demand.weights.insert(name.clone(), weight);
            let (projects, keys) = self.dice.pick(&[(1, 1), (1, 2), (2, 1)]).unwrap_or((1, 1));
            for place in 0..projects {
                let project = project(&format!("lab-{place}"));
                self.keep_project(project.clone(), Quotas::default());
                for key in 0..keys {
                    let (queue, project) = (name.clone(), project.clone());
                    self.demand.parties.push(Party { queue, project, key: format!("user-{key}") });
                }
            }
        }
    }

    /// Every party has enough waiting, until enough was seen.
    fn keep_filled(&mut self) {
        if self.demand.is_over || self.is_healed {
            return;
        }
        let mut waiting: BTreeMap<Party, usize> = BTreeMap::new();
        for judged in self.judge.open_runs() {
            let tasks = judged.run.tasks.values();
            let ready = tasks.filter(|task| matches!(task.state, TaskState::Waiting | TaskState::Queued));
            let Some(party) = self.demand.party_of.get(&judged.run.summary.key) else { continue };
            *waiting.entry(party.clone()).or_default() += ready.count();
        }
        for place in 0..self.demand.parties.len() {
            let party = self.demand.parties[place].clone();
            // Who asks for more is not to have more.
            let is_first = party.key == "user-0" && party.project.as_str() == "lab-0";
            let least = match self.plan.load {
                Some(Load::Stream) => WAITING_STREAM,
                _ if is_first => EAGER,
                _ => WAITING,
            };
            let asked = self.demand.asked.entry(place).or_default();
            asked.retain(|key| !self.judge.has_made(&party.project, key));
            let coming = waiting.get(&party).copied().unwrap_or(0) + asked.len() * TASKS_OF_RUN;
            for _ in 0..least.saturating_sub(coming).div_ceil(TASKS_OF_RUN) {
                self.submit_small(place, &party);
            }
        }
        self.after(FILLS_EACH_MS, Stage::keep_filled);
    }

    fn submit_small(&mut self, place: usize, party: &Party) {
        // Who has only large tasks gets less where executors are small: something else fits first.
        let (largest, priority) = if self.plan.load == Some(Load::Shares) { (2, 0) } else { (1, 100) };
        let cores: Vec<u64> = (0..TASKS_OF_RUN).map(|_| self.dice.between(1, largest)).collect();
        let source = format!(
            "version: 1\nname: small\ndefaults: {{ image: i }}\ntasks:\n  a: {{ matrix: {{ cores: {cores:?} }}, \
             priority: {priority}, resources: {{ cpu: \"${{{{ matrix.cores }}}}\", memory: 1Mi }} }}\n"
        );
        let key = self.submit_for(party, &source);
        self.demand.asked.entry(place).or_default().push(key);
    }

    /// Gives the key of the request.
    pub(super) fn submit_for(&mut self, party: &Party, source: &str) -> String {
        let mut body = json!({ "source": source, "queue": party.queue });
        if let Some(key) = sabotage::fairness_key(self, &party.key) {
            body["fairness_key"] = key.into();
        }
        let place = self.order_with(Verb::Submit, party.project.clone(), &body);
        let key = self.clients.asked[place].key.clone();
        self.demand.party_of.insert(key.clone(), party.clone());
        key
    }

    /// Something comes that others could keep away for ever: what nobody hurries with, what needs a whole executor, and a
    /// gang that needs more than half of all executors.
    fn send_weak(&mut self) {
        if self.demand.is_over || self.is_healed {
            return;
        }
        let smallest = self.executors.iter().map(|one| one.slots).min().unwrap_or(1);
        let all: u32 = self.executors.iter().map(|one| one.slots).sum();
        let task = match self.dice.below(3) {
            0 => "priority: -1000".to_owned(),
            1 => format!("resources: {{ cpu: {smallest} }}"),
            _ => format!("replicas: {}, gang: true", all / 2 + 1),
        };
        let source = format!("version: 1\nname: weak\ndefaults: {{ image: i }}\ntasks:\n  a: {{ {task} }}\n");
        let queue = if self.dice.below(3) == 0 { "default" } else { "rush" };
        let party = Party { queue: queue.to_owned(), project: project("default"), key: String::new() };
        self.submit_for(&party, &source);
        let pause = WEAK_EACH_MS + self.dice.below(WEAK_EACH_MS);
        self.after(pause, Stage::send_weak);
    }

    /// How long a program runs under load.
    pub(super) fn lasts_under(&mut self, load: Load, attempt: &AttemptId) -> u64 {
        match load {
            Load::Shares | Load::Stream => self.dice.between(200, LONGEST_MS),
            Load::Burst => self.lasts_in_burst(attempt),
        }
    }
}
