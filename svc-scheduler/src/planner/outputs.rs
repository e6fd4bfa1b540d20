//! What a run gives to whoever started it, and what a task keeps of that. Both are in the log: a start evaluates nothing again.

use emboflow_model::run_outputs::{OutputArtifact, RunOutputs};
use emboflow_model::state::{Reason, RunState};
use emboflow_model::transition::Change;
use emboflow_model::workflow::Problem;
use emboflow_model::{RunId, TaskKey};

use super::open_run::OpenRun;
use super::step::Step;

impl OpenRun {
    /// All that the run gives, whose tasks have ended. Errors: an expression failed, or there is too much.
    fn outputs(&self) -> Result<RunOutputs, Problem> {
        let values = self.workflow.output_values(&self.context_of_all())?;
        let artifacts = self.workflow.output_artifacts().filter_map(|given| {
            let key = TaskKey::single(given.task.parse().ok()?);
            let task = self.run.tasks.get(&key).filter(|task| task.state.is_good())?;
            let made = task.artifacts.iter().find(|artifact| artifact.name == given.output)?;
            let artifact = made.clone().named(given.name);
            Some(OutputArtifact { task: key, output: given.output, artifact })
        });
        Ok(RunOutputs { values, artifacts: artifacts.collect() })
    }
}

impl Step<'_> {
    /// What a run comes to all whose tasks have ended well: one that cannot give what its file says has failed.
    pub(super) fn give_outputs(&mut self, run: RunId) -> (RunState, Option<String>) {
        let open = self.planner.runs.get(&run).filter(|open| open.workflow.has_outputs());
        // Nobody gives values to a copy that looks ahead.
        let Some(open) = open.filter(|_| !self.planner.is_alone) else { return (RunState::Succeeded, None) };
        match open.outputs() {
            Ok(outputs) => {
                self.emit(run, Change::OutputsGiven { outputs: Box::new(outputs) });
                (RunState::Succeeded, None)
            }
            Err(problem) => {
                let Problem { code, pointer, .. } = &problem;
                let output = pointer.trim_start_matches("/outputs/");
                (RunState::Failed, Some(format!("the output {output} cannot be given: {code}: {problem}")))
            }
        }
    }

    /// The task keeps what its file reads of the run that has carried it out. Errors: the run of the task would have more
    /// values than it may; why it fails, and in words.
    pub(super) fn take_outputs(
        &mut self,
        run: RunId,
        task: &TaskKey,
        given: Option<&RunOutputs>,
    ) -> Result<(), (Reason, String)> {
        let (Some(open), Some(given)) = (self.planner.runs.get_mut(&run), given) else { return Ok(()) };
        let kept = open.workflow.kept_of(task.name.as_str(), given);
        if kept.is_empty() {
            return Ok(());
        }
        let total = open.bytes_with(&kept.values);
        open.value_bytes = total.map_err(|message| (Reason::StageOutFailed, message))?;
        self.emit(run, Change::OutputsTaken { task: task.clone(), outputs: Box::new(kept) });
        Ok(())
    }
}
