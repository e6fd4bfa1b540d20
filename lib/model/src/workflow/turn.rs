//! The gates that a run or a task has to pass before it may be started, with their keys evaluated.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::condition::Scope;
use super::context::{Context, Names};
use super::document::join;
use super::expression::{Fuel, Template};
use super::render::text_of;
use super::turn_spec::{ConcurrencyPolicy, ConcurrencySpec, RateLimitSpec};
use super::{PlannedTask, Problem, Workflow, code, quantity};

/// Characters of a key at most.
pub const MAX_KEY_CHARS: usize = 200;
/// Milliseconds of the longest time of a rate limit: one hour.
pub const MAX_RATE_MS: u64 = 60 * 60 * 1000;

/// What a run or a task has to pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gates {
    /// How many of its key there may be at the same time.
    pub concurrency: Option<Concurrency>,
    /// How many of its key may start within a time.
    pub rate: Option<Rate>,
}

/// A limit on how many there are at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concurrency {
    /// What counts together in the project.
    pub key: String,
    /// How many at most.
    pub limit: u32,
    /// What happens to one more.
    pub policy: ConcurrencyPolicy,
}

/// A limit on how many start within a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// What counts together in the project.
    pub key: String,
    /// How many at most.
    pub limit: u32,
    /// Within so many milliseconds.
    pub per_ms: u64,
}

impl Workflow {
    /// What a run of it has to pass. Errors: a key failed to evaluate, or is empty or too long.
    pub fn gates(&self, context: &Context) -> Result<Gates, Problem> {
        let keys = Keys { workflow: self, context, matrix: &Map::new() };
        Ok(Gates {
            concurrency: keys.concurrency(self.file.concurrency.as_ref(), "/concurrency/key")?,
            rate: keys.rate(self.file.rate_limit.as_ref(), "/rate_limit/key", &self.name)?,
        })
    }

    /// What one of its tasks has to pass. Errors: those of [`Workflow::gates`].
    pub fn gates_of_task(&self, task: &PlannedTask, context: &Context) -> Result<Gates, Problem> {
        let Some(spec) = self.task(&task.spec_name) else { return Ok(Gates::default()) };
        let at = join("/tasks", &task.spec_name);
        let keys = Keys { workflow: self, context, matrix: &task.matrix };
        let concurrency = match &spec.mutex {
            Some(name) => {
                let key = keys.key(name, &join(&at, "mutex"))?;
                Some(Concurrency { key, limit: 1, policy: ConcurrencyPolicy::Queue })
            }
            None => keys.concurrency(spec.concurrency.as_ref(), &format!("{at}/concurrency/key"))?,
        };
        let name = format!("{}/{}", self.name, task.spec_name);
        let rate = keys.rate(spec.rate_limit.as_ref(), &format!("{at}/rate_limit/key"), &name)?;
        Ok(Gates { concurrency, rate })
    }

    /// The key by which runs share fairly inside of their project, if the file gives one. Errors: those of
    /// [`Workflow::gates`].
    pub fn fairness_key(&self, context: &Context) -> Result<Option<String>, Problem> {
        let keys = Keys { workflow: self, context, matrix: &Map::new() };
        self.file.fairness_key.as_ref().map(|key| keys.key(key, "/fairness_key")).transpose()
    }

    /// Whether any start of it counts for a rate.
    pub fn has_rates(&self) -> bool {
        self.file.rate_limit.is_some() || self.file.tasks.values().any(|task| task.rate_limit.is_some())
    }
}

/// Evaluates keys of one run, or of one of its tasks.
pub(super) struct Keys<'k> {
    pub(super) workflow: &'k Workflow,
    pub(super) context: &'k Context,
    pub(super) matrix: &'k Map<String, Value>,
}

impl Keys<'_> {
    fn concurrency(
        &self,
        spec: Option<&ConcurrencySpec>,
        pointer: &str,
    ) -> Result<Option<Concurrency>, Problem> {
        let Some(spec) = spec else { return Ok(None) };
        let key = self.key(&spec.key, pointer)?;
        Ok(Some(Concurrency { key, limit: spec.limit, policy: spec.policy }))
    }

    fn rate(&self, spec: Option<&RateLimitSpec>, pointer: &str, name: &str) -> Result<Option<Rate>, Problem> {
        let Some(spec) = spec else { return Ok(None) };
        let key = match &spec.key {
            Some(key) => self.key(key, pointer)?,
            None => name.to_owned(),
        };
        let per_ms = quantity::duration_ms(spec.per.value())
            .map_err(|message| self.workflow.document.at_value(code::BAD_QUANTITY, pointer, message))?;
        Ok(Some(Rate { key, limit: spec.limit, per_ms }))
    }

    /// Errors: it failed to evaluate, or is empty or too long.
    pub(super) fn key(&self, text: &str, pointer: &str) -> Result<String, Problem> {
        let document = &self.workflow.document;
        let key = match Template::is_in(text) {
            false => text.to_owned(),
            true => {
                let matrix = Value::Object(self.matrix.clone());
                let (workflow, context) = (self.workflow, self.context);
                let names = Names::Of { workflow, context, matrix: Some(&matrix) };
                let scope = Scope { document, names, status: None };
                let node = document.locate(pointer).1;
                text_of(&scope.evaluate(node, pointer, text, &mut Fuel::of_task())?)
            }
        };
        match check_key(&key) {
            Ok(()) => Ok(key),
            Err(message) => Err(document.at_value(code::BAD_VALUE, pointer, message)),
        }
    }
}

/// Whether a text can be a key. Errors: what is wrong, in words.
pub fn check_key(key: &str) -> Result<(), String> {
    match key.chars().count() {
        0 => Err("the key is empty".to_owned()),
        1..=MAX_KEY_CHARS if !key.chars().any(char::is_control) => Ok(()),
        1..=MAX_KEY_CHARS => Err("the key contains a control character".to_owned()),
        chars => Err(format!("the key has {chars} characters; a key has at most {MAX_KEY_CHARS}")),
    }
}
