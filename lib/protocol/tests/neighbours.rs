//! Messages between neighbouring versions: what the first version wrote is read, and what a newer one adds is ignored.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Debug;

use emboflow_model::executor::Heartbeat;
use emboflow_protocol::call::{Claim, ClaimAnswer, Claims, ClaimsAnswer};
use emboflow_protocol::command::Command;
use emboflow_protocol::report::Reports;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const ATTEMPT: &str = "run-01m80nvc0xew9bh4vjcmrsg7c3.record_0.1";
const AT: &str = "2026-11-22T03:47:26.319Z";

/// Objects whose names are the caller's: a name more there says more.
const OWN_NAMES: [&str; 3] = ["env", "labels", "inputs"];

fn with_unknown_fields(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let known = fields.iter_mut().filter(|(name, _)| !OWN_NAMES.contains(&name.as_str()));
            known.for_each(|(_, field)| with_unknown_fields(field));
            fields.insert("of_a_newer_version".to_owned(), json!({ "n": [1] }));
        }
        Value::Array(items) => items.iter_mut().for_each(with_unknown_fields),
        _ => {}
    }
}

/// Reads the text of the first version, and the same with more in it.
fn is_read<T: DeserializeOwned + PartialEq + Debug>(first: Value) {
    let read: T = serde_json::from_value(first.clone()).unwrap_or_else(|error| panic!("{error}: {first:#}"));
    let mut newer = first;
    with_unknown_fields(&mut newer);
    let of_newer: T =
        serde_json::from_value(newer.clone()).unwrap_or_else(|error| panic!("{error}: {newer:#}"));
    assert_eq!(of_newer, read);
}

#[test]
fn commands_are_read() {
    let spec = json!({
        "image": "my/simulator:1", "pull": "if_not_present", "command": ["record", "--seed", "0"], "args": [],
        "env": {}, "workdir": null, "user": null,
        "resources": { "cpu_millis": 1000, "memory_bytes": 536_870_912, "disk_bytes": 0 },
        "shm_bytes": null, "pids": null, "network": "none", "isolation": "default",
        "timeouts": { "start_ms": 600_000, "run_ms": null }, "stop": { "signal": "SIGTERM", "grace_ms": 10_000 },
        "inputs": [], "outputs": [{ "name": "episode", "path": "out/", "preview": false, "optional": false }],
        "log_limit_bytes": 268_435_456
    });
    is_read::<Command>(json!({
        "command": "start", "attempt": ATTEMPT, "fence": 1_048_577, "project": "default",
        "trace_id": "44d16bae705f4b03be75194360712876", "spec": spec
    }));
    is_read::<Command>(json!({ "command": "stop", "attempt": ATTEMPT, "fence": 7, "reason": "cancelled" }));
    is_read::<Command>(json!({ "command": "release", "attempt": ATTEMPT, "fence": 7 }));
}

#[test]
fn reports_are_read() {
    let report = |phase: Value| json!({ "attempt": ATTEMPT, "fence": 7, "phase": phase });
    let end = json!({
        "outcome": "failed", "cause": "user", "reason": "exit_code", "message": null, "exit_code": 3,
        "times": { "claimed_at": AT }, "log": null, "artifacts": [], "image_digest": null
    });
    is_read::<Reports>(json!({
        "pool": "default", "executor": "exec-1",
        "reports": [
            report(json!({ "phase": "preparing", "at": AT })),
            report(json!({ "phase": "running", "at": AT })),
            report(json!({ "phase": "finishing", "at": AT })),
            report(json!({ "phase": "ended", "end": end })),
        ]
    }));
}

#[test]
fn heartbeats_are_read() {
    is_read::<Heartbeat>(json!({
        "executor": "exec-1", "pool": "default", "incarnation": "1", "journal": "j", "state": "online",
        "capacity": { "cpu_millis": 4000, "memory_bytes": 1, "disk_bytes": 1 }, "slots": 8, "labels": { "a": "b" },
        "runtime": "docker", "version": "0.1.0", "attempts": [{ "attempt": ATTEMPT, "fence": 7 }],
        "disk": { "free_bytes": 1, "total_bytes": 2 }, "sent_at": AT
    }));
}

#[test]
fn claims_and_their_answers_are_read() {
    is_read::<Claim>(json!({ "pool": "default", "executor": "exec-1", "attempt": ATTEMPT, "fence": 7 }));
    is_read::<ClaimAnswer>(json!({ "claim": "granted", "storage_token": "t", "storage_token_ms": 5 }));
    is_read::<ClaimAnswer>(json!({ "claim": "refused", "reason": "fenced" }));
    let attempts = json!([{ "attempt": ATTEMPT, "fence": 7 }]);
    is_read::<Claims>(
        json!({ "pool": "default", "executor": "exec-1", "journal": "j", "attempts": attempts }),
    );
    is_read::<ClaimsAnswer>(json!({ "answers": [null, { "claim": "refused", "reason": "fenced" }] }));
}
