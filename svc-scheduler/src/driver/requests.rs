//! Reads run requests: from a message to an input for the planner, or to an answer at once.

use std::sync::Arc;

use emboflow_bus::Delivery;
use emboflow_model::transition::Accepted;
use emboflow_model::workflow::Workflow;
use emboflow_model::{ProjectName, Run, RunId, RunState, run};
use emboflow_protocol::dead_letter::project_of_subject;
use emboflow_protocol::event::trace_id_of;
use emboflow_protocol::request::{
    Answer, RunBody, SubmitBody, Verb, is_reply_subject, parse_request_subject,
};
use emboflow_protocol::stream::MAX_REQUEST_BYTES;
use emboflow_protocol::{ErrorCode, FieldError};
use emboflow_records::{Records, RecordsError, RequestOutcome};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::known_requests::{Decided, KnownRequest, KnownRequests};
use super::workflows::Workflows;
use crate::planner::{Input, Planner, RunCommand, Submission, kept_tasks, planned_specs};

/// Characters of an idempotency key at most.
const MAX_KEY_LENGTH: usize = 200;

/// A request as its message says it, before anything is looked up.
pub(super) struct Request {
    project: ProjectName,
    verb: Verb,
    key: String,
    body_sha256: String,
    trace_id: String,
    reply_to: Option<String>,
}

/// What became of a message.
pub(super) struct Read {
    pub(super) input: Option<Input>,
    pub(super) reply: Option<(String, Reply)>,
    /// Why the message goes to the dead letters too: nobody could read it.
    pub(super) unreadable: Option<String>,
}

/// The answer, as far as it is known before the decision.
pub(super) enum Reply {
    /// Known already.
    Now(Answer),
    /// This run, as it is after the decision.
    Run(RunId),
}

/// What requests are read with.
pub(super) struct Reader<'d> {
    pub(super) planner: &'d Planner,
    pub(super) records: &'d dyn Records,
    pub(super) known: &'d mut KnownRequests,
    pub(super) workflows: &'d mut Workflows,
}

type Refusal = Vec<FieldError>;

