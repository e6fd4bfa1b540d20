//! A request becomes a run, or a rejection.

use emboflow_model::transition::{Change, Transition};
use emboflow_model::{ProjectName, Rejection, Run, RunId};
use emboflow_protocol::FieldError;

use super::input::Submission;
use super::open_run::OpenRun;
use super::step::Step;

impl Step<'_> {
    /// Makes the run, and queues the tasks that need no others.
    pub(super) fn submit(&mut self, submission: Submission) {
        let run = submission.run;
        if self.has_room(&submission) && self.open(submission) {
            self.admit_run(run);
        }
    }

    /// Whether the project may have one more run; otherwise the request is rejected.
    pub(super) fn has_room(&mut self, submission: &Submission) -> bool {
        let Submission { run, project, accepted, .. } = submission;
        let Some(error) = self.planner.over_quota(project, self.now) else {
            self.planner.quotas.note(project, self.now);
            return true;
        };
        let errors = vec![error];
        self.refused.insert(*run, errors.clone());
        self.reject(project.clone(), accepted.key.clone(), accepted.body_sha256.clone(), errors);
        false
    }

    /// Makes the run without queueing anything. False when it cannot be made.
    pub(super) fn open(&mut self, submission: Submission) -> bool {
        let run = submission.run;
        let Some((open, accepted)) = self.first_state(submission) else { return false };
        self.planner.runs.insert(run, open);
        self.emit(run, accepted);
        true
    }

    /// The run as it is when it is accepted, and the change that accepts it; none when it cannot be made.
    pub(super) fn first_state(&self, submission: Submission) -> Option<(OpenRun, Change)> {
        let Submission { run, project, workflow, accepted } = submission;
        let accepted = Change::Accepted(Box::new(accepted));
        // Only for the fold: number and seq of the real transition are given when the step is sealed.
        let first = Transition {
            shard: self.planner.shard,
            seq: 0,
            run,
            project,
            number: 1,
            at: self.now,
            changes: vec![accepted.clone()],
        };
        let open = OpenRun::new(Run::begin_unsealed(&first).ok()?, workflow).ok()?;
        Some((open, accepted))
    }

    /// Keeps the refusal, so that the same request gets the same answer.
    pub(super) fn reject(
        &mut self,
        project: ProjectName,
        key: String,
        body_sha256: String,
        errors: Vec<FieldError>,
    ) {
        let errors = errors.iter().filter_map(|error| serde_json::to_value(error).ok()).collect();
        let shard = self.planner.shard;
        self.rejections.push(Rejection { shard, seq: 0, at: self.now, project, key, body_sha256, errors });
    }

    /// Queues what needs nothing.
    pub(super) fn start_roots(&mut self, run: RunId) {
        let Some(open) = self.planner.runs.get(&run) else { return };
        let roots: Vec<_> = open.specs.iter().enumerate().filter(|(_, spec)| spec.unmet == 0).collect();
        self.met_specs.extend(roots.into_iter().map(|(index, _)| (run, index)));
        self.touched.push(run);
    }
}
