//! Reads run requests: from a message to inputs for the planner, and to an answer.

use std::collections::HashMap;
use std::sync::Arc;

use emboflow_model::child::WorkflowPins;
use emboflow_model::transition::Accepted;
use emboflow_model::workflow::Workflow;
use emboflow_model::{Anew, ProjectName, RunId, RunState};
use emboflow_protocol::request::{Answer, DecideBody, RunBody, SubmitBody, Verb, check_labels, check_reason};
use emboflow_protocol::{ErrorCode, FieldError};
use emboflow_records::{Records, RecordsError, RequestOutcome};
use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::children;
use super::known_projects::KnownProjects;
use super::known_requests::{Decided, KnownRequest, KnownRequests};
use super::message::{Asked, Message, Refusal, Request, parse_body};
use super::queues::NewQueues;
use super::turn;
use super::uploads;
use super::workflows::Workflows;
use super::world::World;
use crate::planner::{Input, Planner, RunCommand, Submission};

/// What became of a message.
pub(super) struct Read {
    pub(super) reply: Option<(String, Reply)>,
    /// Why the message goes to the dead letters too: nobody could read it.
    pub(super) unreadable: Option<String>,
}

/// The answer, as far as it is known before the decision.
pub(super) enum Reply {
    /// To a request.
    One(Settled),
    /// To a batch.
    Batch(Vec<Settled>),
}

/// What becomes of one request.
pub(super) enum Settled {
    /// Known already.
    Now(Answer),
    /// This run, as it is after the decision.
    Run(RunId),
    /// What becomes of a person's decision on a task of this run, by its place among the inputs.
    Decided(RunId, usize),
}

/// What requests are read with.
pub(super) struct Reader<'d, W> {
    pub(super) world: &'d W,
    pub(super) planner: &'d Planner,
    pub(super) records: &'d dyn Records,
    pub(super) known: &'d mut KnownRequests,
    pub(super) projects: &'d mut KnownProjects,
    pub(super) workflows: &'d mut Workflows,
    pub(super) queues: NewQueues,
}

/// Answers that were given earlier, by project and key.
#[derive(Default)]
pub(super) struct Earlier(HashMap<(ProjectName, String), KnownRequest>);

