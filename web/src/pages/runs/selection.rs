//! Runs that somebody has ticked, and what can be done with them at once; pure.

use std::collections::HashSet;

use emboflow_model::{RunId, RunState, TaskState};
use emboflow_protocol::event::RunRow;

/// The ticked runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Selection(HashSet<RunId>);

impl Selection {
    pub(super) fn has(&self, run: RunId) -> bool {
        self.0.contains(&run)
    }

    pub(super) fn toggle(&mut self, run: RunId) {
        if !self.0.remove(&run) {
            self.0.insert(run);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Ticks all of these; nothing when all of them are ticked already.
    pub(super) fn toggle_all(&mut self, rows: &[RunRow]) {
        if self.has_all(rows) {
            self.0.clear();
        } else {
            self.0.extend(rows.iter().map(|row| row.id));
        }
    }

    pub(super) fn has_all(&self, rows: &[RunRow]) -> bool {
        !rows.is_empty() && rows.iter().all(|row| self.has(row.id))
    }

    /// The ticked ones among these: what has left the list is not acted on.
    pub(super) fn of(&self, rows: &[RunRow]) -> Vec<RunRow> {
        rows.iter().filter(|row| self.has(row.id)).cloned().collect()
    }
}

/// What can be done with several runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Cancel,
    Retry,
}

impl Deed {
    /// Whether the run's state allows it.
    pub(super) fn fits(self, row: &RunRow) -> bool {
        let bad = [TaskState::Failed, TaskState::UpstreamFailed, TaskState::Cancelled];
        match self {
            Deed::Cancel => matches!(row.state, RunState::Queued | RunState::Running | RunState::Paused),
            Deed::Retry => row.state.is_terminal() && bad.iter().any(|state| row.tasks.in_state(*state) > 0),
        }
    }

    /// The runs that it can be done with.
    pub(super) fn targets(self, rows: &[RunRow]) -> Vec<RunId> {
        rows.iter().filter(|row| self.fits(row)).map(|row| row.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::runs::feed::example::row;

    #[test]
    fn only_what_is_still_listed_counts_as_selected() {
        let rows = [row(1, RunState::Running, 1), row(2, RunState::Failed, 1)];
        let mut selection = Selection::default();
        selection.toggle_all(&rows);
        assert!(selection.has_all(&rows));
        assert_eq!(selection.of(&rows[1..]).len(), 1);
        selection.toggle_all(&rows);
        assert!(selection.of(&rows).is_empty());
    }

    #[test]
    fn each_deed_takes_only_the_runs_whose_state_allows_it() {
        let mut failed = row(2, RunState::Failed, 1);
        failed.tasks.by_state.insert(TaskState::Failed, 1);
        let rows = [row(1, RunState::Running, 1), failed, row(3, RunState::Succeeded, 1)];
        assert_eq!(Deed::Cancel.targets(&rows), [rows[0].id]);
        assert_eq!(Deed::Retry.targets(&rows), [rows[1].id]);
    }
}
