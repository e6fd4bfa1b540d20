//! The last runs of each workflow, carried on by events; pure.

use std::collections::HashMap;

use emboflow_model::WorkflowName;
use emboflow_protocol::event::RunRow;

/// Runs shown of each workflow.
pub(super) const SHOWN: usize = 10;

/// The newest runs by workflow, the newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Recent(HashMap<WorkflowName, Vec<RunRow>>);

impl Recent {
    /// Takes a run in; an old event changes nothing.
    pub(super) fn take(&mut self, row: &RunRow) {
        let rows = self.0.entry(row.workflow.clone()).or_default();
        match rows.iter_mut().find(|known| known.id == row.id) {
            Some(known) if known.version >= row.version => {}
            Some(known) => *known = row.clone(),
            None => {
                let newer = rows.partition_point(|known| known.created_at > row.created_at);
                rows.insert(newer, row.clone());
                rows.truncate(SHOWN);
            }
        }
    }

    /// The runs of a workflow, the newest first.
    pub(super) fn of(&self, workflow: &WorkflowName) -> Vec<RunRow> {
        self.0.get(workflow).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::runs::feed::example::row;
    use emboflow_model::RunState;

    #[test]
    fn the_newest_runs_stay_and_take_their_newest_state() {
        let mut recent = Recent::default();
        (1..=15).for_each(|number| recent.take(&row(number, RunState::Running, 1)));
        recent.take(&row(15, RunState::Failed, 3));
        recent.take(&row(15, RunState::Running, 2));
        let rows = recent.of(&row(1, RunState::Running, 1).workflow);
        let ids: Vec<u128> = rows.iter().map(|row| row.id.bits()).collect();
        assert_eq!(ids, [15, 14, 13, 12, 11, 10, 9, 8, 7, 6]);
        assert_eq!(rows[0].state, RunState::Failed);
    }
}
