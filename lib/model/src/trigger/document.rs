//! What is kept of a trigger: the trigger itself, written by the API, and what became of it, written by the service
//! that starts its runs.

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::objects::ObjectPlace;
use super::spec::TriggerSpec;
use crate::{RunId, Timestamp, WorkflowName};

/// The kind of the kept documents that [`TriggerDocument`]s are.
pub const TRIGGERS: &str = "trigger";
/// The kind of the kept documents that [`TriggerState`]s are.
pub const TRIGGER_STATES: &str = "trigger_state";
/// Triggers of one project at most.
pub const MAX_OF_PROJECT: usize = 500;
/// Starts that are remembered of each trigger.
pub const MAX_HISTORY: usize = 100;
/// Streams whose places are remembered of each trigger: it may be changed to follow another one, and back.
pub const MAX_STREAMS: usize = 32;

/// A trigger as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriggerDocument {
    /// Distinguishes it from an earlier one of the same name; part of its idempotency keys.
    pub id: String,
    /// What it is.
    pub spec: TriggerSpec,
    /// The text of its file; none when it stands in the file of its workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The workflow in whose file it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_by: Option<WorkflowName>,
    /// Why nothing is started, if somebody paused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// When it was made: what happened before it starts no run.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// From when on its times count: when it was made, or resumed, or given another table.
    pub counts_from: Timestamp,
}

/// Somebody paused it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pause {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

/// What became of a trigger.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TriggerState {
    /// The id of the trigger that this is about; another one's state counts for nothing.
    pub id: String,
    /// Times up to here are dealt with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<Timestamp>,
    /// How far the streams are settled that it follows or has followed, the one of now first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub streams: VecDeque<StreamPlace>,
    /// How far it has looked through the storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<ObjectPlace>,
    /// The newest starts, newest first.
    #[serde(default)]
    pub history: VecDeque<Start>,
}

/// A place in one life of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamPlace {
    /// The stream.
    pub stream: String,
    /// When it was made, in the server's words: sequences start over when it is made anew.
    pub created: String,
    /// Every message up to this one is settled.
    pub sequence: u64,
}

/// A start, or why there was none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Start {
    /// When it was decided.
    pub at: Timestamp,
    /// What for: a time of the table, a message, a run.
    pub cause: String,
    /// What became of it.
    pub result: StartResult,
    /// The idempotency key of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The stable code of what was wrong, when it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why, where the result alone does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Start {
    /// Why, in words and with the stable code; empty where the result alone says it.
    pub fn why(&self) -> String {
        match (&self.message, &self.code) {
            (Some(message), Some(code)) => format!("{message} ({code})"),
            (message, code) => message.as_ref().or(code.as_ref()).cloned().unwrap_or_default(),
        }
    }
}

/// What became of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum StartResult {
    /// The request is safely taken; the scheduler has not answered yet.
    Requested,
    /// There is a run.
    Started,
    /// The scheduler refused the request.
    Rejected,
    /// The run before still goes on, and the trigger says that none is started then.
    Skipped,
    /// Times passed while nothing could be started.
    Missed,
    /// No request could be made of what came.
    Failed,
}

impl StartResult {
    /// The word that API, CLI, page and metrics use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Started => "started",
            Self::Rejected => "rejected",
            Self::Skipped => "skipped",
            Self::Missed => "missed",
            Self::Failed => "failed",
        }
    }
}

impl TriggerState {
    /// The state of a trigger of which nothing is known.
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// Remembers a start; one with the same key is brought up to date instead, unless it is decided already.
    pub fn note(&mut self, start: Start) {
        let known = self.history.iter_mut().find(|known| start.key.is_some() && known.key == start.key);
        match known {
            Some(known) if known.result == StartResult::Requested || start.run.is_some() => {
                known.result = start.result;
                known.run = start.run.or(known.run);
                known.code = start.code;
                known.message = start.message;
            }
            Some(_) => {}
            None => {
                self.history.push_front(start);
                self.history.truncate(MAX_HISTORY);
            }
        }
    }

    /// Moves the watermark forward.
    pub fn advance(&mut self, to: Timestamp) {
        self.watermark = Some(self.watermark.map_or(to, |now| now.max(to)));
    }

    /// How far a stream is settled, as far as that is known.
    pub fn settled_of(&self, stream: &str) -> Option<&StreamPlace> {
        self.streams.iter().find(|place| place.stream == stream)
    }

    /// Moves the place in a stream forward; in another life of the stream it is a new one.
    pub fn settle(&mut self, place: StreamPlace) {
        let is_behind =
            |known: &StreamPlace| known.created == place.created && known.sequence >= place.sequence;
        if place.sequence == 0 || self.settled_of(&place.stream).is_some_and(is_behind) {
            return;
        }
        self.streams.retain(|known| known.stream != place.stream);
        self.streams.push_front(place);
        self.streams.truncate(MAX_STREAMS);
    }

    /// Moves the place in the storage forward; with another filter it is a new one.
    pub fn look(&mut self, place: ObjectPlace) {
        let is_behind = |known: &ObjectPlace| known.filter == place.filter && known.swept_at > place.swept_at;
        if !self.objects.as_ref().is_some_and(is_behind) {
            self.objects = Some(place);
        }
    }

    /// The newest start that made a request for a time of the table.
    pub fn newest_request(&self) -> Option<&Start> {
        self.history.iter().find(|start| {
            start.key.is_some() && matches!(start.result, StartResult::Requested | StartResult::Started)
        })
    }
}
