//! What comes next, as the scheduler foresees it: questions and answers over NATS that change nothing (core NATS
//! request/reply).

use std::collections::BTreeMap;
use std::fmt;

use emboflow_model::device::MAX_DEVICES;
use emboflow_model::{ExecutorId, PoolName, ProjectName, Resources, RunId, TaskKey, Timestamp, WorkflowName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::message::{Message, Subject};

/// Executors that a question adds at most.
pub const MAX_ADDED: u32 = 100;
/// Executors that a question removes at most.
pub const MAX_REMOVED: usize = 100;
/// Tasks or runs that an answer names at most.
pub const MAX_NAMED: usize = 100;

/// By when something happens, if nothing new comes. It is looked ahead in many ways, with durations that such tasks have had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Expected {
    /// By then in half of the ways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50: Option<Timestamp>,
    /// By then in nine of ten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90: Option<Timestamp>,
    /// Why a moment is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
}

impl Expected {
    /// As people say it: `at` is what was looked ahead from, `show` writes a time in milliseconds.
    pub fn in_words(&self, at: Timestamp, show: impl Fn(u64) -> String) -> String {
        let after = |moment: Timestamp| match moment.ms_since(at) {
            0 => "at once".to_owned(),
            ms => format!("in {}", show(ms)),
        };
        let missing = || self.missing.unwrap_or(Missing::Unknown);
        match (self.p50, self.p90) {
            (Some(half), Some(most)) if half == most => after(half),
            (Some(half), Some(most)) => {
                format!("{}, in 9 of 10 cases within {}", after(half), show(most.ms_since(at)))
            }
            (Some(half), None) => format!("{}, but perhaps not: {}", after(half), missing()),
            (None, _) => missing().to_string(),
        }
    }
}

/// Why nobody can say when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Later than it is looked.
    Later,
    /// It depends on tasks of which nothing is known: how long they take.
    Unknown,
    /// Not as things are.
    Never,
    /// Too much comes first.
    TooFar,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Later => "later than in 24 h",
            Self::Unknown => "unknown",
            Self::Never => "not as things are",
            Self::TooFar => "too much comes first to look that far",
        })
    }
}

/// When do the tasks of a run start, and when does it end?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AskForecast {
    /// The run.
    pub run: RunId,
}

impl Message for AskForecast {
    fn subject(&self) -> Subject {
        Self::filter()
    }
}

impl AskForecast {
    /// The subject of all such questions.
    pub fn filter() -> Subject {
        Subject::new(&[&"call", &"scheduler", &"forecast"])
    }
}

/// The answer to an [`AskForecast`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunForecast {
    /// The run.
    pub run: RunId,
    /// What was looked ahead from: the plan as it was then.
    pub at: Timestamp,
    /// In so many ways it was looked.
    pub walks: u32,
    /// So far, in milliseconds.
    pub horizon_ms: u64,
    /// When each task that has not started does, in the order of the run; 1,000 at most.
    pub tasks: Vec<TaskForecast>,
    /// When the run ends; none when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Expected>,
    /// Tasks of which nothing is known yet, as `task of workflow`: they are taken to last as long as their time limit, or
    /// without one for ever. Ten at most; those of other projects are not named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// When a task starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskForecast {
    /// The task.
    pub task: TaskKey,
    /// When it starts.
    pub start: Expected,
}

/// What would be, if executors were added or removed?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AskWhatIf {
    /// Whose tasks and runs are named in the answer.
    pub project: ProjectName,
    /// They would be there at once.
    #[serde(default)]
    pub add: Vec<PlannedExecutor>,
    /// They would be given nothing more, and end what they have.
    #[serde(default)]
    pub remove: Vec<ExecutorId>,
}

impl Message for AskWhatIf {
    fn subject(&self) -> Subject {
        Self::filter()
    }
}

impl AskWhatIf {
    /// The subject of all such questions.
    pub fn filter() -> Subject {
        Subject::new(&[&"call", &"scheduler", &"what_if"])
    }

