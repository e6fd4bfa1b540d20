//! For the simulation: whether what the planner has in memory is what the log gives.

use std::collections::{BTreeMap, BTreeSet};

use emboflow_model::{AttemptId, ExecutorId, Resources, Run, RunId, TaskKey};

use super::open_run::SpecProgress;
use super::{OpenRun, Planner};

impl Planner {
    /// Compares the memory with the runs that the log gives. Errors: what differs.
    pub(crate) fn audit<'j>(
        &self,
        logged: impl Fn(RunId) -> Option<&'j Run>,
        is_deep: bool,
    ) -> Result<(), String> {
        self.audit_allocations()?;
        self.audit_strays()?;
        self.audit_approvals()?;
        self.audit_questions()?;
        if is_deep {
            self.audit_runs(logged)?;
        }
        Ok(())
    }

    /// What executors hold follows from the open attempts alone.
    fn audit_allocations(&self) -> Result<(), String> {
        let mut derived: BTreeMap<&ExecutorId, (BTreeSet<AttemptId>, Resources)> = BTreeMap::new();
        for open in self.runs.values() {
            for task in open.run.tasks.values() {
                let Some(attempt) = task.open_attempt() else { continue };
                let id = AttemptId { run: open.id(), task: task.key.clone(), number: attempt.number };
                let (ids, used) = derived.entry(&attempt.executor).or_default();
                ids.insert(id);
                *used = used.plus(&attempt.resources);
            }
        }
        for (id, known) in &self.executors {
            let (open, used) = derived.remove(id).unwrap_or_default();
            let holding: BTreeSet<AttemptId> = known.open.keys().cloned().collect();
            if holding != open || known.used != used {
                return Err(format!("{id} holds {:?}, and {open:?} is open on it", holding));
            }
        }
        match derived.keys().next() {
            Some(unknown) => Err(format!("{unknown} has open attempts and is not known")),
            None => Ok(()),
        }
    }

    /// So does what may still run of those that were given up.
    fn audit_strays(&self) -> Result<(), String> {
        let mut derived: BTreeSet<(&ExecutorId, AttemptId)> = BTreeSet::new();
        for open in self.runs.values() {
            for task in open.run.tasks.values() {
                derived.extend(task.strays().map(|attempt| {
                    let id = AttemptId { run: open.id(), task: task.key.clone(), number: attempt.number };
                    (&attempt.executor, id)
                }));
            }
        }
        let strays = |(id, known)| -> Vec<_> {
            let known: &super::executors::KnownExecutor = known;
            known.strays.keys().map(|stray| (id, stray.clone())).collect()
        };
        let kept: BTreeSet<_> = self.executors.iter().flat_map(strays).collect();
        (kept == derived)
            .then_some(())
            .ok_or_else(|| format!("{kept:?} may still run, and by the log {derived:?} may"))
    }

    /// So does what waits for people, here and in what is told of each run.
    fn audit_approvals(&self) -> Result<(), String> {
        let mut derived: BTreeSet<(RunId, &TaskKey)> = BTreeSet::new();
        for open in self.runs.values() {
            let asked: BTreeSet<&TaskKey> =
                open.run.tasks.values().filter_map(|task| task.open_approval().map(|_| &task.key)).collect();
            let told: BTreeSet<&TaskKey> = open.run.summary.approvals.iter().collect();
            if asked != told {
                return Err(format!("{} says that {told:?} wait for people, and {asked:?} do", open.id()));
            }
            derived.extend(asked.into_iter().map(|task| (open.id(), task)));
        }
        let kept: BTreeSet<(RunId, &TaskKey)> = self.approvals().collect();
        (kept == derived)
            .then_some(())
            .ok_or_else(|| format!("{kept:?} wait for people, and by the log {derived:?} do"))
    }

    fn audit_runs<'j>(&self, logged: impl Fn(RunId) -> Option<&'j Run>) -> Result<(), String> {
        for open in self.runs.values() {
            let id = &open.id();
            let Some(logged) = logged(*id) else { return Err(format!("{id} is open and not in the log")) };
            if open.run != *logged {
                return Err(format!("{id} is not what the log says"));
            }
            let anew = OpenRun::new(logged.clone(), open.workflow.clone())
                .map_err(|_| format!("{id} cannot be read back"))?;
            audit_progress(open, &anew)?;
        }
        Ok(())
    }
}

/// Whether the progress is that of a run which was read back from the log. Errors: what differs.
fn audit_progress(open: &OpenRun, anew: &OpenRun) -> Result<(), String> {
    for (spec, (own, anew)) in open.run.summary.graph.iter().zip(open.specs.iter().zip(&anew.specs)) {
        // What a spec waits for says nothing any more once its own tasks have ended.
        let unmet = |spec: &SpecProgress| if spec.unfinished > 0 { spec.unmet } else { 0 };
        let progress = |spec: &SpecProgress| (spec.unfinished, spec.ended_as, unmet(spec));
        if progress(own) != progress(anew) {
            return Err(format!("{}.{} has gone another way than its log", open.id(), spec.name));
        }
    }
    Ok(())
}
