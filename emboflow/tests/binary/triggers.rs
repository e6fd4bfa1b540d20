//! `emboflow trigger …` and what starts runs by itself, against a running platform.

use serde_json::Value;

use crate::support::{FIRST, PATIENCE, Platform, workflow};

/// Waits until a trigger's history has a start with this result; gives it.
async fn has(platform: &Platform, trigger: &str, result: &str) -> Value {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let said = platform.emboflow(&["trigger", "history", trigger, "-o", "json"]).await;
        let history: Value = serde_json::from_str(&said.out).unwrap_or_default();
        let found = history.as_array().into_iter().flatten().find(|start| start["result"] == result);
        if let Some(found) = found {
            return found.clone();
        }
        assert!(std::time::Instant::now() < deadline, "{trigger} is not {result}: {}{}", said.out, said.err);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Waits for the end of a run.
async fn ends_well(platform: &Platform, run: &str) {
    let watched = platform.emboflow(&["run", "watch", run]).await;
    assert_eq!(watched.code, 0, "{}{}", watched.out, watched.err);
}

#[tokio::test]
async fn a_trigger_in_a_workflows_file_starts_runs_and_is_steered_from_the_command_line() {
    let mut platform = Platform::start().await;
    let file = workflow("nightly", FIRST, "")
        + "on:\n  schedule: { cron: '0 6 * * *', timezone: Asia/Shanghai, overlap: skip }\n";
    let file = platform.file("w.yaml", &file);
    let applied = platform.emboflow(&["workflow", "apply", &file]).await;
    assert_eq!(applied.code, 0, "{}", applied.err);
    let listed = platform.emboflow(&["trigger", "list", "-o", "name"]).await;
    assert_eq!(listed.out.trim(), "nightly-schedule", "{}", listed.err);
    let shown = platform.emboflow(&["trigger", "show", "nightly-schedule"]).await;
    assert_eq!(shown.out.matches("T06:00:00+08:00[Asia/Shanghai]").count(), 5, "{}", shown.out);

    let fired = platform.emboflow(&["trigger", "fire", "nightly-schedule", "-o", "json"]).await;
    assert_eq!(fired.code, 0, "{}", fired.err);
    let started = has(&platform, "nightly-schedule", "started").await;
    ends_well(&platform, started["run"].as_str().unwrap()).await;

    let reason = ["trigger", "pause", "nightly-schedule", "--reason", "moving house"];
    assert_eq!(platform.emboflow(&reason).await.code, 0);
    let shown = platform.emboflow(&["trigger", "show", "nightly-schedule"]).await;
    assert!(shown.out.contains("moving house"), "{}", shown.out);
    // It is there after a kill, and so is its history.
    platform.kill().await;
    platform.up(&["--runtime", "simulated"]).await;
    let kept = has(&platform, "nightly-schedule", "started").await;
    assert_eq!(kept["run"], started["run"]);
    assert_eq!(platform.emboflow(&["trigger", "resume", "nightly-schedule"]).await.code, 0);
    let range = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z"];
    let command = [&["trigger", "backfill", "nightly-schedule"][..], &range].concat();
    let filled = platform.emboflow(&command).await;
    assert_eq!((filled.code, filled.out.lines().count()), (0, 1), "{}", filled.err);
    assert!(filled.out.contains("2026-01-01T22:00:00Z"), "{}", filled.out);
}

#[tokio::test]
async fn a_run_that_ends_starts_the_next_workflow() {
    let platform = Platform::start().await;
    let first = platform.file("first.yaml", &workflow("ingest", FIRST, ""));
    let second =
        workflow("mine", FIRST, "") + "on:\n  run_finished: { workflow: ingest, name: after-ingest }\n";
    let second = platform.file("second.yaml", &second);
    for file in [&first, &second] {
        assert_eq!(platform.emboflow(&["workflow", "apply", file]).await.code, 0);
    }
    let run = platform.submit("ingest").await;
    ends_well(&platform, &run).await;
    let started = has(&platform, "after-ingest", "started").await;
    assert!(started["cause"].as_str().unwrap().contains(&run), "{started}");
    ends_well(&platform, started["run"].as_str().unwrap()).await;
}

#[tokio::test]
async fn a_trigger_file_that_is_wrong_is_shown_with_its_place_and_nothing_is_kept() {
    let platform = Platform::start().await;
    let bad =
        "version: 1\nname: t\nworkflow: w\non:\n  schedule: { cron: '0 6 * *', timezone: Europe/Berln }\n";
    let bad = platform.file("bad.yaml", bad);
    let refused = platform.emboflow(&["trigger", "apply", &bad]).await;
    assert_ne!(refused.code, 0);
    assert!(refused.err.contains("not a time table"), "{}", refused.err);
    let good = "version: 1\nname: t\nworkflow: nobody-kept-it\non: { schedule: { cron: '@daily' } }\n";
    let good = platform.file("good.yaml", good);
    let refused = platform.emboflow(&["trigger", "apply", &good]).await;
    assert!(refused.err.contains("workflow.not_found"), "{}", refused.err);
    let listed = platform.emboflow(&["trigger", "list", "-o", "name"]).await;
    assert_eq!((listed.code, listed.out.as_str()), (0, ""), "{}", listed.err);
}
