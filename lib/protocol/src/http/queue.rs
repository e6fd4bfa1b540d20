//! Bodies about queues.

use emboflow_model::queue::{Amount, Limits, Queue};
use emboflow_model::{QueueName, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of `PUT /api/v1/queues/{queue}`: all rules of the queue; what is not given has its usual value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QueueBody {
    /// What it is for; at most 500 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its part of what nobody is guaranteed, against the weights of the others; from 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub weight: u32,
    /// As long as it holds no more than this, it goes before every queue that is above its own.
    pub guarantee: LimitsBody,
    /// It never holds more than this.
    pub maximum: LimitsBody,
    /// Whether it may hold more than its guarantee while others leave room.
    pub borrowing: bool,
    /// The priority of tasks whose file names none; from -1000 to 1000.
    #[schemars(range(min = -1000, max = 1000))]
    pub priority: i32,
}

/// A bound for each resource; what is not given is not bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsBody {
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

/// A queue, its rules, and what it holds and waits for now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueueView {
    /// The name.
    pub name: QueueName,
    /// Its rules.
    #[serde(flatten)]
    pub rules: Queue,
    /// What it holds and waits for; none when the scheduler does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<QueueNow>,
}

/// What a queue holds and waits for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueueNow {
    /// What its open attempts hold.
    pub held: Amount,
    /// The greatest part of any resource of all executors that it holds, from 0 to 1.
    pub share: f64,
    /// Tasks that are ready and have no executor.
    pub waiting: u64,
    /// Since when the first of them has waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Timestamp>,
}

impl Default for QueueBody {
    fn default() -> Self {
        Queue::default().into()
    }
}

impl From<Queue> for QueueBody {
    fn from(queue: Queue) -> Self {
        let Queue { description, weight, guarantee, maximum, borrowing, priority } = queue;
        Self {
            description,
            weight,
            guarantee: guarantee.into(),
            maximum: maximum.into(),
            borrowing,
            priority,
        }
    }
}

impl From<QueueBody> for Queue {
    fn from(body: QueueBody) -> Self {
        let QueueBody { description, weight, guarantee, maximum, borrowing, priority } = body;
        Self {
            description,
            weight,
            guarantee: guarantee.into(),
            maximum: maximum.into(),
            borrowing,
            priority,
        }
    }
}

impl From<Limits> for LimitsBody {
    fn from(Limits { cpu_millis, memory_bytes, gpu, slots }: Limits) -> Self {
        Self { cpu_millis, memory_bytes, gpu, slots }
    }
}

impl From<LimitsBody> for Limits {
    fn from(LimitsBody { cpu_millis, memory_bytes, gpu, slots }: LimitsBody) -> Self {
        Self { cpu_millis, memory_bytes, gpu, slots }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_knows_is_refused_in_a_request_and_what_is_left_out_is_as_usual() {
        assert!(serde_json::from_str::<QueueBody>(r#"{ "guarantee": { "cpus": 3 } }"#).is_err());
        let body: QueueBody = serde_json::from_str(r#"{ "weight": 3 }"#).unwrap();
        assert_eq!(Queue::from(body), Queue { weight: 3, ..Queue::default() });
    }
}
