//! One task with every field evaluated: what a runtime has to know, and where its inputs come from.

mod placement;
mod timeouts;

pub use placement::{DEFAULT_CPU_MILLIS, DEFAULT_MEMORY_BYTES, RenderedPlacement};
pub use timeouts::TaskLimits;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check::{check_image, check_output_path, check_user, check_workdir};
use super::condition::Scope;
use super::context::{Context, Names};
use super::document::join;
use super::expression::functions::number_text;
use super::expression::{Fuel, Template};
use super::field::{Scalar, Words};
use super::limits::{MAX_TASK_BYTES, MAX_TEXT_BYTES};
use super::quantity;
use super::task_spec::{Backoff, RetrySpec, TaskInput};
use super::uploads::{self, UploadReference};
use super::{PlannedTask, Problem, TaskSpec, Workflow, code};
use crate::CodeRange;
use crate::runtime_spec::{Class, Isolation, Network, PullPolicy, SecretUse, StageOut, Stop, Timeouts};
use crate::state::Reason;

/// Delay before the second attempt when the file gives none, in milliseconds.
pub const DEFAULT_RETRY_DELAY_MS: u64 = 1000;
/// The greatest delay between attempts when the file gives none, in milliseconds.
pub const DEFAULT_MAX_RETRY_DELAY_MS: u64 = 5 * 60 * 1000;

/// A task with every field evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct RenderedTask {
    /// Image reference.
    pub image: String,
    /// When the registry is asked for the image.
    pub pull: PullPolicy,
    /// Replaces the image's entry point when not empty; a `run` script becomes `/bin/sh -eu -c SCRIPT run`.
    pub command: Vec<String>,
    /// Arguments after the command.
    pub args: Vec<String>,
    /// Environment variables of the file and of the task.
    pub env: BTreeMap<String, String>,
    /// Absolute path in the container; the workspace when none.
    pub workdir: Option<String>,
    /// `uid` or `uid:gid`.
    pub user: Option<String>,
    /// Where it may run.
    pub placement: RenderedPlacement,
    /// Size of /dev/shm in bytes.
    pub shm_bytes: Option<u64>,
    /// Processes and threads at most.
    pub pids: Option<u32>,
    /// What it can reach.
    pub network: Network,
    /// How strictly it is shut in.
    pub isolation: Isolation,
    /// Time limits.
    pub timeouts: Timeouts,
    /// How it is asked to end.
    pub stop: Stop,
    /// What happens when it fails.
    pub retry: RenderedRetry,
    /// Exit codes other than 0 with which it has succeeded.
    pub complete_codes: Vec<CodeRange>,
    /// Outputs of other tasks that are staged in.
    pub stage_in: Vec<InputReference>,
    /// Uploads that are staged in.
    pub uploads: Vec<UploadReference>,
    /// Outputs that are stored.
    pub stage_out: Vec<StageOut>,
    /// The secrets that it gets.
    pub secrets: Vec<SecretUse>,
    /// Bytes of log kept at most, if the file says so.
    pub log_limit_bytes: Option<u64>,
}

/// What happens when a task fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderedRetry {
    /// Attempts in all, the first one included.
    pub attempts: u32,
    /// How the delay grows.
    pub backoff: Backoff,
    /// Delay before the second attempt, in milliseconds.
    pub delay_ms: u64,
    /// The greatest delay, in milliseconds.
    pub max_delay_ms: u64,
    /// The reasons that are worth another attempt; every reason when there are none.
    pub on: Vec<Reason>,
}

/// An output of another task that is staged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputReference {
    /// The name that it gets here.
    pub name: String,
    /// The environment variable with its path: `INPUT_` and the name in capitals, `-` as `_`.
    pub variable: String,
    /// The TaskSpec that makes it.
    pub from_task: String,
    /// The name of the output there.
    pub output: String,
}

impl Workflow {
    /// Every field of one task, evaluated. Errors: an expression failed, or gave a value that the field does not take.
    pub fn render(&self, task: &PlannedTask, context: &Context) -> Result<RenderedTask, Problem> {
        self.rendered(task, context, |render, spec| render.task(spec))
    }

