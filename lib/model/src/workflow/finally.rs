//! Tasks at the end of a run: they follow when all other tasks have ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Context, Workflow};
use crate::state::RunState;

/// When a task runs that follows all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Finally {
    /// Whatever became of the others.
    Always,
    /// Only when the run has failed, or its time was over.
    Failure,
}

impl Finally {
    /// Whether it runs after the other tasks have come to this.
    pub const fn follows(self, outcome: RunState) -> bool {
        match self {
            Self::Always => true,
            Self::Failure => matches!(outcome, RunState::Failed | RunState::TimedOut),
        }
    }
}

impl Workflow {
    /// When the task runs, if it follows all others.
    pub fn finally(&self, spec: &str) -> Option<Finally> {
        self.task(spec)?.finally
    }

    /// Whether what became of a need decides on the task: those at the end only look at each other.
    pub(super) fn counts_as_need(&self, spec: &str, need: &str) -> bool {
        self.finally(spec).is_none() || self.finally(need).is_some()
    }

    /// Whether the task follows others that have come to something else than it is for.
    pub(super) fn is_for_another_outcome(&self, spec: &str, context: &Context) -> bool {
        let outcome = context.outcome();
        self.finally(spec).is_some_and(|finally| !outcome.is_some_and(|outcome| finally.follows(outcome)))
    }
}
