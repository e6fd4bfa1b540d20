//! Queues: in which the runs wait, and which share of the executors each gets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{QueueName, Resources};

/// The rules of a queue. Kind `queue`, named as the queue; `default` has the rules of [`Queue::default`] until somebody
/// keeps others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Queue {
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its part of what nobody is guaranteed, against the weights of the others; from 1 to 1000, 1 unless given.
    #[schemars(range(min = 1, max = 1000))]
    pub weight: u32,
    /// As long as it holds no more than this, it goes before every queue that is above its own.
    #[serde(skip_serializing_if = "Limits::is_empty")]
    pub guarantee: Limits,
    /// It never holds more than this.
    #[serde(skip_serializing_if = "Limits::is_empty")]
    pub maximum: Limits,
    /// Whether it may hold more than its guarantee while others leave room. True unless given.
    pub borrowing: bool,
    /// The priority of tasks whose file names none; from -1000 to 1000, 0 unless given.
    #[schemars(range(min = -1000, max = 1000))]
    pub priority: i32,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            description: None,
            weight: 1,
            guarantee: Limits::default(),
            maximum: Limits::default(),
            borrowing: true,
            priority: 0,
        }
    }
}

impl Queue {
    /// Kind of the kept document; its scope is empty.
    pub const KIND: &str = "queue";
    /// Characters of a description at most.
    pub const DESCRIPTION_MAX: usize = 500;
    /// The greatest weight.
    pub const WEIGHT_MAX: u32 = 1_000;
    /// The greatest priority; the least one is its negative.
    pub const PRIORITY_MAX: i32 = 1_000;

    /// What is wrong with it: the field as a JSON pointer, and why.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        let chars = self.description.as_ref().map_or(0, |text| text.chars().count());
        if chars > Self::DESCRIPTION_MAX {
            let most = Self::DESCRIPTION_MAX;
            wrong.push(("/description", format!("{chars} characters; a description has at most {most}")));
        }
        if !(1..=Self::WEIGHT_MAX).contains(&self.weight) {
            wrong.push((
                "/weight",
                format!("the weight is {}: it is from 1 to {}", self.weight, Self::WEIGHT_MAX),
            ));
        }
        if self.priority.abs() > Self::PRIORITY_MAX {
            let most = Self::PRIORITY_MAX;
            wrong.push((
                "/priority",
                format!("the priority is {}: it is from -{most} to {most}", self.priority),
            ));
        }
        for ((what, guarantee), (_, maximum)) in self.guarantee.named().into_iter().zip(self.maximum.named())
        {
            if let (Some(guarantee), Some(maximum)) = (guarantee, maximum)
                && guarantee > maximum
            {
                let (guarantee, maximum) = (shown(what, guarantee), shown(what, maximum));
                let message = format!("{guarantee} {what} are guaranteed, but {maximum} are the maximum");
                wrong.push(("/guarantee", message));
            }
        }
        if !self.borrowing && self.guarantee.is_empty() {
            let message = "a queue that may not borrow holds at most its guarantee, and it has none";
            wrong.push(("/borrowing", message.to_owned()));
        }
        wrong
    }

    /// The first resource of which it would hold more than it ever may, with `held` in all.
    pub fn over_maximum(&self, held: &Amount) -> Option<Over> {
        let own = self.maximum.exceeded_by(held);
        own.or_else(|| if self.borrowing { None } else { self.guarantee.exceeded_by(held) })
    }

    /// Whether `held` in all is guaranteed to it. Without a guarantee nothing is.
    pub fn guarantees(&self, held: &Amount) -> bool {
        !self.guarantee.is_empty() && self.guarantee.exceeded_by(held).is_none()
    }
}

/// A queue, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamedQueue {
    /// The name.
    pub name: QueueName,
    /// Its rules.
    #[serde(flatten)]
    pub rules: Queue,
}

/// A bound for each resource; what is not given is not bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Limits {
    /// Thousandths of a core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u64>,
    /// Memory in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Graphics processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<u64>,
    /// Open attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slots: Option<u64>,
}

/// A bound that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// The resource.
    pub what: &'static str,
    /// What would be held.
    pub held: u64,
    /// The bound.
    pub limit: u64,
}

impl Limits {
    /// Whether nothing is bounded.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The first resource of which `held` is more than the bound.
    pub fn exceeded_by(&self, held: &Amount) -> Option<Over> {
        let pairs = self.named().into_iter().zip(held.named());
        pairs.into_iter().find_map(|((what, limit), (_, held))| {
            limit.filter(|limit| held > *limit).map(|limit| Over { what, held, limit })
        })
    }

