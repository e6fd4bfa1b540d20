//! Anyone → scheduler: the one way in. The body is what people write; project and verb are in the subject, the key
//! and the reply subject in headers.

use emboflow_model::name::{LABEL_NAME_PATTERN, is_label_name};
pub use emboflow_model::workflow::limits::{MAX_LABEL_CHARS, MAX_LABELS};
use emboflow_model::{ProjectName, RunId, RunSummary, TaskKey};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::error::{ErrorCode, FieldError};
use crate::message::{ROOT, Subject};

/// What a request asks for: the last token of its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// A new run ([`SubmitBody`]).
    Submit,
    /// Several new runs ([`crate::batch::BatchBody`]).
    Batch,
    /// End a run ([`RunBody`]).
    Cancel,
    /// A new run that repeats tasks of another one and takes over the results of the rest ([`RunBody`]).
    Retry,
    /// Start no more attempts of a run ([`RunBody`]).
    Pause,
    /// Go on with a paused run ([`RunBody`]).
    Resume,
    /// Decide on a task that waits for a person ([`DecideBody`]).
    Decide,
}

impl Verb {
    /// Every verb.
    pub const ALL: &'static [Verb] =
        &[Verb::Submit, Verb::Batch, Verb::Cancel, Verb::Retry, Verb::Pause, Verb::Resume, Verb::Decide];

    /// The token in the subject.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Batch => "batch",
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Decide => "decide",
        }
    }
}

/// The token of requests that say who asks.
const DECISION: &str = "decision";

/// `emboflow.request.<project>.<verb>`.
pub fn request_subject(project: &ProjectName, verb: Verb) -> Subject {
    Subject::new(&[&"request", project, &verb.token()])
}

/// `emboflow.decision.<project>`: a decision whose body says who made it. Only the API may publish there, which knows.
pub fn decision_subject(project: &ProjectName) -> Subject {
    Subject::new(&[&DECISION, project])
}

/// The subjects of all decisions that say who made them.
pub fn decision_filter() -> Subject {
    Subject::new(&[&DECISION, &"*"])
}

/// Whether what is published under this subject is believed when it says who asks.
pub fn says_who(subject: &str) -> bool {
    decision_project(subject).is_some()
}

fn decision_project(subject: &str) -> Option<&str> {
    subject.strip_prefix(ROOT)?.strip_prefix('.')?.strip_prefix(DECISION)?.strip_prefix('.')
}

/// The subjects of all requests, or of one project's, whatever the verb: a typo in it is to be answered.
pub fn request_filter(project: Option<&ProjectName>) -> Subject {
    below("request", project)
}

/// The subjects of requests for one thing, in all projects or in one.
pub fn verb_filter(project: Option<&ProjectName>, verb: Verb) -> Subject {
    match project {
        None => Subject::new(&[&"request", &"*", &verb.token()]),
        Some(project) => request_subject(project, verb),
    }
}

/// The subjects of all answers, or of one project's.
pub fn replies(project: Option<&ProjectName>) -> Subject {
    below("reply", project)
}

fn below(kind: &str, project: Option<&ProjectName>) -> Subject {
    match project {
        None => Subject::new(&[&kind, &">"]),
        Some(project) => Subject::new(&[&kind, project, &">"]),
    }
}

/// Project and verb of a request's subject. The error is fit for the publisher.
pub fn parse_request_subject(subject: &str) -> Result<(ProjectName, Verb), BadSubject> {
    let bad = |why: String| BadSubject { subject: subject.to_owned(), why };
    if let Some(project) = decision_project(subject) {
        let project = ProjectName::new(project).map_err(|error| bad(error.to_string()))?;
        return Ok((project, Verb::Decide));
    }
    let rest = subject
        .strip_prefix(ROOT)
        .and_then(|rest| rest.strip_prefix(".request."))
        .ok_or_else(|| bad("it does not start with emboflow.request.".to_owned()))?;
    let (project, verb) = rest.split_once('.').ok_or_else(|| bad("the verb is missing".to_owned()))?;
    let project = ProjectName::new(project).map_err(|error| bad(error.to_string()))?;
    let verb = Verb::ALL.iter().copied().find(|known| known.token() == verb).ok_or_else(|| {
        let known: Vec<_> = Verb::ALL.iter().map(|verb| verb.token()).collect();
        bad(format!("'{verb}' is no verb; there are {}", known.join(", ")))
    })?;
    Ok((project, verb))
}

/// The subject of a request names no project or no known verb.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("subject {subject}: {why}")]
pub struct BadSubject {
    /// The subject.
    pub subject: String,
    /// What is wrong with it.
    pub why: String,
}

/// Whether a publisher may have its answer sent there: below its project's reply prefix, or its own inbox.
pub fn is_reply_subject(project: &ProjectName, subject: &str) -> bool {
    let own = format!("{ROOT}.reply.{project}.");
    let is_plain =
        !subject.contains(['*', '>', ' ', '\t', '\r', '\n']) && !subject.split('.').any(str::is_empty);
    is_plain && subject.len() <= 256 && (subject.starts_with(&own) || subject.starts_with("_INBOX."))
}