    /// Only what says where the task may run. Errors: as for [`Workflow::render`].
    pub fn render_placement(
        &self,
        task: &PlannedTask,
        context: &Context,
    ) -> Result<RenderedPlacement, Problem> {
        self.rendered(task, context, |render, spec| render.placement(spec))
    }

    /// What happens when a task fails. Nothing in it is evaluated.
    pub fn retry(&self, spec: &str) -> RenderedRetry {
        retry(self.task(spec).and_then(|task| task.retry.as_ref()).or(self.file.defaults.retry.as_ref()))
    }

    /// Whether a task may run beside another attempt of itself.
    pub fn class(&self, spec: &str) -> Class {
        self.task(spec).and_then(|task| task.class).or(self.file.defaults.class).unwrap_or_default()
    }

    /// The outputs of other tasks that a task takes in.
    pub fn stage_in(&self, spec: &str) -> Vec<InputReference> {
        self.task(spec).map(stage_in).unwrap_or_default()
    }

    /// The secrets that a task gets. Nothing in them is evaluated.
    pub fn secrets(&self, spec: &str) -> Vec<SecretUse> {
        self.task(spec).map(secrets).unwrap_or_default()
    }

    fn rendered<T>(
        &self,
        task: &PlannedTask,
        context: &Context,
        render: impl FnOnce(&mut Render<'_>, &TaskSpec) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let at = join("/tasks", &task.spec_name);
        let Some(spec) = self.task(&task.spec_name) else {
            let message = format!("the workflow has no task `{}`", task.spec_name);
            return Err(Problem::elsewhere(code::UNKNOWN_TASK, at, message));
        };
        let matrix = Value::Object(task.matrix.clone());
        let names = Names::Of { workflow: self, context, matrix: Some(&matrix) };
        let scope = Scope { document: &self.document, names, status: None };
        render(&mut Render { workflow: self, scope, fuel: Fuel::of_task(), bytes: 0, at }, spec)
    }
}

struct Render<'r> {
    workflow: &'r Workflow,
    scope: Scope<'r>,
    fuel: Fuel,
    bytes: usize,
    at: String,
}

/// A field of the task, or else of the defaults, and where it stands.
type Given<'a, T> = Option<(&'a T, String)>;

