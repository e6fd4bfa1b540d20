//! The AsyncAPI 3 document of everything that travels over NATS.

use anyhow::{Result, ensure};
use emboflow_protocol::header;
use emboflow_protocol::stream::{EXECUTORS_BUCKET, EXECUTORS_MAX_AGE_S, HEARTBEAT_MS, STREAMS};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::address::{PARAMETERS, Sample, parameters, stream_of};
use super::channels::{Channel, Reply, channels, sample_event, sample_notification};
use super::messages::MESSAGES;

/// The document. Fails when a channel names a message that is not there.
pub(super) fn document() -> Result<Value> {
    let mut generator = SchemaGenerator::new(SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    }));
    let mut messages: Map<String, Value> = MESSAGES
        .iter()
        .map(|message| {
            let mut value = json!({
                "name": message.name,
                "title": message.summary,
                "contentType": "application/json",
                "payload": message.refer(&mut generator),
            });
            if let Some(headers) = headers(message.name) {
                value["headers"] = headers;
            }
            (message.name.to_owned(), value)
        })
        .collect();
    messages.extend(raw_messages());
    add_examples(&mut messages);
    let channels = channels();
    for name in channels.iter().flat_map(|channel| channel.messages) {
        ensure!(messages.contains_key(*name), "a channel names the message {name}, which is not there");
    }
    Ok(json!({
        "asyncapi": "3.0.0",
        "info": info(),
        "defaultContentType": "application/json",
        "channels": channels.iter().map(|each| (each.id.clone(), channel(each))).collect::<Map<_, _>>(),
        "operations": operations(&channels),
        "components": { "messages": messages, "schemas": generator.take_definitions(true) },
        "x-jetstream": { "streams": STREAMS, "buckets": buckets() },
    }))
}

fn info() -> Value {
    json!({
        "title": "EmboFlow over NATS",
        "version": env!("CARGO_PKG_VERSION"),
        "license": { "name": "Apache-2.0" },
        "description": "Publish a run request, read the answer on your reply subject, follow the events to the end. \
            `x-stream` names the JetStream stream that stores a channel; `x-jetstream` has the streams' settings. \
            Channels whose senders and receivers are both services are internal.",
    })
}

fn buckets() -> Value {
    json!([{
        "name": EXECUTORS_BUCKET,
        "purpose": "one heartbeat an executor",
        "max_age_s": EXECUTORS_MAX_AGE_S,
        "heartbeat_ms": HEARTBEAT_MS,
    }])
}

fn channel(channel: &Channel) -> Value {
    let mut messages = references(channel.messages);
    if let Some(Reply::Inbox(answer)) = &channel.reply {
        messages.extend(references(&[*answer]));
    }
    let described = |name: &str| PARAMETERS.iter().find(|(known, _)| *known == name).map(|(_, what)| *what);
    let parameters: Map<_, _> = parameters(&channel.address)
        .map(|name| (name.to_owned(), json!({ "description": described(name) })))
        .collect();
    let mut value = json!({
        "address": channel.address,
        "title": channel.title,
        "messages": messages,
        "x-senders": channel.senders,
        "x-receivers": channel.receivers,
    });
    if !parameters.is_empty() {
        value["parameters"] = parameters.into();
    }
    if let Some(stream) = stream_of(&channel.address) {
        value["x-stream"] = stream.name.into();
    }
    if channel.id == "heartbeat" {
        value["x-bucket"] = EXECUTORS_BUCKET.into();
    }
    value
}

fn references(names: &[&str]) -> Map<String, Value> {
    let reference =
        |name: &&str| ((*name).to_owned(), json!({ "$ref": format!("#/components/messages/{name}") }));
    names.iter().map(reference).collect()
}

/// From EmboFlow's side: what only outsiders send is received, everything else is sent.
fn operations(channels: &[Channel]) -> Map<String, Value> {
    let operation = |each: &Channel| {
        let receives = matches!(each.reply, Some(Reply::Header(_)));
        let (word, action) = if receives { ("receive", "receive") } else { ("send", "send") };
        let to = format!("#/channels/{}", each.id);
        let message = |name: &str| json!([{ "$ref": format!("{to}/messages/{name}") }]);
        let mut value = json!({ "action": action, "channel": { "$ref": to }, "summary": each.title });
        match &each.reply {
            Some(Reply::Header(header)) => {
                value["reply"] = json!({
                    "address": { "location": format!("$message.header#/{header}") },
                    "channel": { "$ref": "#/channels/answer" },
                });
            }
            Some(Reply::Inbox(answer)) => {
                value["messages"] = message(each.messages[0]);
                value["reply"] = json!({ "channel": { "$ref": to }, "messages": message(answer) });
            }
            None => {}
        }
        let (first, rest) = each.id.split_at(1);
        (format!("{word}{}{rest}", first.to_uppercase()), value)
    };
    channels.iter().map(operation).collect()
}

