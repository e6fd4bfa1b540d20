//! The stage: all that there is beside the processes' own memory, and the queue of what happens next.
//!
//! Time stands still while something happens; then it jumps to the next thing in the queue. Two things at the same
//! moment happen in the order in which they were put there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::client::Clients;
use super::dice::Dice;
use super::executor::Executor;
use super::judge::Judge;
use super::load::Demand;
use super::nemesis::Trouble;
use super::plan::Plan;
use super::post::Post;
use super::sabotage::Sabotage;
use super::scheduler::{Lease, Process};
use super::store::{Lazy, Store};
use super::witness::Witness;

/// Something that happens.
pub(super) type Action = Box<dyn FnOnce(&mut Stage) + Send>;
/// Work of a process.
pub(super) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Lines of the trace that are kept to be shown.
const SHOWN_LINES: usize = 150;
/// Wall clocks show this at the start.
const EPOCH_MS: i64 = 1_700_000_000_000;

/// Everything.
pub(super) struct Stage {
    /// Milliseconds since the start.
    pub(super) now: u64,
    pub(super) plan: Plan,
    pub(super) dice: Dice,
    pub(super) trouble: Trouble,
    pub(super) store: Store,
    pub(super) post: Post,
    pub(super) schedulers: Vec<Process>,
    pub(super) lease: Lease,
    pub(super) executors: Vec<Executor>,
    pub(super) witness: Witness,
    pub(super) clients: Clients,
    pub(super) demand: Demand,
    pub(super) judge: Judge,
    /// Work that processes have begun and the runner has not taken up yet.
    pub(super) begun: Vec<(usize, u64, Work)>,
    pub(super) shared: Option<Shared>,
    pub(super) counted: BTreeMap<&'static str, u64>,
    /// A process dies at the entry after so many more.
    pub(super) kill_at_next_entry: Option<u64>,
    pub(super) is_healed: bool,
    /// Machines that were declared gone.
    pub(super) forgotten: BTreeSet<usize>,
    /// How often everything was set back to a backup.
    pub(super) restores: u64,
    /// How often the records lost their power.
    pub(super) power_cuts: u64,
    pub(super) older_documents: Option<Lazy>,
    pub(super) backup: Option<Box<Store>>,
    /// Exit codes of tasks by name, where a script says so.
    pub(super) scripted_codes: BTreeMap<String, i32>,
    queue: BTreeMap<(u64, u64), Action>,
    next_order: u64,
    trace: VecDeque<String>,
    trace_hash: u64,
    failure: Option<String>,
}

/// The stage as the processes reach it.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Stage>>);

impl Shared {
    pub(super) fn new(stage: Stage) -> Self {
        let shared = Self(Arc::new(Mutex::new(stage)));
        shared.stage().shared = Some(shared.clone());
        shared
    }

    pub(super) fn stage(&self) -> MutexGuard<'_, Stage> {
        // After a panic the stage is only looked at.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stage {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            now: 0,
            dice: Dice::new(plan.seed),
            trouble: Trouble::default(),
            store: Store::default(),
            post: Post::default(),
            schedulers: Vec::new(),
            lease: Lease::default(),
            executors: Vec::new(),
            witness: Witness::default(),
            clients: Clients::default(),
            demand: Demand::default(),
            judge: Judge::default(),
            begun: Vec::new(),
            shared: None,
            counted: BTreeMap::new(),
            kill_at_next_entry: None,
            is_healed: false,
            forgotten: BTreeSet::new(),
            restores: 0,
            power_cuts: 0,
            older_documents: None,
            backup: None,
            scripted_codes: BTreeMap::new(),
            queue: BTreeMap::new(),
            next_order: 0,
            trace: VecDeque::new(),
            trace_hash: 0xcbf2_9ce4_8422_2325,
            failure: None,
            plan,
        }
    }

    /// True time, as wall clocks would show it that nobody has set.
    pub(super) fn wall_ms(&self) -> i64 {
        EPOCH_MS + self.now as i64
    }

    /// Has something happen so many milliseconds from now.
    pub(super) fn after(&mut self, ms: u64, action: impl FnOnce(&mut Stage) + Send + 'static) {
        self.next_order += 1;
        self.queue.insert((self.now + ms, self.next_order), Box::new(action));
    }

    /// The next thing; time jumps to it.
    pub(super) fn take_next(&mut self) -> Option<Action> {
        let ((at, _), action) = self.queue.pop_first()?;
        self.now = at;
        Some(action)
    }

    /// Breaks the ring between the stage and what it holds.
    pub(super) fn let_go(&mut self) {
        self.shared = None;
        self.queue.clear();
        self.begun.clear();
        self.schedulers.clear();
    }

    pub(super) fn is_sabotaged(&self, sabotage: Sabotage) -> bool {
        self.plan.sabotage == Some(sabotage)
    }

    /// Writes a line into the trace.
    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        let line = format!("{:>7} {}", self.now, line());
        for byte in line.as_bytes() {
            self.trace_hash = (self.trace_hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.trace.len() == SHOWN_LINES {
            self.trace.pop_front();
        }
        self.trace.push_back(line);
    }

    /// Counts that something has happened, so that tests can say that it does happen.
    pub(super) fn count(&mut self, what: &'static str) {
        *self.counted.entry(what).or_insert(0) += 1;
    }

    /// A promise is broken. Only the first one counts.
    pub(super) fn fail(&mut self, why: String) {
        if self.failure.is_none() {
            self.note(|| format!("BROKEN {why}"));
            self.failure = Some(why);
        }
    }

    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    pub(super) fn trace_hash(&self) -> u64 {
        self.trace_hash
    }

    pub(super) fn last_lines(&self) -> Vec<String> {
        self.trace.iter().cloned().collect()
    }
}
