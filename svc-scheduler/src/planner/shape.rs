//! What placement looks at.

use std::collections::{BTreeMap, BTreeSet};

use emboflow_model::name::TaskName;
use emboflow_model::queue::Amount;
use emboflow_model::runtime_spec::Class;
use emboflow_model::{PoolName, Resources, RunId};

/// The word that means the executor itself where a label could stand.
pub(super) const HOST: &str = "host";

/// What an executor must be and have. Tasks of the same shape wait for the same things.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shape {
    pub(crate) pool: PoolName,
    /// What each task needs.
    pub(crate) resources: Resources,
    /// Labels that the executor must have.
    pub(crate) labels: BTreeMap<String, String>,
    /// Taints that the tasks put up with: `key` or `key=value`.
    pub(crate) tolerations: BTreeSet<String>,
    /// Words of the model that the graphics processors must be of.
    pub(crate) gpu_model: Option<String>,
    /// `host`, or the label by which the tasks of a fan-out go apart where there is room.
    pub(crate) spread: Option<String>,
    /// What no two tasks of a fan-out share.
    pub(crate) apart: Option<Apart>,
    /// The tasks start together.
    pub(crate) gang: Option<Gang>,
    /// Time limit of each task in milliseconds.
    pub(crate) run_ms: Option<u64>,
    /// They may be stopped for more urgent work.
    pub(crate) preemptible: bool,
    /// Whether they may run beside another attempt of themselves.
    pub(crate) class: Class,
}

/// The tasks of one TaskSpec in one run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FanOut {
    pub(crate) run: RunId,
    pub(crate) spec: TaskName,
}

/// Tasks that never come together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Apart {
    /// `host` or a label.
    pub(crate) by: String,
    pub(crate) of: FanOut,
}

/// Tasks that start together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Gang {
    pub(crate) of: FanOut,
    pub(crate) members: u32,
}

impl Shape {
    /// How many tasks start together: 1, or all members of a gang.
    pub(crate) fn members(&self) -> u32 {
        self.gang.as_ref().map_or(1, |gang| gang.members)
    }

    /// What all that start together hold.
    pub(crate) fn need(&self) -> Amount {
        let members = u64::from(self.members());
        Amount { slots: members, ..Amount::of(&self.resources.times(members)) }
    }

    /// Whether the task puts up with a taint.
    pub(super) fn tolerates(&self, key: &str, value: &str) -> bool {
        let is_it = |toleration: &String| match toleration.split_once('=') {
            None => toleration == key,
            Some((own, wanted)) => own == key && wanted == value,
        };
        self.tolerations.iter().any(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::plain_shape;
    use super::*;

    #[test]
    fn a_toleration_without_a_value_puts_up_with_every_value() {
        let shape = Shape { tolerations: ["gpu", "team=red"].map(str::to_owned).into(), ..plain_shape() };
        assert!(
            shape.tolerates("gpu", "") && shape.tolerates("gpu", "a100") && shape.tolerates("team", "red")
        );
        assert!(
            !shape.tolerates("team", "blue") && !shape.tolerates("team", "") && !shape.tolerates("zone", "")
        );
    }

    #[test]
    fn a_gang_needs_what_all_its_members_need() {
        let resources = Resources { cpu_millis: 500, gpu: 2, ..Resources::default() };
        let of = FanOut { run: RunId::from_bits(1), spec: "train".parse().unwrap() };
        let shape = Shape { resources, gang: Some(Gang { of, members: 3 }), ..plain_shape() };
        assert_eq!(shape.need(), Amount { cpu_millis: 1_500, memory_bytes: 0, gpu: 6, slots: 3 });
    }
}
