//! What a trigger of the right shape can still get wrong: time tables, subjects, names, inputs.

use indexmap::IndexMap;
use serde_json::Value;

use super::bad_name;
use crate::name::is_name;
use crate::trigger::{ObjectFilter, Schedule, TriggerKind, TriggerSpec};
use crate::workflow::document::{Document, Problems, join};
use crate::workflow::expression::Template;
use crate::workflow::file::{InputSpec, WorkflowFile};
use crate::workflow::suggest::{self, shown};
use crate::workflow::triggers::{NatsSpec, ObjectCreatedSpec, RunFinishedSpec, Triggers, WebhookSpec};
use crate::workflow::{code, quantity};

/// Triggers of one file at most.
const MAX_TRIGGERS: usize = 50;
/// Milliseconds that a webhook's timestamp may be off at most: an hour.
const MAX_TOLERANCE_MS: u64 = 60 * 60 * 1000;
/// First token of the platform's own subjects. They are about every project: no trigger of one listens there.
const ROOT: &str = "emboflow";

/// Checks the triggers of a workflow file, whose inputs are known.
pub(super) fn check(document: &Document, file: &WorkflowFile, problems: &mut Problems) {
    let Some(triggers) = &file.on else { return };
    check_all(document, triggers, &file.name, problems);
    for (pointer, trigger) in triggers.each() {
        let at = join(&pointer, "inputs");
        for problem in input_problems(trigger.inputs(), &file.inputs) {
            let place = problem.input.as_ref().map_or(pointer.clone(), |input| join(&at, input));
            problems
                .push(document.at_key(problem.code, &place, problem.message).with_some_hint(problem.hint));
        }
    }
}

/// Checks everything about triggers that needs no workflow.
pub(in crate::workflow) fn check_all(
    document: &Document,
    triggers: &Triggers,
    workflow: &str,
    problems: &mut Problems,
) {
    let all = triggers.each();
    if all.len() > MAX_TRIGGERS {
        let message = format!("{} triggers; a file has at most {MAX_TRIGGERS}", all.len());
        problems.push(document.at_key(code::BAD_VALUE, "/on", message));
        return;
    }
    let mut names: IndexMap<String, String> = IndexMap::new();
    for (pointer, trigger) in &all {
        let name = match trigger.name() {
            Some(name) => name.to_owned(),
            None => TriggerSpec::default_name(workflow, trigger, pointer),
        };
        let at = if trigger.name().is_some() { join(pointer, "name") } else { pointer.clone() };
        if trigger.name().is_some() && !is_name(&name) {
            problems.push(bad_name(document, &at, &name, "a trigger"));
        } else if names.insert(name.clone(), pointer.clone()).is_some() {
            let message = format!("two triggers have the name `{name}`");
            problems.push(
                document.at_value(code::CONFLICT, &at, message).with_hint("give one of them another `name`"),
            );
        }
        match trigger {
            TriggerKind::Schedule(spec) => {
                if let Err(error) = Schedule::new(spec) {
                    let at = join(pointer, error.field);
                    let problem = document.at_value(code::BAD_VALUE, &at, error.message);
                    problems.push(problem.with_some_hint(error.hint));
                }
            }
            TriggerKind::Nats(spec) => check_nats(document, pointer, spec, problems),
            TriggerKind::Webhook(spec) => check_webhook(document, pointer, spec, problems),
            TriggerKind::RunFinished(spec) => check_run_finished(document, pointer, spec, problems),
            TriggerKind::ObjectCreated(spec) => check_object_created(document, pointer, spec, problems),
        }
    }
}

fn check_nats(document: &Document, pointer: &str, spec: &NatsSpec, problems: &mut Problems) {
    if spec.subject.is_none() && spec.stream.is_none() {
        let problem =
            document.at_key(code::MISSING_FIELD, pointer, "a NATS trigger needs a `subject` or a `stream`");
        problems.push(problem.with_hint("write `nats: { subject: orders.new }`"));
    }
    if let Some(subject) = &spec.subject
        && let Err(why) = check_subject(subject, spec.stream.is_some())
    {
        let message = format!("`{}` is not a subject to listen to: {why}", shown(subject));
        problems.push(document.at_value(code::BAD_VALUE, &join(pointer, "subject"), message));
    }
    if let Some(stream) = &spec.stream
        && let Err(why) = check_stream(stream)
    {
        let message = format!("`{}` is not a stream to listen to: {why}", shown(stream));
        problems.push(document.at_value(code::BAD_VALUE, &join(pointer, "stream"), message));
    }
}

