//! Runs that a task of another run starts: who started them, and for whom a task waits.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::{RunId, TaskKey, Timestamp, WorkflowName};

/// How many runs a child has above it at most: its parent, the parent of that, and so on.
pub const MAX_DEPTH: u32 = 8;

/// The versions of the workflows that a run's tasks start, each the newest when the run was accepted.
pub type WorkflowPins = BTreeMap<WorkflowName, u32>;

/// The task that started a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Parent {
    /// Its run.
    pub run: RunId,
    /// The task.
    pub task: TaskKey,
    /// How many runs are above the child: 1 where the parent has no parent itself, 8 at most.
    pub depth: u32,
}

/// The run that carries a task out instead of a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Child {
    /// The run. It follows from the task, so that there is one whatever happens while it is made.
    pub run: RunId,
    /// Its workflow.
    pub workflow: WorkflowName,
    /// The version of it; none where there was no such workflow when the parent was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// What is given for its inputs.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
}

/// The id of the child run that a task asks for at a moment. It sorts among those of its time, as all run ids do.
pub fn run_id(parent: RunId, task: &TaskKey, at: Timestamp) -> RunId {
    let digest = Sha256::digest(format!("child of {parent}/{task}"));
    let chance = digest.iter().take(10).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let ms = u128::from(at.0.unsigned_abs()) & 0xffff_ffff_ffff;
    // A UUID of version 7: the time, the version, the variant.
    let (version, variant) = (0x7_u128 << 76, 0b10_u128 << 62);
    let chance = chance & !(0xf << 76) & !(0b11 << 62);
    RunId::from_bits(ms << 80 | version | variant | chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_follows_from_the_task_and_sorts_by_its_time() {
        let (parent, at) = (RunId::from_bits(7), Timestamp(1_700_000_000_000));
        let of = |task: &str, at| run_id(parent, &task.parse().unwrap(), at);
        assert_eq!(of("a", at), of("a", at));
        assert_ne!(of("a[1]", at), of("a[2]", at));
        assert_ne!(run_id(RunId::from_bits(8), &"a".parse().unwrap(), at), of("a", at));
        assert!(of("b", at) < of("a", at.plus_ms(1)) && of("a", at) < of("b", at.plus_ms(1)));
        let bits = of("a", at).bits();
        assert_eq!((of("a", at).made_at(), bits >> 76 & 0xf, bits >> 62 & 0b11), (at, 7, 2));
    }
}