impl Render<'_> {
    fn task(&mut self, spec: &TaskSpec) -> Result<RenderedTask, Problem> {
        let file = self.workflow.file.clone();
        let defaults = &file.defaults;
        let (command, args) = self.program(spec)?;
        let image = self.given(spec.image.as_ref(), defaults.image.as_ref(), "image");
        let workdir = self.given(spec.workdir.as_ref(), defaults.workdir.as_ref(), "workdir");
        let user = self.given(spec.user.as_ref(), defaults.user.as_ref(), "user");
        let log_limit = self.given(spec.log_limit.as_ref(), defaults.log_limit.as_ref(), "log_limit");
        let stop = spec.stop.as_ref().or(defaults.stop.as_ref());
        let shm = self.given(spec.resources.shm.as_ref(), defaults.resources.shm.as_ref(), "resources/shm");
        let pids =
            self.given(spec.resources.pids.as_ref(), defaults.resources.pids.as_ref(), "resources/pids");
        Ok(RenderedTask {
            image: self
                .formed(image.map(|(text, at)| (Value::from(text.as_str()), at)), check_image)?
                .unwrap_or_default(),
            pull: spec.pull_policy.or(defaults.pull_policy).unwrap_or_default(),
            command,
            args,
            env: self.environment(spec)?,
            workdir: self
                .formed(workdir.map(|(text, at)| (Value::from(text.as_str()), at)), check_workdir)?,
            user: self.formed(user.map(|(user, at)| (user.value().clone(), at)), check_user)?,
            placement: self.placement(spec)?,
            shm_bytes: self.given_amount(shm, quantity::size_bytes)?,
            pids: self.given_amount(pids, quantity::count)?,
            network: network(spec.network.as_ref().or(defaults.network.as_ref())),
            isolation: spec.isolation.or(defaults.isolation).unwrap_or_default(),
            timeouts: self.timeouts(spec)?,
            stop: Stop {
                signal: stop.and_then(|stop| stop.signal.clone()).unwrap_or(Stop::default().signal),
                grace_ms: duration_or(stop.and_then(|stop| stop.grace.as_ref()), Stop::default().grace_ms),
            },
            retry: retry(spec.retry.as_ref().or(defaults.retry.as_ref())),
            complete_codes: self.workflow.exit_codes_of(spec).complete,
            stage_in: stage_in(spec),
            uploads: uploads::evaluated(&self.scope, &mut self.fuel, &self.at, spec)?,
            stage_out: self.stage_out(spec)?,
            secrets: secrets(spec),
            log_limit_bytes: match log_limit {
                Some((limit, at)) => Some(self.amount(limit, &at, quantity::size_bytes)?),
                None => None,
            },
        })
    }

    fn given<'a, T>(&self, of_task: Option<&'a T>, of_defaults: Option<&'a T>, field: &str) -> Given<'a, T> {
        match (of_task, of_defaults) {
            (Some(value), _) => Some((value, format!("{}/{field}", self.at))),
            (None, Some(value)) => Some((value, format!("/defaults/{field}"))),
            (None, None) => None,
        }
    }

    fn program(&mut self, spec: &TaskSpec) -> Result<(Vec<String>, Vec<String>), Problem> {
        let args = self.words(spec.args.as_ref(), "args")?;
        let command = match &spec.run {
            Some(script) => ["/bin/sh", "-eu", "-c", script, "run"].map(str::to_owned).to_vec(),
            None => self.words(spec.command.as_ref(), "command")?,
        };
        Ok((command, args))
    }

    fn words(&mut self, words: Option<&Words>, field: &str) -> Result<Vec<String>, Problem> {
        let pointer = join(&self.at, field);
        match words {
            None => Ok(Vec::new()),
            Some(Words::List(words)) => words
                .iter()
                .enumerate()
                .map(|(index, word)| self.text(word.value(), &join(&pointer, &index.to_string())))
                .collect(),
            Some(Words::Whole(text)) => match self.value(&Value::from(text.as_str()), &pointer)? {
                Value::Array(words) => {
                    words.iter().map(|word| self.fitting(text_of(word), &pointer)).collect()
                }
                other => {
                    let kind = super::expression::type_of(&other);
                    Err(self.problem(
                        code::EVALUATION_FAILED,
                        &pointer,
                        format!("`{field}` must be a list, but the expression gives {kind}"),
                    ))
                }
            },
        }
    }

    fn environment(&mut self, spec: &TaskSpec) -> Result<BTreeMap<String, String>, Problem> {
        let file = self.workflow.file.clone();
        let mut env = BTreeMap::new();
        for (name, value) in file.env.iter().filter(|(name, _)| !spec.env.contains_key(*name)) {
            env.insert(name.clone(), self.text(value.value(), &join("/env", name))?);
        }
        for (name, value) in &spec.env {
            let pointer = join(&join(&self.at, "env"), name);
            env.insert(name.clone(), self.text(value.value(), &pointer)?);
        }
        Ok(env)
    }

    fn stage_out(&mut self, spec: &TaskSpec) -> Result<Vec<StageOut>, Problem> {
        let mut outputs = Vec::with_capacity(spec.outputs.len());
        for (name, output) in &spec.outputs {
            let pointer = format!("{}{}/path", self.at, join("/outputs", name));
            let path = self.text(&Value::from(output.path.as_str()), &pointer)?;
            check_output_path(&path).map_err(|message| self.problem(code::BAD_PATH, &pointer, message))?;
            outputs.push(StageOut {
                name: name.clone(),
                path,
                preview: output.preview,
                optional: output.optional,
                value: output.value,
            });
        }
        Ok(outputs)
    }

    fn formed(
        &mut self,
        given: Option<(Value, String)>,
        check: fn(&Value) -> Result<(), String>,
    ) -> Result<Option<String>, Problem> {
        let Some((value, pointer)) = given else { return Ok(None) };
        let text = self.text(&value, &pointer)?;
        check(&Value::from(text.as_str()))
            .map_err(|message| self.problem(code::BAD_VALUE, &pointer, message))?;
        Ok(Some(text))
    }

    fn given_amount<T>(
        &mut self,
        given: Given<'_, Scalar>,
        read: fn(&Value) -> Result<T, String>,
    ) -> Result<Option<T>, Problem> {
        match given {
            Some((value, at)) => self.amount(value, &at, read).map(Some),
            None => Ok(None),
        }
    }

    fn amount<T>(
        &mut self,
        given: &Scalar,
        pointer: &str,
        read: fn(&Value) -> Result<T, String>,
    ) -> Result<T, Problem> {
        let value = self.value(given.value(), pointer)?;
        read(&value).map_err(|message| self.problem(code::BAD_QUANTITY, pointer, message))
    }

    fn value(&mut self, value: &Value, pointer: &str) -> Result<Value, Problem> {
        match value.as_str() {
            Some(text) if Template::is_in(text) => {
                let node = self.scope.document.locate(pointer).1;
                self.scope.evaluate(node, pointer, text, &mut self.fuel)
            }
            _ => Ok(value.clone()),
        }
    }

    fn text(&mut self, value: &Value, pointer: &str) -> Result<String, Problem> {
        let value = self.value(value, pointer)?;
        self.fitting(text_of(&value), pointer)
    }

    /// The text, if a program can receive it.
    fn fitting(&mut self, text: String, pointer: &str) -> Result<String, Problem> {
        self.bytes = self.bytes.saturating_add(text.len());
        if text.contains('\0') {
            return Err(self.problem(
                code::BAD_VALUE,
                pointer,
                "the text contains a NUL character".to_owned(),
            ));
        }
        if text.len() > MAX_TEXT_BYTES {
            let message = format!("the text has {} bytes; Linux takes {MAX_TEXT_BYTES} at most", text.len());
            return Err(self.problem(code::TEXT_TOO_LONG, pointer, message));
        }
        if self.bytes > MAX_TASK_BYTES {
            let message = format!("with this, the texts of the task have more than {MAX_TASK_BYTES} bytes");
            return Err(self.problem(code::TEXT_TOO_LONG, pointer, message));
        }
        Ok(text)
    }

    fn problem(&self, code: &'static str, pointer: &str, message: String) -> Problem {
        self.scope.document.at_value(code, pointer, message)
    }
}

