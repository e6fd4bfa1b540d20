//! Which tasks of a run are carried out although the result of another run would do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::TaskName;

/// The tasks with `cache` that run in any case. What they make can be taken over by others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Anew {
    /// None.
    #[default]
    Nothing,
    /// All.
    Everything,
    /// Those of these TaskSpecs.
    Tasks(Vec<TaskName>),
}

impl Anew {
    /// What the repetition of these tasks means: whoever names a task wants it to run.
    pub fn of_repeated<'t>(tasks: impl IntoIterator<Item = &'t TaskName>) -> Self {
        let mut named: Vec<TaskName> = tasks.into_iter().cloned().collect();
        named.sort();
        named.dedup();
        if named.is_empty() { Self::Nothing } else { Self::Tasks(named) }
    }

    /// Whether nothing runs in any case.
    pub fn is_nothing(&self) -> bool {
        *self == Self::Nothing
    }

    /// Whether the tasks of this TaskSpec run in any case.
    pub fn contains(&self, spec: &TaskName) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Tasks(named) => named.contains(spec),
        }
    }
}
