//! From log entries to derived documents: a pure function, and the documents that it folds on.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use emboflow_model::run::{BrokenHistory, accepted, waiting_tasks};
use emboflow_model::{LogEntry, RunId, RunSummary, Task, TaskKey, Transition};

use crate::contract::Records;
use crate::document::{Derived, RequestRecord};
use crate::error::RecordsError;

/// Documents as they are after the entries projected so far, for the runs and tasks that later entries may change.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    runs: HashMap<RunId, Folded>,
}

#[derive(Clone, Debug)]
struct Folded {
    summary: RunSummary,
    tasks: HashMap<TaskKey, Task>,
}

/// What a slice of the log changed.
#[derive(Default)]
struct Changed {
    runs: BTreeSet<RunId>,
    tasks: BTreeMap<RunId, BTreeSet<TaskKey>>,
    requests: Vec<RequestRecord>,
}

impl Documents {
    /// Folds the next entries of a shard's log and gives what is to be written. Runs that end here are forgotten
    /// afterwards. Errors: [`BrokenHistory`] when a run that is not new was not loaded, or an entry is missing.
    pub fn project(&mut self, shard: u32, entries: &[Arc<LogEntry>]) -> Result<Derived, BrokenHistory> {
        let mut changed = Changed::default();
        for entry in entries {
            changed.requests.extend(RequestRecord::of(entry));
            if let LogEntry::Transition(transition) = entry.as_ref() {
                self.fold(transition, &mut changed)?;
            }
        }
        let through_seq = entries.last().map_or(0, |entry| entry.seq());
        let derived = self.collect(shard, changed, through_seq);
        self.forget_ended();
        Ok(derived)
    }

    /// Loads the documents that these entries change and that are not here yet. Before [`Documents::project`] when
    /// the entries are not the first ones since a start or a rebuild.
    pub async fn load_for(
        &mut self,
        records: &dyn Records,
        entries: &[Arc<LogEntry>],
    ) -> Result<(), RecordsError> {
        let mut fresh = BTreeSet::new();
        for transition in entries.iter().filter_map(|entry| as_transition(entry)) {
            if transition.number == 1 {
                fresh.insert(transition.run);
            } else if !fresh.contains(&transition.run) {
                self.load(records, transition).await?;
            }
        }
        Ok(())
    }

    async fn load(&mut self, records: &dyn Records, transition: &Transition) -> Result<(), RecordsError> {
        let folded = match self.runs.entry(transition.run) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let Some(summary) = records.run(transition.run).await? else { return Ok(()) };
                unknown.insert(Folded { summary, tasks: HashMap::new() })
            }
        };
        for key in transition.changes.iter().filter_map(|change| change.task()) {
            if !folded.tasks.contains_key(key)
                && let Some(task) = records.task(transition.run, key).await?
            {
                folded.tasks.insert(key.clone(), task);
            }
        }
        Ok(())
    }

    fn fold(&mut self, transition: &Transition, changed: &mut Changed) -> Result<(), BrokenHistory> {
        if accepted(transition).is_some() {
            self.begin(transition, changed)?;
        }
        let missing = BrokenHistory { run: transition.run, found: transition.number, after: 0 };
        let folded = self.runs.get_mut(&transition.run).ok_or(missing)?;
        folded.summary.apply(transition)?;
        changed.runs.insert(transition.run);
        let tasks = changed.tasks.entry(transition.run).or_default();
        apply_to_tasks(&mut folded.tasks, &folded.summary, transition, tasks);
        Ok(())
    }

    fn begin(&mut self, first: &Transition, changed: &mut Changed) -> Result<(), BrokenHistory> {
        if self.runs.contains_key(&first.run) {
            return Ok(());
        }
        let summary = RunSummary::begin(first)?;
        let mut tasks: HashMap<_, _> = waiting_tasks(&summary).into_iter().collect();
        for change in &first.changes {
            let made = summary.fanned_out(change, first.number).into_iter();
            tasks.extend(made.filter(|task| !task.replaced).map(|task| (task.key.clone(), task)));
            if let Some(task) = change.task().and_then(|key| tasks.get_mut(key)) {
                task.apply(change, first.number, first.at);
            }
        }
        changed.tasks.entry(first.run).or_default().extend(tasks.keys().cloned());
        self.runs.insert(first.run, Folded { summary, tasks });
        Ok(())
    }

    fn collect(&self, shard: u32, changed: Changed, through_seq: u64) -> Derived {
        let summary_of = |run: &RunId| self.runs.get(run).map(|folded| folded.summary.clone());
        let tasks_of = |(run, keys): (&RunId, &BTreeSet<TaskKey>)| {
            let folded = self.runs.get(run);
            keys.iter().filter_map(|key| folded?.tasks.get(key).cloned()).collect::<Vec<_>>()
        };
        Derived {
            shard,
            runs: changed.runs.iter().filter_map(summary_of).collect(),
            tasks: changed.tasks.iter().flat_map(tasks_of).collect(),
            requests: changed.requests,
            through_seq,
        }
    }

    fn forget_ended(&mut self) {
        self.runs.retain(|_, folded| !folded.summary.state.is_terminal());
    }
}

/// Applies the changes of a transition to the tasks that do not contain it yet, and adds those that it made; notes them.
/// `summary` is the run's after the transition.
pub(crate) fn apply_to_tasks(
    tasks: &mut HashMap<TaskKey, Task>,
    summary: &RunSummary,
    transition: &Transition,
    changed: &mut BTreeSet<TaskKey>,
) {
    let mut made = BTreeSet::new();
    for task in transition.changes.iter().flat_map(|change| summary.fanned_out(change, transition.number)) {
        if tasks.get(&task.key).is_none_or(|known| known.version < transition.number) {
            made.insert(task.key.clone());
            tasks.insert(task.key.clone(), task);
        }
    }
    let keys: BTreeSet<_> = transition.changes.iter().filter_map(|change| change.task()).collect();
    for key in keys {
        let is_made = made.contains(key);
        let Some(task) = tasks.get_mut(key).filter(|task| is_made || task.version < transition.number) else {
            continue;
        };
        for change in &transition.changes {
            task.apply(change, transition.number, transition.at);
        }
        changed.insert(key.clone());
    }
    changed.extend(made);
}

fn as_transition(entry: &LogEntry) -> Option<&Transition> {
    match entry {
        LogEntry::Transition(transition) => Some(transition),
        LogEntry::Rejection(_) => None,
    }
}
