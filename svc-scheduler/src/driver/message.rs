//! From a message of the intake to the requests in it, before anything is looked up.

use bytes::Bytes;
use emboflow_model::ProjectName;
use emboflow_protocol::batch::{BatchBody, BatchRequest, MAX_BATCH_REQUESTS};
use emboflow_protocol::dead_letter::project_of_subject;
use emboflow_protocol::event::trace_id_of;
use emboflow_protocol::request::{
    Verb, bad_idempotency_key, body_sha256, is_idempotency_key, is_reply_subject, parse_request_subject,
    says_who,
};
use emboflow_protocol::stream::MAX_REQUEST_BYTES;
use emboflow_protocol::trace::Caller;
use emboflow_protocol::{ErrorCode, FieldError};
use serde::de::DeserializeOwned;

use super::world::Envelope;

/// Why a request is refused.
pub(super) type Refusal = Vec<FieldError>;

/// One thing that is asked for.
pub(super) struct Request {
    pub(super) project: ProjectName,
    pub(super) verb: Verb,
    pub(super) key: String,
    pub(super) body: Bytes,
    pub(super) body_sha256: String,
    pub(super) trace_id: String,
    /// The span that asks; zero where the caller names none.
    pub(super) caller_span: u64,
    /// What its body says of who asks is true.
    pub(super) says_who: bool,
    /// What is wrong with it whatever its body says.
    pub(super) refusal: Refusal,
}

impl Request {
    /// Whether it asks for a new run: one key makes one.
    pub(super) fn makes_run(&self) -> bool {
        matches!(self.verb, Verb::Submit | Verb::Retry)
    }
}

/// What a message holds.
pub(super) enum Asked {
    /// A request.
    One(Request),
    /// Several, which share an answer.
    Batch(Vec<Request>),
    /// Nothing that can be read as a request.
    Unreadable { why: String, errors: Refusal },
}

/// A message of the intake.
pub(super) struct Message {
    pub(super) asked: Asked,
    pub(super) reply_to: Option<String>,
}

impl Message {
    /// Reads it. Whatever is wrong is said in the result: a typo in the verb is a rejection, not silence, wherever the
    /// project is known. `new_trace_id` gives one to whatever comes without.
    pub(super) fn read(envelope: &Envelope<'_>, new_trace_id: impl Fn() -> String) -> Self {
        let mut reply_to = envelope.reply_to.map(str::to_owned);
        let (project, verb) = match parse_request_subject(envelope.subject) {
            Ok(named) => named,
            Err(error) => {
                let project = project_of_subject(envelope.subject);
                reply_to.take_if(|to| !project.is_some_and(|project| is_reply_subject(&project, to)));
                return Self { asked: unreadable(ErrorCode::RequestSubject, error.to_string()), reply_to };
            }
        };
        let mut refusal = Refusal::new();
        if let Some(subject) = reply_to.take_if(|subject| !is_reply_subject(&project, subject)) {
            let message = format!("'{subject}' is neither below emboflow.reply.{project}. nor an inbox");
            refusal.push(FieldError::new(ErrorCode::RequestReplySubject, message));
        }
        if envelope.payload.len() > MAX_REQUEST_BYTES {
            let message =
                format!("{} bytes, at most {MAX_REQUEST_BYTES} are allowed", envelope.payload.len());
            refusal.push(FieldError::new(ErrorCode::RequestTooLarge, message));
        }
        let asked = match verb {
            Verb::Batch => batch(&project, envelope, &refusal, new_trace_id),
            _ => Asked::One(one(project, verb, envelope, refusal, new_trace_id)),
        };
        Self { asked, reply_to }
    }

    /// The requests in it.
    pub(super) fn requests(&self) -> &[Request] {
        match &self.asked {
            Asked::One(request) => std::slice::from_ref(request),
            Asked::Batch(requests) => requests,
            Asked::Unreadable { .. } => &[],
        }
    }
}

