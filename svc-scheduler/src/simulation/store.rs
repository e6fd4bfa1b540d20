//! What the simulated records hold: a log with unique places, and the documents derived from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use emboflow_model::{LogEntry, ProjectName, RunId, RunSummary, Task, TaskKey, Transition};
use emboflow_records::{AppendError, Cursor, Derived, Kept, RequestRecord};

/// The records. A clone is a backup.
#[derive(Clone, Default)]
pub(super) struct Store {
    pub(super) log: BTreeMap<u64, Arc<LogEntry>>,
    /// Places by run and number.
    pub(super) places: BTreeMap<(RunId, u64), u64>,
    /// Entries up to here may have been removed.
    pub(super) removed: u64,
    pub(super) lazy: Lazy,
    pub(super) kept: BTreeMap<(String, String, String), (u64, String)>,
}

/// What is not forced to disk: after a power cut it may be as it was a while ago.
#[derive(Clone, Default)]
pub(super) struct Lazy {
    pub(super) runs: BTreeMap<RunId, RunSummary>,
    pub(super) tasks: BTreeMap<(RunId, TaskKey), Task>,
    pub(super) requests: BTreeMap<(ProjectName, String), RequestRecord>,
    pub(super) projection: u64,
    pub(super) effects: u64,
}

impl Store {
    /// Stores entries until one whose place is taken, `most` of them at most.
    pub(super) fn append(
        &mut self,
        entries: &[Arc<LogEntry>],
        most: usize,
    ) -> (usize, Result<(), AppendError>) {
        for (count, entry) in entries.iter().enumerate() {
            if count == most {
                return (count, Ok(()));
            }
            let seq = entry.seq();
            let number = match &**entry {
                LogEntry::Transition(transition) => Some((transition.run, transition.number)),
                LogEntry::Rejection(_) => None,
            };
            let is_taken = seq <= self.removed
                || self.log.contains_key(&seq)
                || number.is_some_and(|number| self.places.contains_key(&number));
            if is_taken {
                return (count, Err(AppendError::Conflict { seq }));
            }
            self.log.insert(seq, entry.clone());
            if let Some(number) = number {
                self.places.insert(number, seq);
            }
        }
        (entries.len(), Ok(()))
    }

    /// The newest result of a run before another one.
    pub(super) fn result(&self, project: &ProjectName, key: &str, before: RunId) -> Option<Task> {
        let is_it = |task: &&Task| task.result_key() == Some(key) && task.project == *project;
        let made = self.lazy.tasks.values().filter(|task| task.run < before).filter(is_it);
        made.max_by_key(|task| (task.finished_at, task.run)).cloned()
    }

    pub(super) fn last_seq(&self) -> u64 {
        self.log.last_key_value().map_or(0, |(seq, _)| *seq).max(self.removed)
    }

    pub(super) fn log_after(&self, after: u64, limit: usize) -> Vec<LogEntry> {
        self.log.range(after + 1..).take(limit).map(|(_, entry)| (**entry).clone()).collect()
    }

    pub(super) fn history(&self, run: RunId, after: u64, limit: usize) -> Vec<Transition> {
        let places = self.places.range((run, after + 1)..=(run, u64::MAX)).take(limit);
        let entries = places.filter_map(|(_, seq)| self.log.get(seq));
        let transitions = entries.filter_map(|entry| match &**entry {
            LogEntry::Transition(transition) => Some(transition.clone()),
            LogEntry::Rejection(_) => None,
        });
        transitions.collect()
    }

    pub(super) fn cursor(&self, cursor: Cursor) -> u64 {
        match cursor {
            Cursor::Projection => self.lazy.projection,
            Cursor::Effects => self.lazy.effects,
            Cursor::Removed => self.removed,
        }
    }

    pub(super) fn put_cursor(&mut self, cursor: Cursor, seq: u64) {
        let place = match cursor {
            Cursor::Projection => &mut self.lazy.projection,
            Cursor::Effects => &mut self.lazy.effects,
            Cursor::Removed => &mut self.removed,
        };
        *place = seq.max(*place);
    }

    /// Writes documents where the stored version is older.
    pub(super) fn put_derived(&mut self, derived: &Derived) {
        let Lazy { runs, tasks, requests, projection, .. } = &mut self.lazy;
        for task in &derived.tasks {
            let key = (task.run, task.key.clone());
            if tasks.get(&key).is_none_or(|stored| stored.version < task.version) {
                tasks.insert(key, task.clone());
            }
        }
        for request in &derived.requests {
            let key = (request.project.clone(), request.key.clone());
            if requests.get(&key).is_none_or(|stored| stored.seq < request.seq) {
                requests.insert(key, request.clone());
            }
        }
        for run in &derived.runs {
            if runs.get(&run.id).is_none_or(|stored| stored.version < run.version) {
                runs.insert(run.id, run.clone());
            }
        }
        *projection = derived.through_seq.max(*projection);
    }

    pub(super) fn open_runs(&self) -> Vec<RunId> {
        let open = self.lazy.runs.values().filter(|run| !run.state.is_terminal());
        open.map(|run| run.id).collect()
    }

    pub(super) fn kept(&self, kind: &str, scope: &str, name: &str) -> Option<Kept> {
        let key = (kind.to_owned(), scope.to_owned(), name.to_owned());
        let (version, body) = self.kept.get(&key)?;
        Some(Kept { scope: key.1, name: key.2, version: *version, body: body.clone() })
    }

    pub(super) fn kept_page(
        &self,
        kind: &str,
        scope: Option<&str>,
        after: Option<(&str, &str)>,
        limit: usize,
    ) -> Vec<Kept> {
        let wanted = self.kept.iter().filter(|((own, place, name), _)| {
            own == kind
                && scope.is_none_or(|scope| scope == place)
                && after.is_none_or(|after| (place.as_str(), name.as_str()) > after)
        });
        let kept = wanted.map(|((_, scope, name), (version, body))| Kept {
            scope: scope.clone(),
            name: name.clone(),
            version: *version,
            body: body.clone(),
        });
        kept.take(limit).collect()
    }
}
