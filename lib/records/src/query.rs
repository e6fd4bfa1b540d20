//! What lists can be asked for, and the cursors of their pages.

use std::fmt;

use emboflow_model::{ProjectName, RunId, RunState, RunSummary, TaskState, WorkflowName};

use crate::error::RecordsError;

/// Which runs, in which order.
#[derive(Clone, Debug)]
pub struct RunFilter {
    /// Of this project.
    pub project: ProjectName,
    /// In one of these states; empty for all.
    pub states: Vec<RunState>,
    /// Of this workflow.
    pub workflow: Option<WorkflowName>,
    /// With this label: key and value.
    pub label: Option<(String, String)>,
    /// Of which a task waits for a person to decide.
    pub awaits_people: bool,
    /// Whose id or workflow contains this text, upper or lower case.
    pub search: Option<String>,
    /// The order.
    pub sort: RunSort,
    /// Rows at most; at least 1.
    pub limit: u32,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

impl RunFilter {
    /// The newest 50 runs of a project.
    pub fn of(project: ProjectName) -> Self {
        Self {
            project,
            states: Vec::new(),
            workflow: None,
            label: None,
            awaits_people: false,
            search: None,
            sort: RunSort::default(),
            limit: 50,
            cursor: None,
        }
    }

    pub(crate) fn place(&self) -> Result<Option<Place>, RecordsError> {
        self.cursor.as_deref().map(|cursor| Place::read(cursor, self.sort)).transpose()
    }
}

/// The states in which a run may wait for people: only of these is it looked up.
pub(crate) const ASKING: [RunState; 3] = [RunState::Running, RunState::Paused, RunState::Cancelling];

/// An order of runs; equal ones by id in the same direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunSort {
    /// What is compared.
    pub by: RunSortKey,
    /// The largest first.
    pub descending: bool,
}

impl Default for RunSort {
    fn default() -> Self {
        Self { by: RunSortKey::Created, descending: true }
    }
}

/// What runs can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunSortKey {
    /// `created_at`.
    Created,
    /// `finished_at`; a run that has not ended counts as later than all that have.
    Finished,
    /// From `created_at` to `finished_at`; a run that has not ended counts as longer than all that have.
    Duration,
}

impl RunSortKey {
    /// The word in queries and cursors: `created`, `finished` or `duration`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Finished => "finished",
            Self::Duration => "duration",
        }
    }

    /// The key with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Created, Self::Finished, Self::Duration].into_iter().find(|key| key.word() == word)
    }
}

/// The values a run is sorted by, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SortValues {
    pub(crate) created: i64,
    pub(crate) finished: i64,
    pub(crate) duration: i64,
}

impl SortValues {
    pub(crate) fn of(run: &RunSummary) -> Self {
        let duration =
            run.finished_at.map(|end| i64::try_from(end.ms_since(run.created_at)).unwrap_or(i64::MAX));
        Self {
            created: run.created_at.0,
            finished: run.finished_at.map_or(i64::MAX, |end| end.0),
            duration: duration.unwrap_or(i64::MAX),
        }
    }

    pub(crate) fn by(self, key: RunSortKey) -> i64 {
        match key {
            RunSortKey::Created => self.created,
            RunSortKey::Finished => self.finished,
            RunSortKey::Duration => self.duration,
        }
    }
}

/// A place between two rows: right after this run, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    sort: RunSort,
    pub(crate) value: i64,
    pub(crate) run: RunId,
}

impl Place {
    fn after(run: &RunSummary, sort: RunSort) -> Self {
        Self { sort, value: SortValues::of(run).by(sort.by), run: run.id }
    }

    fn read(cursor: &str, sort: RunSort) -> Result<Self, RecordsError> {
        let bad = || RecordsError::BadCursor { cursor: cursor.chars().take(80).collect() };
        let mut parts = cursor.split('.');
        let (Some(order), Some(value), Some(run), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        if order != sort.to_string() {
            return Err(bad());
        }
        Ok(Self { sort, value: value.parse().map_err(|_| bad())?, run: run.parse().map_err(|_| bad())? })
    }
}

impl fmt::Display for RunSort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.by.word())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.sort, self.value, self.run)
    }
}

/// One page of runs.
#[derive(Clone, Debug, PartialEq)]
pub struct RunPage {
    /// The rows, in order.
    pub rows: Vec<RunSummary>,
    /// Cursor of the next page; none on the last one.
    pub next: Option<String>,
}

impl RunPage {
    /// From one row more than the page may have, if there are as many.
    pub(crate) fn cut(mut rows: Vec<RunSummary>, filter: &RunFilter) -> Self {
        let limit = filter.limit.max(1) as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| Place::after(last, filter.sort).to_string());
        Self { rows, next }
    }
}

/// Which tasks of a run.
#[derive(Clone, Debug)]
pub struct TaskFilter {
    /// In one of these states; empty for all.
    pub states: Vec<TaskState>,
    /// Of the TaskSpec with this name.
    pub name: Option<String>,
    /// Only after this position: the last one of the page before.
    pub after_position: Option<u32>,
    /// At most so many.
    pub limit: u32,
}

impl Default for TaskFilter {
    /// The first 500 tasks.
    fn default() -> Self {
        Self { states: Vec::new(), name: None, after_position: None, limit: 500 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_only_in_its_own_order() {
        let sort = RunSort::default();
        let place = Place { sort, value: -5, run: RunId::from_bits(77) };
        assert_eq!(Place::read(&place.to_string(), sort).unwrap(), place);
        for other in [RunSort { by: RunSortKey::Duration, ..sort }, RunSort { descending: false, ..sort }] {
            assert!(matches!(Place::read(&place.to_string(), other), Err(RecordsError::BadCursor { .. })));
        }
    }

    #[test]
    fn garbage_is_no_cursor() {
        for bad in ["", ".", "-created", "-created.x.run-0", "-created.1.run-0", "-created.1.2.3"] {
            assert!(Place::read(bad, RunSort::default()).is_err(), "{bad}");
        }
    }
}
