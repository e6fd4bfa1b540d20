//! A trigger: what it waits for, and the run that it starts.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::name::MAX_NAME_LENGTH;
use crate::workflow::triggers::{
    NatsSpec, ObjectCreatedSpec, RunFinishedSpec, ScheduleSpec, Triggers, WebhookSpec,
};
use crate::{TriggerName, WorkflowName};

/// What a trigger waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggerKind {
    /// The times of a table.
    Schedule(ScheduleSpec),
    /// Messages.
    Nats(NatsSpec),
    /// Signed HTTP requests.
    Webhook(WebhookSpec),
    /// The end of runs.
    RunFinished(RunFinishedSpec),
    /// New objects.
    ObjectCreated(ObjectCreatedSpec),
}

impl TriggerKind {
    /// The word of the file.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Schedule(_) => "schedule",
            Self::Nats(_) => "nats",
            Self::Webhook(_) => "webhook",
            Self::RunFinished(_) => "run_finished",
            Self::ObjectCreated(_) => "object_created",
        }
    }

    /// The name that the file gives, if it does.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Schedule(spec) => spec.name.as_deref(),
            Self::Nats(spec) => spec.name.as_deref(),
            Self::Webhook(spec) => spec.name.as_deref(),
            Self::RunFinished(spec) => spec.name.as_deref(),
            Self::ObjectCreated(spec) => spec.name.as_deref(),
        }
    }

    /// The values for the workflow's inputs, with expressions over `event`.
    pub fn inputs(&self) -> &IndexMap<String, Value> {
        match self {
            Self::Schedule(spec) => &spec.inputs,
            Self::Nats(spec) => &spec.inputs,
            Self::Webhook(spec) => &spec.inputs,
            Self::RunFinished(spec) => &spec.inputs,
            Self::ObjectCreated(spec) => &spec.inputs,
        }
    }
}

impl Triggers {
    /// Every trigger with the JSON pointer to it, in the order of the kinds.
    pub fn each(&self) -> Vec<(String, TriggerKind)> {
        let mut all = Vec::new();
        let mut add = |kind: &str, found: Vec<(String, TriggerKind)>| {
            all.extend(found.into_iter().map(|(rest, trigger)| (format!("/on/{kind}{rest}"), trigger)));
        };
        if let Some(some) = &self.schedule {
            add("schedule", each(some.each(), TriggerKind::Schedule));
        }
        if let Some(some) = &self.nats {
            add("nats", each(some.each(), TriggerKind::Nats));
        }
        if let Some(some) = &self.webhook {
            add("webhook", each(some.each(), TriggerKind::Webhook));
        }
        if let Some(some) = &self.run_finished {
            add("run_finished", each(some.each(), TriggerKind::RunFinished));
        }
        if let Some(some) = &self.object_created {
            add("object_created", each(some.each(), TriggerKind::ObjectCreated));
        }
        all
    }
}

fn each<T: Clone>(found: Vec<(String, &T)>, kind: fn(T) -> TriggerKind) -> Vec<(String, TriggerKind)> {
    found.into_iter().map(|(rest, one)| (rest, kind(one.clone()))).collect()
}

/// A trigger of a project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TriggerSpec {
    /// Its name in the project.
    pub name: TriggerName,
    /// The workflow whose runs it starts.
    pub workflow: WorkflowName,
    /// What it waits for.
    pub on: TriggerKind,
}

impl TriggerSpec {
    /// The name of a trigger that is given none: that of the workflow, cut where it is too long, and the kind; from the
    /// second of a kind on with its number.
    pub fn default_name(workflow: &str, kind: &TriggerKind, pointer: &str) -> String {
        let index = pointer.rsplit('/').next().and_then(|last| last.parse::<usize>().ok());
        let mut end = format!("-{}", kind.word().replace('_', "-"));
        if let Some(index) = index.filter(|index| *index > 0) {
            end.push_str(&format!("-{}", index + 1));
        }
        let room = MAX_NAME_LENGTH.saturating_sub(end.len());
        let start: String = workflow.chars().take(room).collect();
        start + &end
    }
}
