//! What several walks have in common: by when something happens in half of them, and in nine of ten.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use emboflow_model::{ProjectName, RunId, TaskKey, Timestamp};
use emboflow_protocol::forecast::{Expected, Missing};

use super::durations::TaskOf;
use super::walk::Trace;

/// What comes, as far as it was looked.
#[derive(Debug)]
pub(crate) struct Outlook {
    pub(crate) at: Timestamp,
    horizon_ms: u64,
    walks: u32,
    starts: HashMap<(RunId, TaskKey), Vec<u32>>,
    first_starts: HashMap<RunId, Vec<u32>>,
    ends: HashMap<RunId, Vec<u32>>,
    all_ended: Vec<u32>,
    unknown: BTreeSet<TaskOf>,
    reached_horizon: bool,
    reached_bound: bool,
}

impl Outlook {
    pub(super) fn begin(at: Timestamp, horizon_ms: u64) -> Self {
        Self {
            at,
            horizon_ms,
            walks: 0,
            starts: HashMap::new(),
            first_starts: HashMap::new(),
            ends: HashMap::new(),
            all_ended: Vec::new(),
            unknown: BTreeSet::new(),
            reached_horizon: false,
            reached_bound: false,
        }
    }

    /// There is more to come than is looked at.
    pub(super) fn look_no_further(&mut self) {
        self.reached_bound = true;
    }

    pub(super) fn take_in(&mut self, trace: Trace) {
        self.walks += 1;
        self.unknown.extend(trace.unknown);
        self.reached_horizon |= trace.reached_horizon;
        self.reached_bound |= trace.reached_bound;
        self.all_ended.extend(trace.all_ended);
        for (run, ms) in trace.ends {
            self.ends.entry(run).or_default().push(ms);
        }
        let mut firsts: BTreeMap<RunId, u32> = BTreeMap::new();
        for ((run, task), ms) in trace.starts {
            let first = firsts.entry(run).or_insert(ms);
            *first = ms.min(*first);
            self.starts.entry((run, task)).or_default().push(ms);
        }
        for (run, ms) in firsts {
            self.first_starts.entry(run).or_default().push(ms);
        }
    }

    /// In how many ways it was looked.
    pub(crate) fn walks(&self) -> u32 {
        self.walks
    }

    /// So far it was looked, in milliseconds.
    pub(crate) fn horizon_ms(&self) -> u64 {
        self.horizon_ms
    }

    /// Tasks that hold executors for nobody knows how long, ten at most; those of other projects are not named.
    pub(crate) fn unknown(&self, project: &ProjectName) -> Vec<String> {
        let (own, others): (Vec<_>, Vec<_>) = self.unknown.iter().partition(|of| of.project == *project);
        let own = own.into_iter().take(10).map(|of| format!("{} of {}", of.task, of.workflow));
        own.chain((!others.is_empty()).then(|| "tasks of other projects".to_owned())).collect()
    }

    /// When a task starts next.
    pub(crate) fn start(&self, run: RunId, task: &TaskKey) -> Expected {
        self.expected(self.starts.get(&(run, task.clone())))
    }

    /// When the next task of a run starts.
    pub(crate) fn first_start(&self, run: RunId) -> Expected {
        self.expected(self.first_starts.get(&run))
    }

    /// When a run ends.
    pub(crate) fn end(&self, run: RunId) -> Expected {
        self.expected(self.ends.get(&run))
    }

    /// When everything has ended that is open now.
    pub(crate) fn all_ended(&self) -> Expected {
        self.expected(Some(&self.all_ended))
    }

    /// The tasks that start at once.
    pub(crate) fn at_once(&self) -> BTreeSet<&(RunId, TaskKey)> {
        let at_once = self.starts.iter().filter(|(_, moments)| moments.contains(&0));
        at_once.map(|(task, _)| task).collect()
    }

    fn expected(&self, moments: Option<&Vec<u32>>) -> Expected {
        let mut sorted = moments.cloned().unwrap_or_default();
        sorted.sort_unstable();
        // The least moment by which it has happened in so many of a hundred walks.
        let by = |percent: u32| {
            let place = (u64::from(self.walks) * u64::from(percent)).div_ceil(100).max(1);
            let ms = sorted.get(usize::try_from(place - 1).ok()?)?;
            Some(self.at.plus_ms(u64::from(*ms)))
        };
        let (p50, p90) = (by(50), by(90));
        let missing = p90.is_none().then(|| self.missing());
        Expected { p50, p90, missing }
    }

    /// Why something does not happen in a walk.
    fn missing(&self) -> Missing {
        if self.reached_bound {
            Missing::TooFar
        } else if !self.unknown.is_empty() {
            Missing::Unknown
        } else if self.reached_horizon {
            Missing::Later
        } else {
            Missing::Never
        }
    }
}