impl<W: World> Reader<'_, W> {
    /// Looks the keys of all these messages up at once. Errors: the records do not answer.
    pub(super) async fn look_up(&self, messages: &[Message]) -> Result<Earlier, RecordsError> {
        let requests = messages.iter().flat_map(Message::requests).filter(|request| request.makes_run());
        let unknown = requests.filter(|request| self.known.get(&request.project, &request.key).is_none());
        let keys: Vec<_> = unknown.map(|request| (request.project.clone(), request.key.clone())).collect();
        if keys.is_empty() {
            return Ok(Earlier::default());
        }
        let stored = self.records.requests(&keys).await?;
        let found = keys.into_iter().zip(stored).filter_map(|(key, stored)| {
            let stored = stored?;
            Some((key, KnownRequest { body_sha256: stored.body_sha256, outcome: stored.outcome.into() }))
        });
        Ok(Earlier(found.collect()))
    }

    /// Reads one message; what it comes to joins `inputs`. Errors: the records do not answer, and the message comes
    /// again. What was read of a batch until then stays read: its keys are known when it comes.
    pub(super) async fn read(
        &mut self,
        message: Message,
        earlier: &Earlier,
        inputs: &mut Vec<Input>,
    ) -> Result<Read, RecordsError> {
        let mut unreadable = None;
        let reply = match message.asked {
            Asked::Unreadable { why, errors } => {
                unreadable = Some(why);
                Reply::One(Settled::Now(Answer::Rejected { errors }))
            }
            Asked::One(request) => {
                let (input, settled) = self.settle(request, earlier, inputs.len()).await?;
                inputs.extend(self.queues.news());
                if let Settled::Now(Answer::Rejected { errors }) = &settled {
                    unreadable = malformed(errors);
                }
                inputs.extend(input);
                Reply::One(settled)
            }
            Asked::Batch(requests) => {
                let mut all = Vec::with_capacity(requests.len());
                for request in requests {
                    let (input, settled) = self.settle(request, earlier, inputs.len()).await?;
                    inputs.extend(self.queues.news());
                    inputs.extend(input);
                    all.push(settled);
                }
                Reply::Batch(all)
            }
        };
        Ok(Read { reply: message.reply_to.map(|subject| (subject, reply)), unreadable })
    }

    /// What one request comes to; `place` is that of its input in the tick.
    async fn settle(
        &mut self,
        mut request: Request,
        earlier: &Earlier,
        place: usize,
    ) -> Result<(Option<Input>, Settled), RecordsError> {
        let makes_run = request.makes_run();
        if makes_run && let Some(answer) = self.earlier_answer(&request, earlier) {
            return Ok((None, Settled::Now(answer)));
        }
        let mut refusal = std::mem::take(&mut request.refusal);
        if makes_run && refusal.is_empty() && !self.projects.contain(self.records, &request.project).await? {
            let message = format!("there is no project '{}'", request.project);
            refusal.push(FieldError::new(ErrorCode::ProjectNotFound, message));
        }
        let understood =
            if refusal.is_empty() { self.understand(&request, place).await? } else { Err(refusal) };
        Ok(match understood {
            Ok(Understood::Done(answer)) => (None, Settled::Now(answer)),
            Ok(Understood::Input(run, input @ Input::Decide(_))) => {
                (Some(input), Settled::Decided(run, place))
            }
            Ok(Understood::Input(run, input)) => {
                if makes_run {
                    self.remember(&request, Decided::Accepted(run));
                }
                (Some(input), Settled::Run(run))
            }
            Err(errors) => {
                let answer = Settled::Now(Answer::Rejected { errors: errors.clone() });
                if !makes_run {
                    return Ok((None, answer));
                }
                self.remember(&request, Decided::Rejected(errors.clone()));
                let Request { project, key, body_sha256, .. } = request;
                (Some(Input::Reject { project, key, body_sha256, errors }), answer)
            }
        })
    }

    fn remember(&mut self, request: &Request, outcome: Decided) {
        let known = KnownRequest { body_sha256: request.body_sha256.clone(), outcome };
        self.known.insert(request.project.clone(), request.key.clone(), known);
    }

    /// The answer to the same key, given before.
    fn earlier_answer(&self, request: &Request, earlier: &Earlier) -> Option<Answer> {
        let known = self.known.get(&request.project, &request.key);
        let known = known.or_else(|| earlier.0.get(&(request.project.clone(), request.key.clone())))?;
        if known.body_sha256 != request.body_sha256 {
            let message = format!("the key '{}' was used for a request with another body", request.key);
            let errors = vec![FieldError::new(ErrorCode::RequestKeyReused, message)];
            return Some(Answer::Rejected { errors });
        }
        Some(match &known.outcome {
            Decided::Accepted(run_id) => Answer::Accepted { run_id: *run_id, repeated: true, run: None },
            Decided::Rejected(errors) => Answer::Rejected { errors: errors.clone() },
        })
    }

    async fn understand(
        &mut self,
        request: &Request,
        place: usize,
    ) -> Result<Result<Understood, Refusal>, RecordsError> {
        match request.verb {
            Verb::Submit => match parse_body::<SubmitBody>(&request.body) {
                Ok(body) => self.submit(request, body).await,
                Err(errors) => Ok(Err(errors)),
            },
            Verb::Decide => match parse_body::<DecideBody>(&request.body) {
                Ok(body) => self.decide(request, body, place).await,
                Err(errors) => Ok(Err(errors)),
            },
            verb => match parse_body::<RunBody>(&request.body) {
                Ok(body) => match check_reason(body.reason.as_deref()) {
                    errors if !errors.is_empty() => Ok(Err(errors)),
                    _ if verb == Verb::Retry => self.retry(request, body).await,
                    _ => self.command(request, verb, body).await,
                },
                Err(errors) => Ok(Err(errors)),
            },
        }
    }

    async fn submit(
        &mut self,
        request: &Request,
        body: SubmitBody,
    ) -> Result<Result<Understood, Refusal>, RecordsError> {
        let source = match (body.source, body.workflow) {
            (Some(source), None) => source,
            (None, Some(name)) => match self.stored_source(&request.project, &name).await? {
                Some(source) => source,
                None => {
                    let message = format!("project {} has no workflow '{name}'", request.project);
                    return Ok(Err(vec![FieldError::new(ErrorCode::WorkflowNotFound, message)]));
                }
            },
            _ => {
                let message =
                    "the body needs exactly one of `source` (a workflow file) and `workflow` (a name)";
                return Ok(Err(vec![FieldError::new(ErrorCode::RequestMalformed, message)]));
            }
        };
        let origin = Origin {
            run: self.world.new_run_id(),
            project: &request.project,
            key: &request.key,
            body_sha256: &request.body_sha256,
            trace_id: &request.trace_id,
            anew: if body.no_cache { Anew::Everything } else { Anew::Nothing },
        };
        let asked = turn::Asked { queue: body.queue, fairness_key: body.fairness_key };
        let made = self.make(origin, &source, body.inputs, body.labels, asked).await?;
        Ok(made.map(|submission| Understood::Input(submission.run, Input::Submit(Box::new(submission)))))
    }

    /// The run that a workflow file and values for its inputs make, or everything that is wrong with them.
    pub(super) async fn make(
        &mut self,
        origin: Origin<'_>,
        source: &str,
        inputs: Map<String, Value>,
        labels: IndexMap<String, String>,
        asked: turn::Asked,
    ) -> Result<Result<Submission, Refusal>, RecordsError> {
        let Origin { run, project, key, body_sha256, trace_id, anew } = origin;
        let made = self.workflows.parse(source).and_then(|workflow| {
            let inputs = workflow.resolve_inputs(&inputs)?;
            let labels = workflow.labels().into_iter().chain(labels).collect();
            let tasks = workflow.layout(&inputs)?.graph.to_vec();
            let accepted = Accepted {
                workflow: workflow_name(&workflow),
                digest: workflow.digest.clone(),
                source: Arc::clone(&workflow.source),
                inputs,
                labels,
                key: key.to_owned(),
                body_sha256: body_sha256.to_owned(),
                trace_id: trace_id.to_owned(),
                recovered_from: None,
                uploads: emboflow_model::upload::Pins::new(),
                anew,
                parent: None,
                workflows: WorkflowPins::new(),
                queue: emboflow_model::QueueName::default(),
                fairness_key: None,
                tasks,
            };
            Ok(Submission { run, project: project.clone(), workflow, accepted })
        });
        Ok(match made {
            Ok(mut submission) => match self.take_turn(&mut submission, asked).await? {
                Ok(()) => self.pinned(submission).await?,
                Err(errors) => Err(errors),
            },
            Err(problems) => Err(problems.into_iter().map(FieldError::from).collect()),
        })
    }

    /// Fills in the queue and the fairness key. Errors: also labels that nobody can have.
    async fn take_turn(
        &mut self,
        submission: &mut Submission,
        asked: turn::Asked,
    ) -> Result<Result<(), Refusal>, RecordsError> {
        let Submission { run, project, workflow, accepted } = submission;
        let errors = check_labels(&accepted.labels);
        if !errors.is_empty() {
            return Ok(Err(errors));
        }
        let unknown = match asked.queue.as_deref().or(workflow.queue()) {
            Some(queue) => self.queues.unknown(self.planner, self.records, queue).await?,
            None => None,
        };
        let turn = turn::turn(unknown, workflow, (*run, project, &accepted.inputs), asked);
        Ok(turn.map(|turn| (accepted.queue, accepted.fairness_key) = (turn.queue, turn.fairness_key)))
    }

    /// The submission with the uploads and the workflows that its run uses to its end.
    async fn pinned(
        &mut self,
        mut submission: Submission,
    ) -> Result<Result<Submission, Refusal>, RecordsError> {
        let Submission { project, workflow, accepted, .. } = &submission;
        let pins = uploads::pin(self.records, project, workflow, &accepted.inputs, &accepted.uploads).await?;
        let workflows = children::pin(self.records, project, workflow, &accepted.workflows).await?;
        let not_given =
            children::not_given(self.records, self.workflows, project, workflow, &workflows).await?;
        if !not_given.is_empty() {
            return Ok(Err(not_given));
        }
        Ok(pins.map(|pins| {
            (submission.accepted.uploads, submission.accepted.workflows) = (pins, workflows);
            submission
        }))
    }

    async fn stored_source(&self, project: &ProjectName, name: &str) -> Result<Option<String>, RecordsError> {
        let Ok(name) = name.parse() else { return Ok(None) };
        let stored = self.records.workflow(project, &name, None).await?;
        Ok(stored.map(|workflow| workflow.source.to_string()))
    }

    /// Cancel, pause, resume: for a run that is open.
    async fn command(
        &self,
        request: &Request,
        verb: Verb,
        body: RunBody,
    ) -> Result<Result<Understood, Refusal>, RecordsError> {
        let run = body.run;
        let summary = match self.planner.run(run) {
            Some(open) => Some(open.run.summary.clone()),
            None => emboflow_records::fresh_run(self.records, run).await?,
        };
        let Some(summary) = summary.filter(|summary| summary.project == request.project) else {
            return Ok(Err(vec![run_not_found(request, run)]));
        };
        let state = summary.state;
        let done = match verb {
            Verb::Cancel if body.skip_finally && self.planner.has_finals_left(run) => false,
            Verb::Cancel => matches!(state, RunState::Cancelling | RunState::Cancelled),
            Verb::Pause => state == RunState::Paused,
            _ => state == RunState::Running,
        };
        if done {
            let run = Some(Box::new(summary));
            return Ok(Ok(Understood::Done(Answer::Accepted { run_id: body.run, repeated: true, run })));
        }
        let (command, to) = match verb {
            Verb::Cancel if body.skip_finally => {
                (RunCommand::CancelWhole { reason: body.reason }, RunState::Cancelling)
            }
            Verb::Cancel => (RunCommand::Cancel { reason: body.reason }, RunState::Cancelling),
            Verb::Pause => (RunCommand::Pause { reason: body.reason }, RunState::Paused),
            _ => (RunCommand::Resume, RunState::Running),
        };
        let may_become = state.may_become(to) || (verb == Verb::Cancel && state == to);
        let allowed = may_become && (verb != Verb::Resume || state == RunState::Paused);
        if !allowed {
            let message = format!("{run} is {state}: it cannot become {to}");
            return Ok(Err(vec![FieldError::new(ErrorCode::RunStateConflict, message)]));
        }
        Ok(Ok(Understood::Input(run, Input::Command { run, command })))
    }
}

