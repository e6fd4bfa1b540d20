//! How long tasks have held an executor so far, by project, workflow and task. Kept in memory alone: after a restart the
//! newest runs in the records give it back.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use emboflow_model::name::TaskName;
use emboflow_model::state::{Cause, Outcome};
use emboflow_model::{Attempt, ProjectName, Timestamp, WorkflowName};

/// Ends that are kept of a task: the newest.
const KEPT: usize = 32;
/// Tasks of workflows that are known at most; then those are forgotten that nothing was learned of for longest.
const TASKS: usize = 10_000;
/// So many are forgotten at once.
const FORGOTTEN: usize = TASKS / 10;

/// A task of a workflow, in whatever run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TaskOf {
    pub(crate) project: ProjectName,
    pub(crate) workflow: WorkflowName,
    pub(crate) task: TaskName,
}

/// How one attempt went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lasted {
    /// From its dispatch to its end in milliseconds: for so long it held its room.
    pub(crate) ms: u64,
    pub(crate) ended_well: bool,
}

impl Lasted {
    /// What an attempt teaches; nothing when it is open, or was ended by others than itself.
    pub(crate) fn of(attempt: &Attempt) -> Option<Self> {
        let (end, closed_at) = (attempt.end.as_ref()?, attempt.closed_at?);
        let ended_well = end.outcome == Outcome::Succeeded;
        let is_own = ended_well
            || (end.cause == Cause::User && matches!(end.outcome, Outcome::Failed | Outcome::TimedOut));
        is_own.then(|| Self { ms: closed_at.ms_since(attempt.dispatched_at), ended_well })
    }
}

/// An end, and when it was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Learned {
    pub(crate) at: Timestamp,
    pub(crate) of: TaskOf,
    pub(crate) lasted: Lasted,
}

#[derive(Clone, Default)]
struct Ring {
    ends: VecDeque<Lasted>,
    /// Which lesson was its last.
    lesson: u64,
}

/// What is known. A copy shares what neither side changes.
#[derive(Clone, Default)]
pub(crate) struct Durations {
    rings: HashMap<TaskOf, Arc<Ring>>,
    lessons: u64,
}

/// How long an attempt will last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    pub(super) lasted: Lasted,
    /// Nothing else could have been drawn.
    pub(super) is_certain: bool,
}

impl Durations {
    /// An attempt has ended just now.
    pub(crate) fn learn(&mut self, of: TaskOf, lasted: Lasted) {
        if self.rings.len() >= TASKS && !self.rings.contains_key(&of) {
            self.forget_some();
        }
        self.lessons += 1;
        let ring = Arc::make_mut(self.rings.entry(of).or_default());
        if ring.ends.len() == KEPT {
            ring.ends.pop_front();
        }
        ring.ends.push_back(lasted);
        ring.lesson = self.lessons;
    }

    /// What was before everything that is known: it fills the room that is left.
    pub(crate) fn learn_earlier(&mut self, mut learned: Vec<Learned>) {
        learned.sort();
        for Learned { of, lasted, .. } in learned.into_iter().rev() {
            if self.rings.len() >= TASKS && !self.rings.contains_key(&of) {
                continue;
            }
            let ring = Arc::make_mut(self.rings.entry(of).or_default());
            if ring.ends.len() < KEPT {
                ring.ends.push_front(lasted);
            }
        }
    }

    fn forget_some(&mut self) {
        let mut lessons: Vec<u64> = self.rings.values().map(|ring| ring.lesson).collect();
        let (_, last, _) = lessons.select_nth_unstable(FORGOTTEN);
        let last = *last;
        self.rings.retain(|_, ring| ring.lesson > last);
    }

    /// How an attempt goes that has lasted for `so_far_ms` already. None: nothing is known of such tasks. What has lasted
    /// longer than all that are known is taken to last as long again.
    pub(super) fn draw(&self, of: &TaskOf, so_far_ms: u64, luck: u64) -> Option<Drawn> {
        let ring = self.rings.get(of)?;
        let mut longer: Vec<Lasted> = ring.ends.iter().filter(|end| end.ms > so_far_ms).copied().collect();
        if longer.is_empty() && !ring.ends.is_empty() {
            let ms = so_far_ms.saturating_mul(2).max(so_far_ms.saturating_add(1));
            return Some(Drawn { lasted: Lasted { ms, ended_well: true }, is_certain: true });
        }
        longer.sort_unstable();
        let place = usize::try_from(luck % (longer.len() as u64).max(1)).unwrap_or(0);
        let lasted = *longer.get(place)?;
        Some(Drawn { lasted, is_certain: longer.first() == longer.last() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(task: u64) -> TaskOf {
        TaskOf {
            project: "lab".parse().unwrap(),
            workflow: "digits".parse().unwrap(),
            task: format!("t{task}").parse().unwrap(),
        }
    }

    fn well(ms: u64) -> Lasted {
        Lasted { ms, ended_well: true }
    }

    fn ends(durations: &Durations, task: u64) -> Vec<u64> {
        durations.rings.get(&of(task)).map_or(Vec::new(), |ring| ring.ends.iter().map(|end| end.ms).collect())
    }

    proptest! {
        #[test]
        fn what_the_records_give_back_is_what_was_known_before_the_restart(
            all in prop::collection::vec((0u64..4, 1u64..1_000), 0..200), restart in 0usize..200
        ) {
            let mut never_away = Durations::default();
            for (task, ms) in &all {
                never_away.learn(of(*task), well(*ms));
            }
            // Those after the restart are learned as they come, and those before it are read meanwhile.
            let (before, after) = all.split_at(restart.min(all.len()));
            let mut restarted = Durations::default();
            for (task, ms) in after {
                restarted.learn(of(*task), well(*ms));
            }
            let read = before.iter().enumerate().map(|(at, (task, ms))| Learned {
                at: Timestamp(at as i64), of: of(*task), lasted: well(*ms),
            });
            restarted.learn_earlier(read.collect());
            for task in 0..4 {
                prop_assert_eq!(ends(&restarted, task), ends(&never_away, task));
            }
        }
    }

    #[test]
    fn only_so_much_is_kept_and_the_longest_unheard_of_is_forgotten() {
        let mut durations = Durations::default();
        for ms in 0..100 {
            durations.learn(of(0), well(ms));
        }
        assert_eq!(ends(&durations, 0), (68..100).collect::<Vec<_>>());
        for task in 1..=TASKS as u64 {
            durations.learn(of(task), well(1));
            durations.learn(of(0), well(1));
        }
        assert!(durations.rings.len() <= TASKS);
        assert!(ends(&durations, 1).is_empty() && !ends(&durations, 0).is_empty());
        assert!(!ends(&durations, TASKS as u64).is_empty());
    }

    #[test]
    fn what_is_drawn_was_seen_and_is_longer_than_what_has_passed() {
        let mut durations = Durations::default();
        assert_eq!(durations.draw(&of(0), 0, 7), None, "nothing is invented");
        for ms in [10, 20, 30] {
            durations.learn(of(0), well(ms));
        }
        for luck in 0..20 {
            let drawn = durations.draw(&of(0), 15, luck).unwrap();
            assert!([20, 30].contains(&drawn.lasted.ms) && !drawn.is_certain);
        }
        let last = durations.draw(&of(0), 25, 3).unwrap();
        assert_eq!((last.lasted.ms, last.is_certain), (30, true));
        assert_eq!(durations.draw(&of(0), 500, 3).unwrap().lasted.ms, 1_000, "it lasts as long again");
        assert_eq!(durations.draw(&of(0), u64::MAX, 3).unwrap().lasted.ms, u64::MAX);
    }
}
