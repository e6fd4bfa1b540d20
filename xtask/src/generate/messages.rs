//! The messages by name: their types, and one self-contained JSON Schema each.

use emboflow_model::executor::Heartbeat;
use emboflow_protocol::approval_asked::ApprovalAsked;
use emboflow_protocol::batch::{BatchAnswer, BatchBody};
use emboflow_protocol::call::{
    AskCordons, AskLeader, AskQueues, Claim, ClaimAnswer, Claims, ClaimsAnswer, CordonFigures, Explain,
    Explanation, ForgetAnswer, ForgetExecutor, Leader, ObjectsRemoved, QueueFigures, RemoveObjects,
};
use emboflow_protocol::command::Commands;
use emboflow_protocol::event::Event;
use emboflow_protocol::forecast::{AskForecast, AskWhatIf, RunForecast, WhatIf};
use emboflow_protocol::progress::Progress;
use emboflow_protocol::report::Reports;
use emboflow_protocol::request::{Answer, DecideBody, RunBody, SubmitBody};
use emboflow_protocol::run_ended::RunEnded;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

/// A message whose payload is JSON.
pub(super) struct JsonMessage {
    /// Name in the documents.
    pub(super) name: &'static str,
    /// In a line.
    pub(super) summary: &'static str,
    refer: fn(&mut SchemaGenerator) -> Schema,
    stand_alone: fn(SchemaGenerator) -> Schema,
}

impl JsonMessage {
    const fn of<T: JsonSchema>(name: &'static str, summary: &'static str) -> Self {
        Self {
            name,
            summary,
            refer: |generator| generator.subschema_for::<T>(),
            stand_alone: |generator| generator.into_root_schema_for::<T>(),
        }
    }

    /// A reference to its schema among the definitions of `generator`.
    pub(super) fn refer(&self, generator: &mut SchemaGenerator) -> Value {
        (self.refer)(generator).to_value()
    }
}

/// Every message with a JSON payload.
pub(super) const MESSAGES: &[JsonMessage] = &[
    JsonMessage::of::<SubmitBody>("Submit", "A new run: a workflow's text or name, inputs and labels."),
    JsonMessage::of::<BatchBody>("Batch", "Several new runs, each with a key of its own."),
    JsonMessage::of::<RunBody>("RunRequest", "Cancel, retry, pause or resume a run."),
    JsonMessage::of::<DecideBody>("Decide", "Approve or reject a task that waits for a person."),
    JsonMessage::of::<Answer>("Answer", "What became of a request: accepted, or rejected with reasons."),
    JsonMessage::of::<BatchAnswer>("BatchAnswer", "What became of each request of a batch."),
    JsonMessage::of::<Event>("Event", "What a run has come to, as a CloudEvent."),
    JsonMessage::of::<RunEnded>(
        "RunEnded",
        "A run ended, for who wants to be told: also the body of webhooks.",
    ),
    JsonMessage::of::<ApprovalAsked>(
        "ApprovalAsked",
        "A task waits for a person to decide, for who wants to be told: also the body of webhooks.",
    ),
    JsonMessage::of::<Commands>("Commands", "Start, stop or release attempts."),
    JsonMessage::of::<Reports>("Reports", "What became of attempts."),
    JsonMessage::of::<Progress>("Progress", "How far the preparation of an attempt is."),
    JsonMessage::of::<Heartbeat>("Heartbeat", "What an executor says of itself, every five seconds."),
    JsonMessage::of::<Claim>("Claim", "May this attempt start?"),
    JsonMessage::of::<ClaimAnswer>("ClaimAnswer", "Granted with credentials, or refused."),
    JsonMessage::of::<Claims>("Claims", "May these attempts start?"),
    JsonMessage::of::<ClaimsAnswer>("ClaimsAnswer", "What each claim comes to, in the same order."),
    JsonMessage::of::<Explain>("Explain", "Why do the tasks of a run wait?"),
    JsonMessage::of::<Explanation>("Explanation", "The reasons of the waiting tasks."),
    JsonMessage::of::<AskForecast>("AskForecast", "When do the tasks of a run start, and when does it end?"),
    JsonMessage::of::<RunForecast>(
        "RunForecast",
        "When tasks of a run should start, and when it should end.",
    ),
    JsonMessage::of::<AskWhatIf>("AskWhatIf", "What would be with more or fewer executors?"),
    JsonMessage::of::<WhatIf>("WhatIf", "What would be, beside what is to be expected as things are."),
    JsonMessage::of::<AskLeader>("AskLeader", "Is there a scheduler that decides?"),
    JsonMessage::of::<Leader>("Leader", "The scheduler that decides."),
    JsonMessage::of::<AskCordons>("AskCordons", "What do cordoned executors still have to do?"),
    JsonMessage::of::<CordonFigures>("CordonFigures", "What cordoned executors still have to do."),
    JsonMessage::of::<AskQueues>("AskQueues", "What do the queues hold and wait for?"),
    JsonMessage::of::<QueueFigures>("QueueFigures", "What the queues hold and wait for."),
    JsonMessage::of::<ForgetExecutor>("ForgetExecutor", "An executor will never come back."),
    JsonMessage::of::<ForgetAnswer>("ForgetAnswer", "Forgotten, refused because it is online, or unknown."),
    JsonMessage::of::<RemoveObjects>("RemoveObjects", "The records of a run are gone: remove its objects."),
    JsonMessage::of::<ObjectsRemoved>(
        "ObjectsRemoved",
        "How many objects are gone, and whether that was all.",
    ),
];

/// Each message's own schema by its name, with relative addresses.
pub(super) fn schemas() -> impl Iterator<Item = (&'static str, Value)> {
    MESSAGES.iter().map(|message| {
        let generator = SchemaGenerator::new(SchemaSettings::draft2020_12());
        let mut schema = (message.stand_alone)(generator).to_value();
        schema["$id"] = format!("{}.json", message.name).into();
        (message.name, schema)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_names_only_definitions_of_its_own() {
        for (name, schema) in schemas() {
            let text = schema.to_string();
            for reference in text.split("\"$ref\":\"").skip(1) {
                let target = reference.split('"').next().unwrap();
                let pointer = target.strip_prefix('#').unwrap_or_else(|| panic!("{name}: {target}"));
                assert!(schema.pointer(pointer).is_some(), "{name}: {target}");
            }
        }
    }
}