/// Where a run comes from.
pub(super) struct Origin<'o> {
    /// The run that is to be.
    pub(super) run: RunId,
    pub(super) project: &'o ProjectName,
    pub(super) key: &'o str,
    pub(super) body_sha256: &'o str,
    pub(super) trace_id: &'o str,
    /// What runs in any case.
    pub(super) anew: Anew,
}

/// What a readable request comes to.
pub(super) enum Understood {
    /// The planner decides on it.
    Input(RunId, Input),
    /// There is nothing to decide.
    Done(Answer),
}

/// Whether the refusal means that the message itself could not be read.
fn malformed(errors: &Refusal) -> Option<String> {
    let malformed = errors.iter().find(|error| error.code == ErrorCode::RequestMalformed.code())?;
    Some(malformed.message.clone())
}

pub(super) fn run_not_found(request: &Request, run: RunId) -> FieldError {
    FieldError::new(ErrorCode::RunNotFound, format!("project {} has no run {run}", request.project))
}

fn workflow_name(workflow: &Workflow) -> emboflow_model::WorkflowName {
    workflow.name.parse().expect("the validator lets only names through")
}

impl From<RequestOutcome> for Decided {
    fn from(stored: RequestOutcome) -> Self {
        match stored {
            RequestOutcome::Accepted(run) => Self::Accepted(run),
            RequestOutcome::Rejected(errors) => Self::Rejected(
                errors.into_iter().filter_map(|error| serde_json::from_value(error).ok()).collect(),
            ),
        }
    }
}