/// A subject for the answer to one request of the API.
pub fn reply_subject(project: &ProjectName, token: &str) -> Subject {
    Subject::new(&[&"reply", project, &token])
}

/// The subjects of all answers to one listener, in every project: those of [`reply_subject`] with tokens
/// `<listener>.<anything>`.
pub fn reply_filter(listener: &str) -> Subject {
    Subject::new(&[&"reply", &"*", &listener, &"*"])
}

/// Characters of an idempotency key at most.
pub const MAX_KEY_CHARACTERS: usize = 200;

/// Whether a text can be an idempotency key: visible ASCII characters and no space, the same over HTTP, over NATS and in
/// a batch.
pub fn is_idempotency_key(text: &str) -> bool {
    (1..=MAX_KEY_CHARACTERS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What is wrong with a text that is none.
pub fn bad_idempotency_key() -> String {
    format!("an idempotency key has 1 to {MAX_KEY_CHARACTERS} visible ASCII characters and no space")
}

/// Hex SHA-256 of a request's body, white space around it left out: two requests under one key are the same when
/// theirs are equal, in a batch or not.
pub fn body_sha256(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body.trim_ascii()))
}

/// Characters of a reason at most.
pub const MAX_REASON_CHARS: usize = 1_000;

/// What is wrong with a run's labels; they are in each row of a list, and in each event.
pub fn check_labels(labels: &IndexMap<String, String>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if labels.len() > MAX_LABELS {
        errors.push(invalid("/labels", format!("{} labels; a run has at most {MAX_LABELS}", labels.len())));
    }
    for (name, value) in labels {
        let shown: String = name.chars().take(80).collect();
        let pointer = || format!("/labels/{}", shown.replace('~', "~0").replace('/', "~1"));
        if !is_label_name(name) {
            let why = "letters, digits, `.`, `_`, `/` and `-`, at most 63";
            errors.push(invalid(pointer(), format!("`{shown}` is not a name of a label: {why}")));
        } else if value.chars().count() > MAX_LABEL_CHARS {
            let chars = value.chars().count();
            let message =
                format!("label `{name}` has {chars} characters; at most {MAX_LABEL_CHARS} are kept");
            errors.push(invalid(pointer(), message));
        }
        if errors.len() >= MAX_LABELS {
            break;
        }
    }
    errors
}

/// What is wrong with a reason.
pub fn check_reason(reason: Option<&str>) -> Vec<FieldError> {
    check_words("reason", reason)
}

/// What is wrong with a decision, whatever it is about.
pub fn check_decision(body: &DecideBody) -> Vec<FieldError> {
    let mut errors = check_words("comment", body.comment.as_deref());
    if !body.approve && !body.inputs.is_empty() {
        let message = "a rejection fills nothing in: leave the inputs out, or say it in the comment";
        errors.push(invalid("/inputs", message.to_owned()));
    }
    errors
}

fn check_words(field: &str, words: Option<&str>) -> Vec<FieldError> {
    let chars = words.map_or(0, |words| words.chars().count());
    let error = || {
        invalid(format!("/{field}"), format!("{chars} characters; a {field} has at most {MAX_REASON_CHARS}"))
    };
    if chars > MAX_REASON_CHARS { vec![error()] } else { Vec::new() }
}

fn invalid(pointer: impl Into<String>, message: String) -> FieldError {
    FieldError { pointer: Some(pointer.into()), ..FieldError::new(ErrorCode::RequestInvalid, message) }
}

/// Body of `submit`: exactly one of `source` and `workflow`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitBody {
    /// The text of a workflow file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The name of a workflow that was applied to the project before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// Values for the workflow's inputs.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// Free labels, shown and filtered by; at most 64 with those of the workflow file.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(extend(
        "maxProperties" = MAX_LABELS,
        "propertyNames" = { "pattern": LABEL_NAME_PATTERN },
        "additionalProperties" = { "type": "string", "maxLength": MAX_LABEL_CHARS }
    ))]
    pub labels: IndexMap<String, String>,
    /// The queue in which the run waits, in place of the one that the workflow file names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Runs of one key share fairly with those of others in the project; in place of the file's. At most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fairness_key: Option<String>,
    /// Tasks with `cache` run although the results of other runs would do; what they make takes the place of those.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_cache: bool,
}

/// Body of `cancel`, `retry`, `pause` and `resume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunBody {
    /// The run.
    pub run: RunId,
    /// Why, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_REASON_CHARS))]
    pub reason: Option<String>,
    /// With `retry`: repeat these tasks too, and all that needs them; a fan-out by the name of one task or of all. What
    /// did not end well is repeated in any case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskKey>,
    /// With `retry`: values in place of those of the run; null takes one away, so that the default holds. What reads a
    /// value that is different now is repeated too.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// With `retry`: what is repeated runs although the results of other runs would do; what it makes takes the place of
    /// those.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_cache: bool,
    /// With `cancel`: what follows all other tasks (`finally`) does not run either, or is stopped. Also for a run that is
    /// being cancelled already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_finally: bool,
}