fn one(
    project: ProjectName,
    verb: Verb,
    envelope: &Envelope<'_>,
    mut refusal: Refusal,
    new_trace_id: impl Fn() -> String,
) -> Request {
    let given = envelope.idempotency_key;
    // Without a key of the caller the message is its own: a redelivery finds the same one.
    let own_key = || format!("nats-{}-{}", envelope.published_at.0, envelope.sequence);
    let key = match given {
        Some(key) if !is_idempotency_key(key) => {
            refusal.push(bad_key());
            own_key()
        }
        given => given.map_or_else(own_key, str::to_owned),
    };
    Request {
        project,
        verb,
        key,
        body: envelope.payload.clone(),
        body_sha256: body_sha256(envelope.payload),
        trace_id: trace_id(envelope.traceparent, &new_trace_id),
        caller_span: caller_span(envelope.traceparent),
        says_who: says_who(envelope.subject),
        refusal,
    }
}

fn batch(
    project: &ProjectName,
    envelope: &Envelope<'_>,
    refusal: &Refusal,
    new_trace_id: impl Fn() -> String,
) -> Asked {
    let body = match parse_body::<BatchBody>(envelope.payload) {
        Ok(body) => body,
        Err(errors) => {
            let why = errors.first().map_or_else(String::new, |error| error.message.clone());
            return Asked::Unreadable { why, errors };
        }
    };
    let count = body.requests.len();
    if !(1..=MAX_BATCH_REQUESTS).contains(&count) {
        let why = format!("a batch has 1 to {MAX_BATCH_REQUESTS} requests, not {count}");
        return unreadable(ErrorCode::RequestMalformed, why);
    }
    let read =
        body.requests.into_iter().enumerate().map(|(index, BatchRequest { key, body, traceparent })| {
            let mut refusal = refusal.clone();
            let key = if is_idempotency_key(&key) {
                key
            } else {
                refusal.push(bad_key());
                format!("nats-{}-{}-{index}", envelope.published_at.0, envelope.sequence)
            };
            let body = Bytes::from(Box::<str>::from(body).into_boxed_bytes());
            let traceparent = traceparent.as_deref().or(envelope.traceparent);
            Request {
                project: project.clone(),
                verb: Verb::Submit,
                key,
                body_sha256: body_sha256(&body),
                body,
                trace_id: trace_id(traceparent, &new_trace_id),
                caller_span: caller_span(traceparent),
                says_who: false,
                refusal,
            }
        });
    Asked::Batch(read.collect())
}

fn unreadable(code: ErrorCode, why: String) -> Asked {
    Asked::Unreadable { errors: vec![FieldError::new(code, &why)], why }
}

fn trace_id(traceparent: Option<&str>, new_trace_id: impl Fn() -> String) -> String {
    traceparent.and_then(trace_id_of).unwrap_or_else(new_trace_id)
}

fn caller_span(traceparent: Option<&str>) -> u64 {
    traceparent.and_then(Caller::parse).map_or(0, |caller| caller.span)
}

fn bad_key() -> FieldError {
    FieldError::new(ErrorCode::RequestKeyInvalid, bad_idempotency_key())
}

/// Reads the body of a request. Errors: it is not the JSON of such a request, and where.
pub(super) fn parse_body<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Refusal> {
    let malformed = |what: String| {
        FieldError::new(
            ErrorCode::RequestMalformed,
            format!("the body is not the JSON of this request: {what}"),
        )
    };
    // serde would read a list as the fields in their order; nobody means that.
    if payload.trim_ascii_start().starts_with(b"[") {
        return Err(vec![malformed("it is a list, not an object".to_owned())]);
    }
    serde_json::from_slice(payload).map_err(|error| {
        let at = |place: usize| u32::try_from(place).ok().filter(|place| *place > 0);
        let (line, column) = (at(error.line()), at(error.column()));
        vec![FieldError { line, column, ..malformed(error.to_string()) }]
    })
}
