//! Who may use whom, by the normal dependencies that `cargo metadata` shows.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Which of our crates a crate may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("emboflow-model", &[]),
    ("emboflow-protocol", &["emboflow-model"]),
    ("emboflow-bus", &["emboflow-model", "emboflow-protocol"]),
    ("emboflow-records", &["emboflow-model"]),
    ("emboflow-storage", &["emboflow-model", "emboflow-protocol"]),
    ("emboflow-service", &[]),
    ("emboflow-objects", &["emboflow-model", "emboflow-protocol", "emboflow-service"]),
    (
        "emboflow-backup",
        &["emboflow-model", "emboflow-protocol", "emboflow-records", "emboflow-objects", "emboflow-service"],
    ),
    (
        "svc-api",
        &[
            "emboflow-model",
            "emboflow-protocol",
            "emboflow-bus",
            "emboflow-records",
            "emboflow-storage",
            "emboflow-service",
        ],
    ),
    (
        "svc-scheduler",
        &["emboflow-model", "emboflow-protocol", "emboflow-bus", "emboflow-records", "emboflow-service"],
    ),
    (
        "svc-executor",
        &["emboflow-model", "emboflow-protocol", "emboflow-bus", "emboflow-storage", "emboflow-service"],
    ),
    (
        "svc-storage-gw",
        &["emboflow-model", "emboflow-protocol", "emboflow-bus", "emboflow-objects", "emboflow-service"],
    ),
    (
        "svc-trigger",
        &[
            "emboflow-model",
            "emboflow-protocol",
            "emboflow-bus",
            "emboflow-records",
            "emboflow-storage",
            "emboflow-service",
        ],
    ),
    (
        "emboflow",
        &[
            "emboflow-model",
            "emboflow-protocol",
            "emboflow-bus",
            "emboflow-records",
            "emboflow-objects",
            "emboflow-backup",
            "emboflow-storage",
            "emboflow-service",
            "svc-api",
            "svc-scheduler",
            "svc-executor",
            "svc-storage-gw",
            "svc-trigger",
        ],
    ),
    ("emboflow-web", &["emboflow-model", "emboflow-protocol", "emboflow-web-reader"]),
    ("emboflow-web-reader", &["emboflow-model"]),
];

/// Who alone may use a crate of others.
const OWNERS: &[(&str, &[&str])] = &[
    ("async-nats", &["emboflow-bus"]),
    ("mongodb", &["emboflow-records"]),
    ("rusqlite", &["emboflow-records"]),
    ("reqwest", &["emboflow-storage", "svc-trigger", "emboflow"]),
    ("lettre", &["svc-trigger"]),
    ("tracing-subscriber", &["emboflow-service"]),
    ("opentelemetry", &["emboflow-service"]),
    ("bollard", &["svc-executor"]),
    ("kube", &["svc-executor"]),
    ("aws-sdk-s3", &["emboflow-objects"]),
    ("s3s", &["svc-storage-gw"]),
    ("clap", &["emboflow"]),
    ("dioxus", &["emboflow-web"]),
    ("axum", &["emboflow-service", "svc-api", "svc-storage-gw"]),
];

/// What a crate without I/O, clock and randomness has no use for.
const IMPURE: &[&str] = &["tokio", "rand", "uuid", "tracing", "rustix", "tempfile"];
const PURE: &[&str] = &["emboflow-model", "emboflow-protocol"];

/// They may use anything.
const TOOLS: &[&str] = &["xtask", "emboflow-bench", "system-tests"];

/// Names of the normal dependencies of each crate of the workspace.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let said = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline", "--manifest-path"])
        .arg(system_tests::repository().join("Cargo.toml"))
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let metadata: Value = serde_json::from_slice(&said.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let package = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap();
        let normal = all.iter().filter(|dependency| dependency["kind"].is_null());
        (text(&package["name"]), normal.map(|dependency| text(&dependency["name"])).collect())
    };
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

#[test]
fn every_crate_uses_only_those_of_ours_that_it_may() {
    let arrows: BTreeMap<_, BTreeSet<_>> =
        ARROWS.iter().map(|(name, may)| (*name, may.iter().copied().collect())).collect();
    let dependencies = dependencies();
    for (name, uses) in &dependencies {
        if TOOLS.contains(&name.as_str()) {
            continue;
        }
        let may =
            arrows.get(name.as_str()).unwrap_or_else(|| panic!("{name} has no row in the table of arrows"));
        for used in uses.iter().filter(|used| dependencies.contains_key(*used)) {
            assert!(
                may.contains(used.as_str()),
                "{name} may not use {used}: a new arrow needs a decision record"
            );
        }
    }
}

#[test]
fn no_service_imports_another() {
    for (name, uses) in dependencies().iter().filter(|(name, _)| name.starts_with("svc-")) {
        let other = uses.iter().find(|used| used.starts_with("svc-"));
        assert!(other.is_none(), "{name} imports {}", other.unwrap());
    }
}

#[test]
fn crates_with_one_owner_are_used_by_nobody_else() {
    for (name, uses) in dependencies().iter().filter(|(name, _)| !TOOLS.contains(&name.as_str())) {
        for (owned, owners) in OWNERS.iter().filter(|(owned, _)| uses.contains(*owned)) {
            assert!(
                owners.contains(&name.as_str()),
                "{name} uses {owned}, which belongs to {}",
                owners.join(", ")
            );
        }
    }
}

#[test]
fn model_and_protocol_know_no_clock_no_chance_and_no_io() {
    let dependencies = dependencies();
    for name in PURE {
        let impure = IMPURE.iter().find(|crate_name| dependencies[*name].contains(**crate_name));
        assert!(impure.is_none(), "{name} uses {}", impure.unwrap());
    }
}