impl Reader<'_> {
    /// Reads one message. Errors: the records do not answer; the message comes again.
    pub(super) async fn read(&mut self, delivery: &Delivery) -> Result<Read, RecordsError> {
        let (request, refusal) = match identify(delivery) {
            Ok(request) => (request, None),
            Err(Unidentified::NoSubject(why)) => return Ok(misdirected(delivery, why)),
            Err(Unidentified::Refused(request, errors)) => (*request, Some(errors)),
        };
        let makes_run = matches!(request.verb, Verb::Submit | Verb::Retry);
        if makes_run && let Some(answer) = self.earlier_answer(&request).await? {
            return Ok(answered(request, answer));
        }
        let read = match refusal {
            Some(errors) => Err(errors),
            None => self.understand(&request, delivery).await?,
        };
        let unreadable = read.as_ref().err().and_then(|errors| unreadable(errors));
        let mut read = match read {
            Ok(Understood::Done(answer)) => answered(request, answer),
            Ok(Understood::Input(run, input)) => self.decided(request, makes_run, run, input),
            Err(errors) if makes_run => self.rejected(request, errors),
            Err(errors) => answered(request, Answer::Rejected { errors }),
        };
        read.unreadable = unreadable;
        Ok(read)
    }

    fn decided(&mut self, request: Request, makes_run: bool, run: RunId, input: Input) -> Read {
        if makes_run {
            self.remember(&request, Decided::Accepted(run));
        }
        let reply = request.reply_to.map(|subject| (subject, Reply::Run(run)));
        Read { input: Some(input), reply, unreadable: None }
    }

    fn rejected(&mut self, request: Request, errors: Vec<FieldError>) -> Read {
        self.remember(&request, Decided::Rejected(errors.clone()));
        let answer = Answer::Rejected { errors: errors.clone() };
        let reply = request.reply_to.map(|subject| (subject, Reply::Now(answer)));
        let Request { project, key, body_sha256, .. } = request;
        let input = Input::Reject { project, key, body_sha256, errors };
        Read { input: Some(input), reply, unreadable: None }
    }

    fn remember(&mut self, request: &Request, outcome: Decided) {
        let known = KnownRequest { body_sha256: request.body_sha256.clone(), outcome };
        self.known.insert(request.project.clone(), request.key.clone(), known);
    }

    /// The answer to the same key, given before.
    async fn earlier_answer(&self, request: &Request) -> Result<Option<Answer>, RecordsError> {
        let (body_sha256, outcome) = match self.known.get(&request.project, &request.key) {
            Some(known) => (known.body_sha256.clone(), known.outcome.clone()),
            None => match self.records.request(&request.project, &request.key).await? {
                None => return Ok(None),
                Some(stored) => (stored.body_sha256, stored.outcome.into()),
            },
        };
        if body_sha256 != request.body_sha256 {
            let message = format!("the key '{}' was used for a request with another body", request.key);
            return Ok(Some(Answer::Rejected {
                errors: vec![FieldError::new(ErrorCode::RequestKeyReused, message)],
            }));
        }
        Ok(Some(match outcome {
            Decided::Accepted(run_id) => Answer::Accepted { run_id, repeated: true, run: None },
            Decided::Rejected(errors) => Answer::Rejected { errors },
        }))
    }

    async fn understand(
        &mut self,
        request: &Request,
        delivery: &Delivery,
    ) -> Result<Result<Understood, Refusal>, RecordsError> {
        match request.verb {
            Verb::Submit => match parse_body::<SubmitBody>(&delivery.payload) {
                Ok(body) => self.submit(request, body).await,
                Err(errors) => Ok(Err(errors)),
            },
            verb => match parse_body::<RunBody>(&delivery.payload) {
                Ok(body) if verb == Verb::Retry => self.retry(request, body).await,
                Ok(body) => self.command(request, verb, body).await,
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
        let run = new_run_id();
        let made = self.workflows.parse(&source).and_then(|workflow| {
            let inputs = workflow.resolve_inputs(&body.inputs)?;
            let mut labels = workflow.labels();
            labels.extend(body.labels);
            let tasks = planned_specs(&workflow, &inputs)?;
            let accepted = Accepted {
                workflow: workflow_name(&workflow),
                digest: workflow.digest.clone(),
                source: Arc::clone(&workflow.source),
                inputs,
                labels,
                key: request.key.clone(),
                body_sha256: request.body_sha256.clone(),
                trace_id: request.trace_id.clone(),
                recovered_from: None,
                tasks,
            };
            Ok(Submission { run, project: request.project.clone(), workflow, accepted })
        });
        Ok(match made {
            Ok(submission) => Ok(Understood::Input(run, Input::Submit(Box::new(submission)))),
            Err(problems) => Err(problems.into_iter().map(FieldError::from).collect()),
        })
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
            Verb::Cancel => matches!(state, RunState::Cancelling | RunState::Cancelled),
            Verb::Pause => state == RunState::Paused,
            _ => state == RunState::Running,
        };
        if done {
            let run = Some(Box::new(summary));
            return Ok(Ok(Understood::Done(Answer::Accepted { run_id: body.run, repeated: true, run })));
        }
        let (command, to) = match verb {
            Verb::Cancel => (RunCommand::Cancel { reason: body.reason }, RunState::Cancelling),
            Verb::Pause => (RunCommand::Pause { reason: body.reason }, RunState::Paused),
            _ => (RunCommand::Resume, RunState::Running),
        };
        let allowed = state.may_become(to) && (verb != Verb::Resume || state == RunState::Paused);
        if !allowed {
            let message = format!("{run} is {state}: it cannot become {to}");
            return Ok(Err(vec![FieldError::new(ErrorCode::RunStateConflict, message)]));
        }
        Ok(Ok(Understood::Input(run, Input::Command { run, command })))
    }

    async fn retry(
        &mut self,
        request: &Request,
        body: RunBody,
    ) -> Result<Result<Understood, Refusal>, RecordsError> {
        if self.planner.run(body.run).is_some() {
            let message = format!("{} has not ended: cancel it first, or wait", body.run);
            return Ok(Err(vec![FieldError::new(ErrorCode::RunStateConflict, message)]));
        }
        let history = self.records.histories(vec![body.run]).await?.pop().unwrap_or_default();
        let folded = Run::fold(&history).ok().flatten().filter(|run| run.summary.project == request.project);
        let (Some(old), Some(first)) = (folded, history.first().and_then(run::accepted)) else {
            return Ok(Err(vec![run_not_found(request, body.run)]));
        };
        if let Some(unknown) = body.tasks.iter().find(|task| !old.tasks.contains_key(*task)) {
            let message = format!("{} has no task {unknown}", body.run);
            return Ok(Err(vec![FieldError::new(ErrorCode::TaskNotFound, message)]));
        }
        if kept_tasks(&old, &body.tasks).len() == old.tasks.len() {
            let message = format!("every task of {} ended well: name the tasks to repeat", body.run);
            return Ok(Err(vec![FieldError::new(ErrorCode::RunNothingToRetry, message)]));
        }
        let run = new_run_id();
        let workflow = match self.workflows.parse(&first.source) {
            Ok(workflow) => workflow,
            Err(problems) => return Ok(Err(problems.into_iter().map(FieldError::from).collect())),
        };
        let accepted = Accepted {
            key: request.key.clone(),
            body_sha256: request.body_sha256.clone(),
            trace_id: request.trace_id.clone(),
            recovered_from: Some(body.run),
            ..first.clone()
        };
        let submission = Box::new(Submission { run, project: request.project.clone(), workflow, accepted });
        Ok(Ok(Understood::Input(run, Input::Recover { old: Box::new(old), tasks: body.tasks, submission })))
    }
}

