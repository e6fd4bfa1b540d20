//! Reads what a person decides: what has to be looked up before the planner judges it.

use emboflow_protocol::request::{Answer, DecideBody, check_decision};
use emboflow_protocol::{ErrorCode, FieldError};
use emboflow_records::{RecordsError, fresh_run, fresh_task};

use super::message::{Refusal, Request};
use super::requests::{Reader, Understood, run_not_found};
use super::world::World;
use crate::planner::{Deciding, Input, Judged, judge};

impl<W: World> Reader<'_, W> {
    /// A decision on a task; `place` names it in the tick. One on a run that has ended is judged here: it may be a
    /// repetition.
    pub(super) async fn decide(
        &self,
        request: &Request,
        body: DecideBody,
        place: usize,
    ) -> Result<Result<Understood, Refusal>, RecordsError> {
        let deciding = match deciding(request, body, place) {
            Ok(deciding) => deciding,
            Err(errors) => return Ok(Err(errors)),
        };
        let (run, task) = (deciding.run, &deciding.task);
        let no_task = || {
            let message = format!("{run} has no task {task}");
            Ok(Err(vec![FieldError::new(ErrorCode::TaskNotFound, message)]))
        };
        let open = self.planner.run(run).filter(|open| open.run.summary.project == request.project);
        if let Some(open) = open {
            return match open.run.tasks.contains_key(task) {
                true => Ok(Ok(Understood::Input(run, Input::Decide(Box::new(deciding))))),
                false => no_task(),
            };
        }
        let summary = fresh_run(self.records, run).await?;
        let Some(summary) = summary.filter(|summary| summary.project == request.project) else {
            return Ok(Err(vec![run_not_found(request, run)]));
        };
        let Some(task) = fresh_task(self.records, run, task).await? else { return no_task() };
        Ok(match judge(&task, &deciding) {
            Ok(Judged::Repeated) => {
                let run = Some(Box::new(summary));
                Ok(Understood::Done(Answer::Accepted { run_id: deciding.run, repeated: true, run }))
            }
            Ok(Judged::New(_)) => {
                let message = format!("{run} is {}: nothing of it waits for a decision", summary.state);
                Err(vec![FieldError::new(ErrorCode::ApprovalNotOpen, message)])
            }
            Err(errors) => Err(errors),
        })
    }
}

/// Errors: what is wrong with it whatever it is about; and somebody says who decides whom nobody believes it.
fn deciding(request: &Request, body: DecideBody, place: usize) -> Result<Deciding, Refusal> {
    let mut errors = check_decision(&body);
    if body.by.is_some() && !request.says_who {
        let message = "who decides is known by who publishes: leave `by` out";
        let error = FieldError::new(ErrorCode::RequestInvalid, message);
        errors.push(FieldError { pointer: Some("/by".to_owned()), ..error });
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let DecideBody { run, task, approve, inputs, comment, by } = body;
    let by = by.unwrap_or_else(|| format!("nats:{}", request.project));
    let comment = comment.filter(|comment| !comment.trim().is_empty());
    Ok(Deciding { run, task, approve, inputs, comment, by, place })
}