    /// Whether it can be answered. Errors: it asks for more than is looked at, in words.
    pub fn check(&self) -> Result<(), String> {
        let added = self.add.iter().fold(0_u32, |sum, one| sum.saturating_add(one.count));
        if added > MAX_ADDED {
            return Err(format!("{added} executors are added: {MAX_ADDED} at most"));
        }
        if self.remove.len() > MAX_REMOVED {
            return Err(format!("{} executors are removed: {MAX_REMOVED} at most", self.remove.len()));
        }
        let with_many = self.add.iter().map(|one| one.capacity.gpu).max().unwrap_or(0);
        if with_many > MAX_DEVICES as u64 {
            return Err(format!("{with_many} graphics processors in one executor: {MAX_DEVICES} at most"));
        }
        Ok(())
    }
}

/// Executors of one kind that there could be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedExecutor {
    /// How many.
    pub count: u32,
    /// Their pool.
    pub pool: PoolName,
    /// What each has.
    pub capacity: Resources,
    /// Attempts at the same time at most.
    pub slots: u32,
    /// Labels for placement.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What a task must tolerate.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub taints: BTreeMap<String, String>,
    /// The model of its graphics processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_model: Option<String>,
}

/// The answer to an [`AskWhatIf`]: what would be, beside what is to be expected as things are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WhatIf {
    /// What was looked ahead from: the plan as it was then.
    pub at: Timestamp,
    /// In so many ways it was looked.
    pub walks: u32,
    /// So far, in milliseconds.
    pub horizon_ms: u64,
    /// Tasks of all projects that would start at once, and would not as things are.
    pub starts_at_once: u64,
    /// Those of the project, a hundred at most.
    pub at_once: Vec<TaskAt>,
    /// When everything of all projects that is open now has ended, as things are.
    pub all_ended: Expected,
    /// The same, if.
    pub all_ended_if: Expected,
    /// The project's runs that wait for something, the oldest first; a hundred at most.
    pub runs: Vec<RunIf>,
    /// How many there are in all.
    pub waiting_runs: u64,
    /// Tasks of which nothing is known yet; see [`RunForecast::unknown`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// A task of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskAt {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskKey,
}

/// What a run may expect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunIf {
    /// The run.
    pub run: RunId,
    /// Its workflow.
    pub workflow: WorkflowName,
    /// When its next task starts, as things are.
    pub start: Expected,
    /// The same, if.
    pub start_if: Expected,
    /// When it ends, as things are.
    pub end: Expected,
    /// The same, if.
    pub end_if: Expected,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_is_said_in_words() {
        let at = Timestamp(1_000);
        let said = |p50: Option<i64>, p90: Option<i64>, missing| {
            let expected = Expected { p50: p50.map(Timestamp), p90: p90.map(Timestamp), missing };
            expected.in_words(at, |ms| format!("{ms} ms"))
        };
        assert_eq!(said(Some(1_000), Some(1_000), None), "at once");
        assert_eq!(said(Some(1_500), Some(1_500), None), "in 500 ms");
        assert_eq!(said(Some(1_500), Some(3_000), None), "in 500 ms, in 9 of 10 cases within 2000 ms");
        assert_eq!(
            said(Some(1_500), None, Some(Missing::Later)),
            "in 500 ms, but perhaps not: later than in 24 h"
        );
        assert_eq!(said(None, None, Some(Missing::Unknown)), "unknown");
    }

    #[test]
    fn a_question_may_not_ask_for_more_than_is_looked_at() {
        let executor = |count, gpu| PlannedExecutor {
            count,
            pool: "default".parse().unwrap(),
            capacity: Resources { gpu, ..Resources::default() },
            slots: 1,
            labels: BTreeMap::new(),
            taints: BTreeMap::new(),
            gpu_model: None,
        };
        let asks = |add: Vec<PlannedExecutor>, removed: usize| {
            let remove = (0..removed).map(|place| format!("one-{place}").parse().unwrap()).collect();
            AskWhatIf { project: "lab".parse().unwrap(), add, remove }.check()
        };
        assert!(asks(vec![executor(60, 0), executor(40, 8)], 100).is_ok());
        for (add, removed) in [
            (vec![executor(60, 0), executor(41, 0)], 0),
            (vec![executor(u32::MAX, 0), executor(u32::MAX, 0)], 0),
            (vec![executor(1, 65)], 0),
            (vec![], 101),
        ] {
            assert!(asks(add, removed).is_err());
        }
    }
}
