//! Reads requests that repeat a run: with its own inputs or others, of a run that has ended or is still open.

use emboflow_model::transition::Accepted;
use emboflow_model::{Anew, Run, RunSummary, rerun, run};
use emboflow_protocol::FieldError;
use emboflow_protocol::http::rerun::refusal;
use emboflow_protocol::request::RunBody;
use emboflow_records::RecordsError;
use serde_json::{Map, Value};

use super::message::{Refusal, Request};
use super::requests::{Reader, Understood, run_not_found};
use super::world::World;
use super::{children, turn, uploads};
use crate::planner::{Input, Submission};

impl<W: World> Reader<'_, W> {
    /// The run that is to be made, or why there can be none. Errors: the records do not answer.
    pub(super) async fn retry(
        &mut self,
        request: &Request,
        body: RunBody,
    ) -> Result<Result<Understood, Refusal>, RecordsError> {
        if self.planner.is_removing(body.run) {
            return Ok(Err(vec![run_not_found(request, body.run)]));
        }
        let history = self.records.histories(vec![body.run]).await?.pop().unwrap_or_default();
        let folded = Run::fold(&history).ok().flatten().filter(|run| run.summary.project == request.project);
        let (Some(old), Some(first)) = (folded, history.first().and_then(run::accepted)) else {
            return Ok(Err(vec![run_not_found(request, body.run)]));
        };
        let workflow = match self.workflows.parse(&first.source) {
            Ok(workflow) => workflow,
            Err(problems) => return Ok(Err(problems.into_iter().map(FieldError::from).collect())),
        };
        let inputs = match rerun::check(&old, &workflow, &body.tasks, &body.inputs) {
            Ok(inputs) => inputs,
            Err(refused) => return Ok(Err(refusal(body.run, refused))),
        };
        let accepted = Accepted {
            key: request.key.clone(),
            body_sha256: request.body_sha256.clone(),
            trace_id: request.trace_id.clone(),
            recovered_from: Some(body.run),
            anew: match body.no_cache {
                true => Anew::Everything,
                // Whoever names a task wants it to run.
                false => Anew::of_repeated(body.tasks.iter().map(|task| &task.name)),
            },
            parent: None,
            workflows: children::pin(self.records, &request.project, &workflow, &first.workflows).await?,
            ..first.clone()
        };
        let run = self.world.new_run_id();
        let mut submission = Submission { run, project: request.project.clone(), workflow, accepted };
        if let Err(errors) = self.give(&mut submission, &old.summary, inputs).await? {
            return Ok(Err(errors));
        }
        let submission = Box::new(submission);
        Ok(Ok(Understood::Input(run, Input::Recover { old: Box::new(old), tasks: body.tasks, submission })))
    }

    /// Gives the submission other inputs than `old` had, and all that follows from them. An upload that `old` has pinned
    /// stays the version that the results which are taken over were made of.
    async fn give(
        &self,
        submission: &mut Submission,
        old: &RunSummary,
        inputs: Map<String, Value>,
    ) -> Result<Result<(), Refusal>, RecordsError> {
        let Submission { run, project, workflow, accepted } = submission;
        if inputs == accepted.inputs {
            return Ok(Ok(()));
        }
        match workflow.layout(&inputs) {
            Ok(layout) => accepted.tasks = layout.graph.to_vec(),
            Err(problems) => return Ok(Err(problems.into_iter().map(FieldError::from).collect())),
        }
        match turn::fairness_key_again(workflow, old, *run, &inputs) {
            Ok(key) => accepted.fairness_key = key,
            Err(errors) => return Ok(Err(errors)),
        }
        accepted.inputs = inputs;
        let pins = uploads::pin(self.records, project, workflow, &accepted.inputs, &accepted.uploads).await?;
        Ok(pins.map(|pins| accepted.uploads = pins))
    }
}