impl RunBody {
    /// A request about this run that says nothing more.
    pub fn of(run: RunId) -> Self {
        Self {
            run,
            reason: None,
            tasks: Vec::new(),
            inputs: Map::new(),
            no_cache: false,
            skip_finally: false,
        }
    }
}

/// Body of `decide`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideBody {
    /// The run.
    pub run: RunId,
    /// The task that waits for a decision.
    pub task: TaskKey,
    /// Approved, or rejected.
    pub approve: bool,
    /// What the approval asks to fill in; defaults are filled in for what is missing. Nothing for a rejection.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// What there is to say to it, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_REASON_CHARS))]
    pub comment: Option<String>,
    /// Who decides, such as `user:anna`. Only the API says it, under `emboflow.decision.<project>`; of everybody else it is
    /// the project: `nats:<project>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Answer {
    /// It is in the records.
    Accepted {
        /// The run that was made or changed.
        run_id: RunId,
        /// The same request (key and body) had been accepted before.
        #[serde(default)]
        repeated: bool,
        /// The run as it is now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<Box<RunSummary>>,
    },
    /// It changed nothing.
    Rejected {
        /// What is wrong.
        errors: Vec<FieldError>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_says_project_and_verb() {
        let project = ProjectName::new("lab").unwrap();
        let subject = request_subject(&project, Verb::Submit);
        assert_eq!(subject.as_str(), "emboflow.request.lab.submit");
        assert_eq!(parse_request_subject(subject.as_str()).unwrap(), (project, Verb::Submit));
    }

    #[test]
    fn a_key_is_visible_and_short() {
        assert!(is_idempotency_key("a/b:1") && is_idempotency_key(&"x".repeat(200)));
        for bad in ["", "a b", "a\tb", "é", &"x".repeat(201)] {
            assert!(!is_idempotency_key(bad), "{bad:?}");
        }
    }

    #[test]
    fn who_decides_is_believed_under_one_subject_only() {
        let project = ProjectName::new("lab").unwrap();
        let own = decision_subject(&project);
        assert_eq!(parse_request_subject(own.as_str()).unwrap(), (project.clone(), Verb::Decide));
        assert!(says_who(own.as_str()));
        let other = request_subject(&project, Verb::Decide);
        assert_eq!(parse_request_subject(other.as_str()).unwrap(), (project, Verb::Decide));
        for not in [other.as_str(), "emboflow.decisions.lab", "emboflow.request.decision.lab", "decision.lab"]
        {
            assert!(!says_who(not), "{not}");
        }
        assert!(parse_request_subject("emboflow.decision.No").is_err());
    }

    #[test]
    fn a_typo_in_the_verb_is_named_with_the_known_ones() {
        let error = parse_request_subject("emboflow.request.lab.sumbit").unwrap_err();
        assert!(error.why.contains("'sumbit'") && error.why.contains("submit"), "{error}");
    }

    #[test]
    fn too_many_or_too_long_labels_are_named_one_by_one() {
        let label = |name: &str, value: String| (name.to_owned(), value);
        let fits = (0..MAX_LABELS).map(|i| (format!("team/part-{i}"), "ü".repeat(MAX_LABEL_CHARS)));
        let mut labels: IndexMap<String, String> = fits.collect();
        assert_eq!(check_labels(&labels), []);
        labels.extend([label("a b", String::new()), label("long/er", "x".repeat(MAX_LABEL_CHARS + 1))]);
        let errors = check_labels(&labels);
        let places: Vec<_> = errors.iter().filter_map(|error| error.pointer.as_deref()).collect();
        assert_eq!(places, ["/labels", "/labels/a b", "/labels/long~1er"]);
        assert!(errors[2].message.contains("257 characters"), "{}", errors[2].message);
        let endless = (0..10_000).map(|i| label(&format!("no name {i}"), String::new())).collect();
        assert!(check_labels(&endless).len() <= MAX_LABELS, "the answer must fit a message");
    }

    #[test]
    fn a_reason_has_at_most_a_thousand_characters() {
        assert_eq!(check_reason(None), []);
        assert_eq!(check_reason(Some(&"ü".repeat(1_000))), []);
        assert_eq!(check_reason(Some(&"ü".repeat(1_001)))[0].code, "request.invalid");
    }

    #[test]
    fn an_answer_goes_only_below_the_projects_prefix_or_to_an_inbox() {
        let project = ProjectName::new("lab").unwrap();
        assert!(is_reply_subject(&project, "emboflow.reply.lab.me.1"));
        assert!(is_reply_subject(&project, "_INBOX.abc"));
        for bad in [
            "emboflow.reply.other.x",
            "emboflow.reply.lab.",
            "emboflow.reply.lab.*",
            "emboflow.request.lab.submit",
            "$JS.API.STREAM.DELETE.X",
            "emboflow.reply.lab.a b",
            "",
        ] {
            assert!(!is_reply_subject(&project, bad), "{bad}");
        }
    }
}
