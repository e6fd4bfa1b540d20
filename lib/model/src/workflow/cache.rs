//! What the workflow file says about results that are found again: whether a task's may be, for how long, and what decides
//! it besides all that the task is given.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::context::Context;
use super::document::join;
use super::field::Scalar;
use super::turn::Keys;
use super::{PlannedTask, Problem, Workflow, code, quantity, schema};

/// Whether a result that an earlier run made of the same is taken over, and which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum CacheSpec {
    /// `true`: whenever it was made.
    Whether(bool),
    /// With conditions.
    With(CacheTerms),
}

/// The conditions under which a result is taken over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CacheTerms {
    /// Only a result that is younger than this, such as `7d`; of any age unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::duration")]
    pub ttl: Option<Scalar>,
    /// A text that decides besides what the task is given, such as the date of the data behind a URL; at most 200
    /// characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// The conditions of one task, evaluated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RenderedCache {
    /// The greatest age of a result, in milliseconds.
    pub ttl_ms: Option<u64>,
    /// What decides besides.
    pub key: Option<String>,
}

impl CacheSpec {
    /// The conditions; none where nothing is taken over.
    pub fn terms(&self) -> Option<&CacheTerms> {
        const ANY: &CacheTerms = &CacheTerms { ttl: None, key: None };
        match self {
            Self::Whether(false) => None,
            Self::Whether(true) => Some(ANY),
            Self::With(terms) => Some(terms),
        }
    }
}

impl Workflow {
    /// Whether results of a task may be found again.
    pub fn may_be_cached(&self, spec: &str) -> bool {
        self.cache_terms(spec).is_some()
    }

    /// The conditions under which a task takes a result over; none where it never does. Errors: the key failed to
    /// evaluate, or is empty or too long.
    pub fn cache(&self, task: &PlannedTask, context: &Context) -> Result<Option<RenderedCache>, Problem> {
        let Some(terms) = self.cache_terms(&task.spec_name) else { return Ok(None) };
        let at = join(&join("/tasks", &task.spec_name), "cache");
        let keys = Keys { workflow: self, context, matrix: &task.matrix };
        let key = terms.key.as_ref().map(|key| keys.key(key, &join(&at, "key"))).transpose()?;
        let bad = |message| self.document.at_value(code::BAD_QUANTITY, &join(&at, "ttl"), message);
        let ttl_ms = terms.ttl.as_ref().map(|ttl| quantity::duration_ms(ttl.value()).map_err(bad));
        Ok(Some(RenderedCache { ttl_ms: ttl_ms.transpose()?, key }))
    }

    fn cache_terms(&self, spec: &str) -> Option<&CacheTerms> {
        self.task(spec)?.cache.as_ref()?.terms()
    }
}
