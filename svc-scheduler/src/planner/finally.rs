//! Tasks that follow all others: a second phase of the run. It begins when no other task is left, whatever these have come
//! to, and nothing but an order for it ends it early: a cancelled run and one whose time is over have it too.

use emboflow_model::state::{Reason, RunState};
use emboflow_model::transition::PlannedSpec;
use emboflow_model::{AttemptId, RunId, Task, TaskKey};

use super::Planner;
use super::advance::verdict;
use super::open_run::OpenRun;
use super::step::Step;

/// Which tasks are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Those that follow all others are left out.
    Work,
    /// All.
    Whole,
}

impl OpenRun {
    /// Whether the task follows all others.
    pub(super) fn is_final(&self, task: &TaskKey) -> bool {
        self.spec_of(task).is_some_and(|spec| spec.finally.is_some())
    }

    /// The part of a run that ends with it: a run of which nothing has started leaves nothing to tidy up.
    pub(super) fn ending_part(&self) -> Part {
        if self.run.summary.started_at.is_some() { Part::Work } else { Part::Whole }
    }

    /// What the tasks came to that have none to follow; none while one of them is left.
    pub(super) fn outcome(&self) -> Option<RunState> {
        let is_work = |task: &&Task| !self.is_final(&task.key);
        (self.work_left == 0).then(|| verdict(self, is_work).0)
    }

    /// A spec has ended. True when it was the last that others follow.
    pub(super) fn note_work(&mut self, spec: usize) -> bool {
        if self.run.summary.graph[spec].finally.is_some() {
            return false;
        }
        self.work_left = self.work_left.saturating_sub(1);
        self.work_left == 0
    }

    fn spec_of(&self, task: &TaskKey) -> Option<&PlannedSpec> {
        self.run.summary.graph.get(self.spec_index(task)?)
    }
}

/// What decides on a spec of the graph: what follows all others only looks at its like.
pub(super) fn counts_as_need(spec: &PlannedSpec, need: &PlannedSpec) -> bool {
    spec.finally.is_none() || need.finally.is_some()
}

impl Planner {
    /// Whether an open run has tasks that follow all others and have yet to end, and have not been told to.
    pub(crate) fn has_finals_left(&self, run: RunId) -> bool {
        let Some(open) = self.runs.get(&run) else { return false };
        let is_told =
            |task: &Task| task.open_attempt().is_some_and(|open| open.stopping == Some(Reason::Cancelled));
        let mut finals = open.run.tasks.values().filter(|task| open.is_final(&task.key));
        finals.any(|task| !task.state.is_terminal() && !is_told(task))
    }
}

impl Step<'_> {
    /// Nothing is left but what follows all others.
    pub(super) fn begin_end(&mut self, run: RunId) {
        let Some(open) = self.planner.runs.get_mut(&run) else { return };
        let graph = std::sync::Arc::clone(&open.run.summary.graph);
        for (index, _) in graph.iter().enumerate().filter(|(_, spec)| spec.finally.is_some()) {
            let unmet = &mut open.specs[index].unmet;
            *unmet = unmet.saturating_sub(1);
            if *unmet == 0 {
                self.met_specs.push_back((run, index));
            }
        }
    }

    /// What the run of an attempt is going to, where that ends the attempt too.
    pub(super) fn ending_of_attempt(&self, id: &AttemptId) -> Option<RunState> {
        let open = self.planner.runs.get(&id.run)?;
        if !open.is_final(&id.task) {
            return self.ending_of(id.run);
        }
        let told = open.attempt(&id.task, id.number)?.stopping;
        (told == Some(Reason::Cancelled)).then_some(RunState::Cancelled)
    }
}