/// A value as a program receives it: a text as it is, lists and maps as JSON, null as nothing.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number_text(number),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn network(value: Option<&Value>) -> Network {
    match value.and_then(Value::as_str) {
        Some("full") => Network::Full,
        _ => Network::None,
    }
}

fn duration_or(given: Option<&Scalar>, otherwise: u64) -> u64 {
    given.and_then(|given| quantity::duration_ms(given.value()).ok()).unwrap_or(otherwise)
}

fn retry(given: Option<&RetrySpec>) -> RenderedRetry {
    RenderedRetry {
        attempts: given.and_then(|retry| retry.attempts).unwrap_or(1),
        backoff: given.and_then(|retry| retry.backoff).unwrap_or_default(),
        delay_ms: duration_or(given.and_then(|retry| retry.delay.as_ref()), DEFAULT_RETRY_DELAY_MS),
        max_delay_ms: duration_or(
            given.and_then(|retry| retry.max_delay.as_ref()),
            DEFAULT_MAX_RETRY_DELAY_MS,
        ),
        on: given.map(|retry| retry.on.clone()).unwrap_or_default(),
    }
}

/// The validator lets only names through.
fn secrets(spec: &TaskSpec) -> Vec<SecretUse> {
    let uses = spec.secrets.iter().filter_map(|(variable, secret)| {
        let (variable, form) = (variable.clone(), secret.form());
        Some(SecretUse { variable, secret: secret.name().parse().ok()?, form })
    });
    uses.collect()
}

fn stage_in(spec: &TaskSpec) -> Vec<InputReference> {
    spec.inputs
        .iter()
        .filter_map(|(name, input)| {
            let TaskInput::Output(text) = input else { return None };
            let (from_task, output) = super::check::referenced_output(text)?;
            let variable = format!("INPUT_{}", name.to_ascii_uppercase().replace('-', "_"));
            Some(InputReference { name: name.clone(), variable, from_task, output })
        })
        .collect()
}