/// What a readable request comes to.
enum Understood {
    /// The planner decides on it.
    Input(RunId, Input),
    /// There is nothing to decide.
    Done(Answer),
}

/// A message that is no request that can be carried out.
enum Unidentified {
    /// The subject has no project or no known verb.
    NoSubject(String),
    /// A project, and a reason to refuse it.
    Refused(Box<Request>, Refusal),
}

/// A typo in the verb is a rejection, not silence, wherever the project is known.
fn misdirected(delivery: &Delivery, why: String) -> Read {
    let project = project_of_subject(&delivery.subject);
    let own = |subject: &&str| project.as_ref().is_some_and(|project| is_reply_subject(project, subject));
    let errors = vec![FieldError::new(ErrorCode::RequestSubject, &why)];
    let reply = delivery.headers.reply_to().filter(own);
    let reply = reply.map(|subject| (subject.to_owned(), Reply::Now(Answer::Rejected { errors })));
    Read { input: None, reply, unreadable: Some(why) }
}

fn identify(delivery: &Delivery) -> Result<Request, Unidentified> {
    let (project, verb) = parse_request_subject(&delivery.subject)
        .map_err(|error| Unidentified::NoSubject(error.to_string()))?;
    let body_sha256 = hex(&Sha256::digest(&delivery.payload));
    let given_key = delivery.headers.idempotency_key();
    // Without a key of the caller the message is its own: a redelivery finds the same one.
    let own_key = || format!("nats-{}-{}", delivery.published_at.0, delivery.sequence);
    let traced = delivery.traceparent().and_then(trace_id_of);
    let mut request = Request {
        project,
        verb,
        key: given_key.map_or_else(own_key, str::to_owned),
        body_sha256,
        trace_id: traced.unwrap_or_else(|| Uuid::new_v4().simple().to_string()),
        reply_to: delivery.headers.reply_to().map(str::to_owned),
    };
    let mut errors = Vec::new();
    if let Some(subject) = request.reply_to.take_if(|subject| !is_reply_subject(&request.project, subject)) {
        let message =
            format!("'{subject}' is neither below emboflow.reply.{}. nor an inbox", request.project);
        errors.push(FieldError::new(ErrorCode::RequestReplySubject, message));
    }
    if !is_key(&request.key) {
        let message = format!("an idempotency key has 1 to {MAX_KEY_LENGTH} printable ASCII characters");
        errors.push(FieldError::new(ErrorCode::RequestKeyInvalid, message));
        request.key = own_key();
    }
    if delivery.payload.len() > MAX_REQUEST_BYTES {
        let message = format!("{} bytes, at most {MAX_REQUEST_BYTES} are allowed", delivery.payload.len());
        errors.push(FieldError::new(ErrorCode::RequestTooLarge, message));
    }
    if errors.is_empty() { Ok(request) } else { Err(Unidentified::Refused(Box::new(request), errors)) }
}

fn is_key(key: &str) -> bool {
    (1..=MAX_KEY_LENGTH).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

fn parse_body<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Refusal> {
    // serde would read a list as the fields in their order; nobody means that.
    let object: Result<Map<String, Value>, _> = serde_json::from_slice(payload);
    object.and_then(|object| serde_json::from_value(Value::Object(object))).map_err(
        |error: serde_json::Error| {
            let at = |place: usize| u32::try_from(place).ok().filter(|place| *place > 0);
            vec![FieldError {
                line: at(error.line()),
                column: at(error.column()),
                ..FieldError::new(
                    ErrorCode::RequestMalformed,
                    format!("the body is not the JSON of this request: {error}"),
                )
            }]
        },
    )
}

/// Whether the refusal means that the message itself could not be read.
fn unreadable(errors: &[FieldError]) -> Option<String> {
    let malformed = errors.iter().find(|error| error.code == ErrorCode::RequestMalformed.code())?;
    Some(malformed.message.clone())
}

fn answered(request: Request, answer: Answer) -> Read {
    let reply = request.reply_to.map(|subject| (subject, Reply::Now(answer)));
    Read { input: None, reply, unreadable: None }
}

fn run_not_found(request: &Request, run: RunId) -> FieldError {
    FieldError::new(ErrorCode::RunNotFound, format!("project {} has no run {run}", request.project))
}

fn new_run_id() -> RunId {
    RunId::from_bits(Uuid::now_v7().as_u128())
}

fn workflow_name(workflow: &Workflow) -> emboflow_model::WorkflowName {
    workflow.name.parse().expect("the validator lets only names through")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
