use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::at;
use crate::RunId;
use crate::trigger::cloud_event;
use crate::trigger::{Event, MAX_HISTORY, Reason, Start, StartResult, TriggerState, idempotency_key};
use crate::workflow::map_inputs;

fn inputs(value: Value) -> IndexMap<String, Value> {
    serde_json::from_value(value).unwrap()
}

#[test]
fn values_keep_their_type_when_they_are_one_expression() {
    let event = Event::message(
        "nats",
        "orders.new",
        at("2026-11-21T13:00:00Z"),
        Map::new(),
        br#"{"count": 3, "tags": ["a"]}"#,
    );
    let given = inputs(json!({
        "count": "${{ event.data.count }}",
        "text": "order on ${{ event.subject }}: ${{ event.data.count }}",
        "deep": { "tags": ["${{ event.data.tags[0] }}", 5] },
        "plain": true,
    }));
    let mapped = map_inputs(&given, &event.into_value()).unwrap();
    let expected =
        json!({ "count": 3, "text": "order on orders.new: 3", "deep": { "tags": ["a", 5] }, "plain": true });
    assert_eq!(Value::Object(mapped), expected);
}

#[test]
fn a_message_without_what_the_trigger_wants_is_named_and_never_panics() {
    let given = inputs(json!({ "path": "${{ event.data.path }}" }));
    for garbage in [&b"not json"[..], b"", b"\xff\xfe", b"{\"pth\": 1}", b"[]"] {
        let event = Event::message("nats", "a", at("2026-11-21T13:00:00Z"), Map::new(), garbage);
        let error = map_inputs(&given, &event.into_value()).unwrap_err();
        assert_eq!(error.input, "path");
    }
}

#[test]
fn inputs_that_grow_without_end_are_refused() {
    let event = json!({ "data": "x".repeat(100_000) });
    let given =
        inputs(json!({ "a": "${{ event.data }}", "b": "${{ event.data }}", "c": "${{ event.data }}" }));
    assert!(map_inputs(&given, &event).unwrap_err().message.contains("bytes"));
}

#[test]
fn a_key_is_the_same_for_the_same_reason_and_fit_for_the_intake() {
    let run = RunId::from_bits(7);
    let reasons = [
        Reason::Time(at("2026-11-21T13:00:00Z")),
        Reason::StreamMessage { stream: "ORDERS", created: "2026-11-21T13:00:00.123456789Z", sequence: 7 },
        Reason::StreamMessage { stream: "ORDERS", created: "2026-11-22T13:00:00.123456789Z", sequence: 7 },
        Reason::StreamMessage { stream: &"x".repeat(250), created: "now", sequence: 7 },
        Reason::Named("msg_1"),
        Reason::CloudEvent { source: "a", id: "bc" },
        Reason::CloudEvent { source: "ab", id: "c" },
        Reason::RunFinished(run),
        Reason::Fired("x"),
    ];
    let keys: Vec<String> = reasons.iter().map(|reason| idempotency_key("0123abcd", reason)).collect();
    for key in &keys {
        assert!(key.len() <= 200 && key.bytes().all(|byte| byte.is_ascii_graphic()), "{key}");
        assert!(key.starts_with("trigger/0123abcd/"));
    }
    let unique: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(unique.len(), keys.len());
    assert_eq!(keys[0], "trigger/0123abcd/2026-11-21T13:00:00Z");
    assert_eq!(keys[1], "trigger/0123abcd/ORDERS@2026-11-21T13:00:00.123456789Z:7");
    assert_eq!(idempotency_key("0123abcd", &reasons[0]), keys[0]);
}

fn read(headers: &[(&str, &str)], body: &[u8]) -> Result<Option<cloud_event::CloudEvent>, String> {
    let header = |name: &str| {
        headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    };
    cloud_event::read(header, headers.iter().copied(), body).map_err(|error| error.to_string())
}

#[test]
fn a_cloud_event_reads_the_same_in_both_modes() {
    let structured = json!({
        "specversion": "1.0", "id": "7", "source": "/shop", "type": "order.new", "subject": "A 1", "data": { "n": 1 }
    });
    let structured = read(
        &[("content-type", "application/cloudevents+json; charset=utf-8")],
        structured.to_string().as_bytes(),
    );
    let binary = read(
        &[
            ("content-type", "application/json"),
            ("ce-specversion", "1.0"),
            ("ce-id", "7"),
            ("ce-source", "/shop"),
            ("ce-type", "order.new"),
            ("ce-subject", "A%201"),
        ],
        br#"{"n": 1}"#,
    );
    let event = structured.unwrap().unwrap();
    assert_eq!(Some(&event), binary.unwrap().as_ref());
    assert_eq!((event.kind.as_str(), event.id.as_str()), ("order.new", "7"));
    assert_eq!(event.into_event()["data"]["n"], 1);
}

#[test]
fn what_says_that_it_is_a_cloud_event_and_is_none_is_refused() {
    assert_eq!(read(&[("content-type", "application/json")], b"{}"), Ok(None));
    let media = [("content-type", "application/cloudevents+json")];
    for bad in [&b""[..], b"{}", b"[]", b"\xff", br#"{"specversion":"0.3","id":"1","source":"s","type":"t"}"#]
    {
        assert!(read(&media, bad).is_err(), "{bad:?}");
    }
    assert!(read(&[("ce-specversion", "1.0")], b"{}").is_err(), "without an id");
    assert!(read(&[("content-type", "application/cloudevents-batch+json")], b"[]").is_err());
}

#[test]
fn the_history_is_bounded_and_a_start_is_brought_up_to_date() {
    let start = |number: usize, result| Start {
        at: at("2026-11-21T13:00:00Z"),
        cause: number.to_string(),
        result,
        key: Some(format!("k{number}")),
        run: None,
        code: None,
        message: None,
    };
    let mut state = TriggerState::new("t");
    for number in 0..MAX_HISTORY + 20 {
        state.note(start(number, StartResult::Requested));
    }
    assert_eq!(state.history.len(), MAX_HISTORY);
    let newest = MAX_HISTORY + 19;
    state.note(Start { run: Some(RunId::from_bits(1)), ..start(newest, StartResult::Started) });
    assert_eq!(state.history.len(), MAX_HISTORY);
    assert_eq!(
        (state.history[0].result, state.history[0].run),
        (StartResult::Started, Some(RunId::from_bits(1)))
    );
    // What is repeated after a crash undoes nothing.
    state.note(start(newest, StartResult::Requested));
    assert_eq!(state.history[0].result, StartResult::Started);
    state.advance(at("2026-11-21T13:00:00Z"));
    state.advance(at("2026-11-21T12:00:00Z"));
    assert_eq!(state.watermark, Some(at("2026-11-21T13:00:00Z")));
}