    fn named(&self) -> [(&'static str, Option<u64>); 4] {
        [("cpu", self.cpu_millis), ("memory", self.memory_bytes), ("gpu", self.gpu), ("slots", self.slots)]
    }
}

/// An amount of a resource as people write it: cores, sizes with a unit, or a number.
pub fn shown(what: &str, amount: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "Ti"), (1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")];
    match what {
        "cpu" => format!("{}", amount as f64 / 1000.0),
        "memory" => match UNITS.iter().find(|(unit, _)| amount >= *unit && amount.is_multiple_of(*unit)) {
            Some((unit, name)) => format!("{}{name}", amount / unit),
            None => amount.to_string(),
        },
        _ => amount.to_string(),
    }
}

/// What open attempts hold together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Amount {
    /// Thousandths of a core.
    pub cpu_millis: u64,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Graphics processors.
    pub gpu: u64,
    /// Open attempts.
    pub slots: u64,
}

impl Amount {
    /// What one attempt holds.
    pub fn of(resources: &Resources) -> Self {
        Self {
            cpu_millis: resources.cpu_millis,
            memory_bytes: resources.memory_bytes,
            gpu: resources.gpu,
            slots: 1,
        }
    }

    /// The sum.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.joined(other, u64::saturating_add)
    }

    /// The difference; never below zero.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.joined(other, u64::saturating_sub)
    }

    /// The greatest of the resources' parts of `total`, in parts per billion; a resource of which there is none does
    /// not count.
    pub fn dominant_share(&self, total: &Self) -> u64 {
        let parts = self.named().into_iter().zip(total.named()).map(|((_, held), (_, total))| match total {
            0 => 0,
            total => u64::try_from(u128::from(held) * 1_000_000_000 / u128::from(total)).unwrap_or(u64::MAX),
        });
        parts.max().unwrap_or_default()
    }

    fn joined(&self, other: &Self, join: fn(u64, u64) -> u64) -> Self {
        Self {
            cpu_millis: join(self.cpu_millis, other.cpu_millis),
            memory_bytes: join(self.memory_bytes, other.memory_bytes),
            gpu: join(self.gpu, other.gpu),
            slots: join(self.slots, other.slots),
        }
    }

    fn named(&self) -> [(&'static str, u64); 4] {
        [("cpu", self.cpu_millis), ("memory", self.memory_bytes), ("gpu", self.gpu), ("slots", self.slots)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dominant_share_is_the_greatest_part_of_what_there_is() {
        let total = Amount { cpu_millis: 8_000, memory_bytes: 1_000, gpu: 0, slots: 10 };
        let held = Amount { cpu_millis: 2_000, memory_bytes: 500, gpu: 3, slots: 1 };
        assert_eq!(held.dominant_share(&total), 500_000_000);
        assert_eq!(held.dominant_share(&Amount::default()), 0);
    }

    #[test]
    fn a_queue_that_contradicts_itself_says_where() {
        let cpu = |cpu| Limits { cpu_millis: Some(cpu), ..Limits::default() };
        let fields = |queue: Queue| queue.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
        assert!(fields(Queue::default()).is_empty());
        let queue = Queue { weight: 0, priority: 1_001, borrowing: false, ..Queue::default() };
        assert_eq!(fields(queue), ["/weight", "/priority", "/borrowing"]);
        let queue = Queue { guarantee: cpu(2_000), maximum: cpu(1_000), ..Queue::default() };
        assert!(queue.check()[0].1.contains("2 cpu are guaranteed, but 1 are the maximum"));
    }

    #[test]
    fn who_may_not_borrow_holds_at_most_its_guarantee() {
        let guarantee = Limits { slots: Some(2), ..Limits::default() };
        let queue = Queue { guarantee, borrowing: false, ..Queue::default() };
        let slots = |slots| Amount { slots, ..Amount::default() };
        assert!(queue.guarantees(&slots(2)) && queue.over_maximum(&slots(2)).is_none());
        let over = queue.over_maximum(&slots(3)).unwrap();
        assert_eq!((over.what, over.held, over.limit), ("slots", 3, 2));
        assert!(!Queue::default().guarantees(&Amount::default()));
    }

    #[test]
    fn amounts_are_shown_as_people_write_them() {
        assert_eq!(shown("cpu", 1_500), "1.5");
        assert_eq!(shown("memory", 3 << 30), "3Gi");
        assert_eq!(shown("memory", 1_000_000), "1000000");
        assert_eq!(shown("gpu", 2), "2");
    }
}