fn check_subject(subject: &str, is_filter: bool) -> Result<(), &'static str> {
    let tokens: Vec<&str> = subject.split('.').collect();
    let is_token = |token: &&str| {
        !token.is_empty()
            && token.bytes().all(|byte| byte.is_ascii_graphic())
            && (token.len() == 1 || !token.contains(['*', '>']))
    };
    if subject.len() > 256 || !tokens.iter().all(is_token) {
        return Err("tokens of visible ASCII characters between dots, at most 256 in all");
    }
    if tokens.iter().rev().skip(1).any(|token| *token == ">") {
        return Err("`>` is only the last token");
    }
    // A filter chooses among what a stream of somebody else holds.
    let is_reserved = tokens[0] == ROOT
        || (!is_filter
            && (matches!(tokens[0], "*" | ">")
                || tokens[0].starts_with('$')
                || tokens[0].starts_with("_INBOX")));
    match is_reserved {
        true => Err("the platform's and the server's own subjects, and all subjects at once, start no runs"),
        false => Ok(()),
    }
}

fn check_stream(stream: &str) -> Result<(), &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if stream.is_empty() || stream.len() > 128 || !stream.bytes().all(is_plain) {
        return Err("letters, digits, `-` and `_`, at most 128");
    }
    let upper = stream.to_ascii_uppercase();
    match upper.starts_with("EMBOFLOW") || upper.starts_with("KV_EMBOFLOW") {
        true => Err("the platform's own streams start no runs"),
        false => Ok(()),
    }
}

fn check_webhook(document: &Document, pointer: &str, spec: &WebhookSpec, problems: &mut Problems) {
    if !is_name(&spec.secret) {
        problems.push(bad_name(document, &join(pointer, "secret"), &spec.secret, "a secret"));
    }
    let Some(tolerance) = &spec.tolerance else { return };
    let at = join(pointer, "tolerance");
    match quantity::duration_ms(tolerance.value()) {
        Err(message) => problems.push(document.at_value(code::BAD_QUANTITY, &at, message)),
        Ok(ms) if ms > MAX_TOLERANCE_MS => {
            problems.push(document.at_value(code::BAD_VALUE, &at, "a timestamp may be off by `1h` at most"));
        }
        Ok(_) => {}
    }
}

fn check_run_finished(document: &Document, pointer: &str, spec: &RunFinishedSpec, problems: &mut Problems) {
    if !is_name(&spec.workflow) {
        problems.push(bad_name(document, &join(pointer, "workflow"), &spec.workflow, "a workflow"));
    }
    let at = join(pointer, "states");
    if spec.states.is_empty() {
        let problem = document.at_value(code::BAD_VALUE, &at, "a trigger for no state never starts a run");
        problems.push(problem.with_hint("leave `states` out for `[succeeded]`"));
    }
    if let Some(state) = spec.states.iter().find(|state| !state.is_terminal()) {
        let message = format!("a run does not end as `{state}`");
        let hint = "a run ends as `succeeded`, `failed`, `timed_out` or `cancelled`";
        problems.push(document.at_value(code::BAD_VALUE, &at, message).with_hint(hint));
    }
}

fn check_object_created(
    document: &Document,
    pointer: &str,
    spec: &ObjectCreatedSpec,
    problems: &mut Problems,
) {
    if let Err(error) = ObjectFilter::new(spec) {
        let problem = document.at_value(code::BAD_VALUE, &join(pointer, error.field), error.message);
        problems.push(problem.with_some_hint(error.hint.map(str::to_owned)));
    }
}

/// Something that is wrong with the inputs that a trigger gives to a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputProblem {
    /// Stable code.
    pub code: &'static str,
    /// The given input, when it is about one.
    pub input: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What is wrong with given inputs, as far as it is known before their expressions are evaluated.
pub fn input_problems(
    given: &IndexMap<String, Value>,
    declared: &IndexMap<String, InputSpec>,
) -> Vec<InputProblem> {
    let mut problems = Vec::new();
    for (name, value) in given {
        let found = |code, message, hint| InputProblem { code, input: Some(name.clone()), message, hint };
        match declared.get(name) {
            None => {
                let message = format!("the workflow has no input `{}`", shown(name));
                let hint = suggest::hint(name, declared.keys().map(String::as_str));
                problems.push(found(code::UNKNOWN_INPUT, message, hint));
            }
            Some(input) if !has_expression(value) => {
                if let Err(why) = input.accept(value) {
                    problems.push(found(code::BAD_INPUT, format!("input `{name}` {why}"), None));
                }
            }
            Some(_) => {}
        }
    }
    for (name, _) in declared.iter().filter(|(name, input)| input.is_required() && !given.contains_key(*name))
    {
        problems.push(InputProblem {
            code: code::MISSING_INPUT,
            input: None,
            message: format!("the trigger gives no value for the input `{name}`"),
            hint: Some(format!("add it under `inputs` of the trigger, or give `{name}` a default")),
        });
    }
    problems
}

fn has_expression(value: &Value) -> bool {
    match value {
        Value::String(text) => Template::is_in(text),
        Value::Array(items) => items.iter().any(has_expression),
        Value::Object(fields) => fields.values().any(has_expression),
        _ => false,
    }
}