/// Messages whose payload is no JSON of ours.
fn raw_messages() -> Map<String, Value> {
    let raw = |name: &str, title: &str, content: &str| {
        let mut value = json!({ "name": name, "title": title, "contentType": content });
        value["payload"] = json!({ "type": "string", "contentEncoding": "binary" });
        value["headers"] = headers(name).unwrap_or_default();
        (name.to_owned(), value)
    };
    Map::from_iter([
        raw("LogFrame", "Bytes of a log as the task wrote them.", "application/octet-stream"),
        raw(
            "DeadLetter",
            "The message as it came; headers say what was wrong with it.",
            "application/octet-stream",
        ),
    ])
}

/// The headers of a message as a schema; none when it has none of its own.
fn headers(message: &str) -> Option<Value> {
    let known: &[(&str, &str, bool)] = match message {
        "Submit" | "RunRequest" | "Decide" => &[
            (
                header::IDEMPOTENCY_KEY,
                "The same key and body have one answer, however often they are sent.",
                false,
            ),
            (
                header::REPLY_TO,
                "Where the answer goes: below `emboflow.reply.<project>.`, or an inbox.",
                false,
            ),
            (header::TRACEPARENT, "W3C trace context that the run goes on with.", false),
        ],
        "Event" => {
            &[(header::MESSAGE_ID, "`<run>/<number>`: the same when an event is published again.", true)]
        }
        "LogFrame" => &[(header::LOG_OFFSET, "Offset of the first byte in the attempt's log.", true)],
        "DeadLetter" => &[
            (header::DEAD_REASON, "Why it is a dead letter.", true),
            (header::DEAD_SUBJECT, "The subject that it was published to.", true),
            (header::DEAD_ERROR, "What went wrong, in words.", true),
            (header::DEAD_CUT_FROM, "Bytes that it had before it was cut to fit.", false),
        ],
        _ => return None,
    };
    let property = |(name, what, _): &(&str, &str, bool)| {
        ((*name).to_owned(), json!({ "type": "string", "description": what }))
    };
    let required: Vec<_> = known.iter().filter(|(.., required)| *required).map(|(name, ..)| *name).collect();
    let properties: Map<_, _> = known.iter().map(property).collect();
    Some(json!({ "type": "object", "properties": properties, "required": required }))
}

fn add_examples(messages: &mut Map<String, Value>) {
    let sample = Sample::new();
    let run = sample.attempt.run;
    let source = "version: 1\nname: hello\ntasks:\n  greet:\n    image: emboflow/examples-hello:1\n    \
        command: [echo, hello]\n";
    let examples = [
        ("Submit", json!({ "source": source, "labels": { "site": "lab-2" } })),
        ("RunRequest", json!({ "run": run, "reason": "the wrong recording" })),
        (
            "Decide",
            json!({ "run": run, "task": "review", "approve": true, "comment": "as good as the last one" }),
        ),
        ("Answer", json!({ "status": "accepted", "run_id": run })),
        ("Event", serde_json::to_value(sample_event(&sample)).expect("an event can always be written")),
        (
            "RunEnded",
            serde_json::to_value(sample_notification(&sample)).expect("a notification can always be written"),
        ),
    ];
    for (name, example) in examples {
        messages[name]["examples"] = json!([{ "payload": example }]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document().unwrap();
        for reference in document.to_string().split("\"$ref\":\"").skip(1) {
            let target = reference.split('"').next().unwrap();
            let pointer = target.strip_prefix('#').unwrap_or_else(|| panic!("{target}"));
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
    }

    #[test]
    fn the_examples_are_messages_of_their_types() {
        use emboflow_protocol::request::{Answer, DecideBody, RunBody, SubmitBody};
        let document = document().unwrap();
        let example = |name: &str| document["components"]["messages"][name]["examples"][0]["payload"].clone();
        let submit: SubmitBody = serde_json::from_value(example("Submit")).unwrap();
        let source = submit.source.unwrap();
        emboflow_model::workflow::parse(&source).unwrap_or_else(|problems| panic!("{problems:?}"));
        serde_json::from_value::<RunBody>(example("RunRequest")).unwrap();
        serde_json::from_value::<DecideBody>(example("Decide")).unwrap();
        serde_json::from_value::<Answer>(example("Answer")).unwrap();
    }

    #[test]
    fn a_parameter_is_always_described() {
        for (_, channel) in document().unwrap()["channels"].as_object().unwrap() {
            for (name, parameter) in channel["parameters"].as_object().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{name}");
            }
        }
    }
}
