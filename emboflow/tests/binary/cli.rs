//! The commands against a running platform: what they print, and the exit codes that scripts rely on.

use crate::support::{FIRST, Platform, emboflow, said, send, until, until_found, workflow};
use rustix::process::Signal;
use serde_json::Value;

#[tokio::test]
async fn a_run_is_submitted_without_waiting_and_watched_to_its_end() {
    let platform = Platform::start().await;
    let file = platform.file("w.yaml", &workflow("good", FIRST, "ms=300 line=done"));
    let run = platform.submit(&file).await;
    let watched = platform.emboflow(&["run", "watch", &run]).await;
    assert_eq!(watched.code, 0, "{}{}", watched.out, watched.err);
    assert!(
        watched.err.starts_with(&run) && watched.err.contains("/runs/run-"),
        "the page comes first: {}",
        watched.err
    );
    assert!(watched.out.contains("✓ then[2]  succeeded"), "{}", watched.out);
    assert!(!watched.out.contains('\u{1b}'), "plain lines where no terminal is");

    for by_name in [&["run", "list", "--state", "succeeded"][..], &["run", "watch", &run]] {
        let named = platform.emboflow(&[by_name, &["-o", "name"]].concat()).await;
        assert_eq!(named.out.trim(), run, "{by_name:?}");
    }
    let get = platform.emboflow(&["run", "get", "latest", "-o", "json"]).await;
    let get: Value = serde_json::from_str(&get.out).unwrap();
    assert_eq!((get["id"].as_str(), get["state"].as_str()), (Some(run.as_str()), Some("succeeded")));
}

#[tokio::test]
async fn a_failed_run_ends_with_5_and_shows_the_end_of_its_log() {
    let platform = Platform::start().await;
    let file = platform.file("w.yaml", &workflow("bad", FIRST, "lines=40 exit=3"));
    let watched = platform.emboflow(&["run", &file, "--watch"]).await;
    assert_eq!(watched.code, 5, "{}{}", watched.out, watched.err);
    assert!(watched.out.contains("then[0] failed (exit_code)"), "{}", watched.out);
    assert!(watched.out.contains("│ line 39") && watched.out.contains("│ line 20"), "{}", watched.out);
    assert!(!watched.out.contains("│ line 19"), "only the last 20 lines: {}", watched.out);
    let run = platform.emboflow(&["run", "list", "-o", "name"]).await.out.trim().to_owned();
    assert!(watched.err.contains(&format!("emboflow run retry {run}")), "{}", watched.err);

    let retried = platform.emboflow(&["run", "retry", &run, "--watch"]).await;
    assert_eq!(retried.code, 5, "{}{}", retried.out, retried.err);
    let again = platform.emboflow(&["run", "again", &run, "-o", "json"]).await;
    let again: Value = serde_json::from_str(&again.out).unwrap();
    assert_ne!(again["id"].as_str(), Some(run.as_str()));
}

#[tokio::test]
async fn a_run_is_repeated_from_a_task_on_or_with_another_input() {
    let platform = Platform::start().await;
    let source = "version: 1\nname: tune\ninputs: { rate: { type: integer, default: 1 } }\nenv: { SIMULATE: ms=1 }\ndefaults: { image: i }\n\
                  tasks:\n  prepare: { run: 'true' }\n  train: { needs: [prepare], command: [train, '${{ inputs.rate }}'] }\n  report: { needs: [train], run: 'true' }\n";
    let file = platform.file("w.yaml", source);
    let run = platform.submit(&file).await;
    assert_eq!(platform.emboflow(&["run", "watch", &run]).await.code, 0);
    let none = platform.emboflow(&["run", "rerun", &run]).await;
    assert!(none.code != 0 && none.err.contains("name the tasks"), "{}", none.err);

    let dry = platform.emboflow(&["run", "rerun", &run, "--input", "rate=7", "--dry-run"]).await;
    let lines: Vec<_> = dry.out.lines().collect();
    let wanted = [
        "repeats     train: reads rate, which changed",
        "repeats     report: needs train",
        "takes over  prepare",
    ];
    assert_eq!(lines, wanted, "{}", dry.err);
    let again = platform.emboflow(&["run", "rerun", &run, "--input", "rate=7", "-o", "json"]).await;
    assert!(again.err.contains("takes over  prepare"), "{}", again.err);
    let again: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(
        (&again["recovered_from"], &again["inputs"]["rate"]),
        (&Value::from(run.as_str()), &Value::from(7))
    );
    let new = again["id"].as_str().unwrap();
    assert_eq!(platform.emboflow(&["run", "watch", new]).await.code, 0);
    let from = platform.emboflow(&["run", "rerun", new, "--from", "report", "--watch"]).await;
    assert_eq!(from.code, 0, "{}{}", from.out, from.err);
    assert!(from.err.contains("takes over  train"), "{}", from.err);
    let anew = ["run", "rerun", new, "--from", "report", "--no-cache", "-o", "json"];
    let anew = platform.emboflow(&anew).await;
    assert_eq!(anew.code, 0, "{}", anew.err);
    assert_eq!(serde_json::from_str::<Value>(&anew.out).unwrap()["anew"], "everything");
    let wrong = platform.emboflow(&["run", "rerun", new, "--input", "rat=7"]).await;
    assert!(wrong.code != 0 && wrong.err.contains("`rat`"), "{}", wrong.err);
}

#[tokio::test]
async fn a_cancelled_run_ends_with_3_and_so_does_impatience() {
    let platform = Platform::start().await;
    let file = platform.file("w.yaml", &workflow("long", FIRST, "ms=60000"));
    let run = platform.submit(&file).await;
    let early = platform.emboflow(&["run", "watch", &run, "--timeout", "200ms"]).await;
    assert_eq!(early.code, 3);
    assert!(early.err.contains("goes on"), "{}", early.err);
    let cancelled = platform.emboflow(&["run", "cancel", &run, "--wait", "-o", "json"]).await;
    assert_eq!(cancelled.code, 0, "{}", cancelled.err);
    let cancelled: Value = serde_json::from_str(&cancelled.out).unwrap();
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(platform.emboflow(&["run", "watch", &run]).await.code, 3);
}

#[tokio::test]
async fn ctrl_c_ends_a_watch_with_130_and_leaves_the_run_alone() {
    let platform = Platform::start().await;
    let file = platform.file("w.yaml", &workflow("long", FIRST, "ms=60000"));
    let seen = platform.folder().join("seen");
    let mut watch = platform.command(&["run", &file, "--watch"]);
    watch.stdout(std::fs::File::create(&seen).unwrap()).stderr(std::process::Stdio::piped());
    let watching = watch.spawn().unwrap();
    until("the watcher follows", || std::fs::read_to_string(&seen).unwrap().contains("then[0]")).await;
    send(watching.id().unwrap(), Signal::INT);
    let ended = watching.wait_with_output().await.unwrap();
    assert_eq!(ended.status.code(), Some(130));
    assert!(String::from_utf8(ended.stderr).unwrap().contains("goes on"));
    let get = platform.emboflow(&["run", "get", "latest"]).await;
    assert!(get.out.contains("running"), "{}", get.out);
}

#[tokio::test]
async fn fail_fast_does_not_wait_for_what_still_runs() {
    let platform = Platform::start().await;
    let side_by_side = workflow("mixed", "exit=7", "ms=60000").replace("needs: [first]", "needs: []");
    let file = platform.file("w.yaml", &side_by_side);
    let watched = platform.emboflow(&["run", &file, "--watch", "--fail-fast"]).await;
    assert_eq!(watched.code, 5, "{}{}", watched.out, watched.err);
    assert!(watched.out.contains("goes on, but a task has failed"), "{}", watched.out);
    assert!(watched.out.contains("first failed (exit_code)"), "{}", watched.out);
}

#[tokio::test]
async fn logs_come_raw_for_a_task_and_labelled_for_a_run_also_while_it_runs() {
    let platform = Platform::start().await;
    let file = platform.file("w.yaml", &workflow("talks", FIRST, "ms=400 line=said"));
    let run = platform.submit(&file).await;
    let followed = platform.emboflow(&["run", "logs", "-f", &run]).await;
    assert_eq!(followed.code, 0, "{}", followed.err);
    let mut lines: Vec<&str> = followed.out.lines().collect();
    lines.sort_unstable();
    let all = [
        "first | line 0",
        "first | line 1",
        "first | line 2",
        "then[0] | said",
        "then[1] | said",
        "then[2] | said",
    ];
    assert_eq!(lines, all);
    let one = platform.emboflow(&["run", "logs", &run, "first", "--tail", "2"]).await;
    assert_eq!((one.out.as_str(), one.code), ("line 1\nline 2\n", 0));
    let whole = platform.emboflow(&["run", "logs", &run]).await;
    assert_eq!(whole.out.lines().count(), 6);
    let none = platform.emboflow(&["run", "logs", &run, "nobody"]).await;
    assert_eq!((none.code, none.err.contains("task.not_found")), (1, true), "{}", none.err);
}

#[tokio::test]
async fn artifacts_are_listed_by_file_and_fetched_whole() {
    let platform = Platform::start().await;
    let file = platform.file("w.yaml", &workflow("makes", FIRST, ""));
    assert_eq!(platform.emboflow(&["run", &file, "--watch"]).await.code, 0);
    let list = platform.emboflow(&["artifact", "ls", "latest"]).await;
    assert!(list.out.contains("words.txt") && list.out.contains("5 B"), "{}{}", list.out, list.err);
    let folder = platform.folder().join("fetched");
    let mut get = platform.command(&["artifact", "get", "latest", "first", "words", "-O"]);
    get.arg(&folder);
    let got = said(get).await;
    assert_eq!(got.code, 0, "{}", got.err);
    assert_eq!(std::fs::read_to_string(folder.join("words.txt")).unwrap(), "hello");
    let printed = platform.emboflow(&["artifact", "get", "latest", "first", "words", "-O", "-"]).await;
    assert_eq!(printed.out, "hello");
    let none = platform.emboflow(&["artifact", "get", "latest", "first", "nothing"]).await;
    assert_eq!((none.code, none.err.contains("artifact.not_found")), (1, true), "{}", none.err);
}

#[tokio::test]
async fn a_kept_workflow_runs_by_its_name_with_typed_inputs() {
    let platform = Platform::start().await;
    let file = platform.file("w.yaml", &workflow("kept", FIRST, ""));
    assert_eq!(platform.emboflow(&["workflow", "apply", &file]).await.code, 0);
    let list = platform.emboflow(&["workflow", "list", "-o", "name"]).await;
    assert_eq!(list.out, "kept\n");
    let show = platform.emboflow(&["workflow", "show", "kept"]).await;
    assert_eq!(show.out, std::fs::read_to_string(&file).unwrap());

    let run = ["run", "kept", "--input", "n=3", "--label", "team=lab", "--key", "k1", "-o", "json"];
    let first: Value = serde_json::from_str(&platform.emboflow(&run).await.out).unwrap();
    assert_eq!((&first["inputs"]["n"], &first["labels"]["team"]), (&Value::from(3), &Value::from("lab")));
    let second: Value = serde_json::from_str(&platform.emboflow(&run).await.out).unwrap();
    assert_eq!(first["id"], second["id"], "the same key and body give the same run");
    let other = platform.emboflow(&["run", "kept", "--key", "k1"]).await;
    assert_eq!((other.code, other.err.contains("request.key_reused")), (1, true), "{}", other.err);

    for (input, code) in [("n=many", 2), ("n=10", 2), ("m=1", 1)] {
        let refused = platform.emboflow(&["run", "kept", "--input", input]).await;
        assert_eq!(refused.code, code, "{input}: {}", refused.err);
    }
    let unasked = platform.emboflow(&["workflow", "remove", "kept"]).await;
    assert_ne!(unasked.code, 0, "nobody confirmed it: {}", unasked.out);
    assert_eq!(platform.emboflow(&["workflow", "remove", "kept", "--yes"]).await.code, 0);
    assert_eq!(platform.emboflow(&["workflow", "list", "-o", "name"]).await.out, "");
    let shown = platform.emboflow(&["run", "get", first["id"].as_str().unwrap()]).await;
    assert_eq!(shown.code, 0, "runs outlive their workflow: {}", shown.err);
    let unknown = platform.emboflow(&["run", "nothing-of-that-name"]).await;
    assert_eq!((unknown.code, unknown.err.contains("workflow.not_found")), (1, true), "{}", unknown.err);
}

#[tokio::test]
async fn a_run_that_waits_says_why_where_it_stands_and_what_would_help() {
    let platform = Platform::start().await;
    let elsewhere = "version: 1\nname: elsewhere\ntasks:\n  train: { image: i, pool: edge }\n  report: { image: i, needs: [train] }\n";
    let file = platform.file("w.yaml", elsewhere);
    let run = platform.emboflow(&["run", &file, "-o", "name"]).await.out.trim().to_owned();
    let explained = platform.emboflow(&["explain", &run]).await;
    assert_eq!(explained.code, 0, "{}", explained.err);
    for said in [
        "train waits: no executor is online in pool edge",
        "it is the next in queue default",
        "start an executor in this pool",
        "it is in pool default, not in edge",
        "waiting for train",
    ] {
        assert!(explained.out.contains(said), "{said}: {}", explained.out);
    }
    assert!(explained.out.contains("starts    not as things are"), "{}", explained.out);
    let json = platform.emboflow(&["explain", "latest", "--task", "report", "-o", "json"]).await;
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["run"], &json["task"]["task"]), (&Value::from(run.as_str()), &Value::from("report")));
    assert_eq!(json["task"]["wait_reason"], "waiting for train");
    assert_eq!(json["forecast"]["tasks"][0]["start"]["missing"], "never");
    let quick = platform.emboflow(&["explain", &run, "--quick", "-o", "json"]).await;
    assert!(!quick.out.contains("forecast"), "{}", quick.out);
    let unknown = platform.emboflow(&["explain", &run, "--task", "nobody"]).await;
    assert_eq!((unknown.code, unknown.err.contains("task.not_found")), (1, true), "{}", unknown.err);
    assert_eq!(platform.emboflow(&["explain", "no-run"]).await.code, 2);
    let cancelled = platform.emboflow(&["run", "cancel", &run, "--wait"]).await;
    assert_eq!(cancelled.code, 0, "{}", cancelled.err);
    let over = platform.emboflow(&["explain", &run]).await;
    assert!(over.out.contains("nothing of it waits"), "{}", over.out);
}

#[tokio::test]
async fn what_another_executor_would_change_is_told_and_not_done() {
    let platform = Platform::start().await;
    let elsewhere = "version: 1\nname: elsewhere\ntasks:\n  train: { image: i, pool: edge }\n";
    let file = platform.file("w.yaml", elsewhere);
    let run = platform.emboflow(&["run", &file, "-o", "name"]).await.out.trim().to_owned();
    let edge = ["what-if", "--add-executor", "cpu:4,memory:8Gi", "--pool", "edge"];
    let told = platform.emboflow(&edge).await;
    assert_eq!(told.code, 0, "{}", told.err);
    for said in ["1 task would start at once", &format!("train of {run}"), "train of elsewhere", "at once"] {
        assert!(told.out.contains(said), "{said}: {}", told.out);
    }
    let elsewhere = platform.emboflow(&["what-if", "--add-executor", "count:2", "-o", "json"]).await;
    let elsewhere: Value = serde_json::from_str(&elsewhere.out).unwrap();
    assert_eq!(
        (&elsewhere["starts_at_once"], &elsewhere["waiting_runs"]),
        (&Value::from(0), &Value::from(1))
    );
    let list = platform.emboflow(&["executor", "list", "-o", "name"]).await;
    assert_eq!(list.out.lines().count(), 1, "nothing is changed: {}", list.out);

    for (arguments, code, why) in [
        (vec!["what-if"], 2, "--add-executor"),
        (vec!["what-if", "--add-executor", "gpus:2"], 2, "there are cpu"),
        (vec!["what-if", "--add-executor", "gpu:2", "--pool", "edge"], 1, "what_if.invalid"),
        (vec!["what-if", "--add-executor", "cpu:1,memory:1Gi,count:4000000000"], 1, "what_if.invalid"),
        (vec!["what-if", "--remove-executor", "nobody"], 1, "executor.not_found"),
    ] {
        let refused = platform.emboflow(&arguments).await;
        assert_eq!((refused.code, refused.err.contains(why)), (code, true), "{arguments:?}: {}", refused.err);
    }
}

#[tokio::test]
async fn the_words_of_others_neither_tear_a_table_nor_act_on_the_terminal() {
    let platform = Platform::start().await;
    let hostile = "name: hostile\ndescription: \"two\\nlines \\e]0;title\\a\"";
    let file = platform.file("w.yaml", &workflow("hostile", FIRST, "").replace("name: hostile", hostile));
    let applied = platform.emboflow(&["workflow", "apply", &file]).await;
    assert_eq!(applied.code, 0, "{}", applied.err);
    let list = platform.emboflow(&["workflow", "list"]).await;
    assert_eq!(list.out.lines().count(), 2, "{}", list.out);
    assert!(list.out.contains("two lines"), "{}", list.out);
    assert!(!list.out.contains(['\u{1b}', '\u{7}']), "{:?}", list.out);
}

#[tokio::test]
async fn an_empty_variable_says_nothing() {
    let folder = Platform::new();
    let mut list = emboflow(&["run", "list"]);
    list.env("EMBOFLOW_DATA_DIR", "").current_dir(folder.folder());
    let list = said(list).await;
    assert_eq!((list.code, list.err.contains(".emboflow/up.json")), (1, true), "{}", list.err);
}

#[tokio::test]
async fn a_wrong_token_ends_with_4_and_a_good_one_needs_no_data_directory() {
    let platform = Platform::start().await;
    let up = platform.up_json().unwrap();
    let server = up["api_url"].as_str().unwrap();
    let mut wrong = emboflow(&["run", "list", "--server", server]);
    wrong.env("EMBOFLOW_TOKEN", "not-the-right-one");
    let wrong = said(wrong).await;
    assert_eq!((wrong.code, wrong.err.contains("auth.required")), (4, true), "{}", wrong.err);
    let mut good = emboflow(&["executor", "list", "-o", "json"]);
    good.env("EMBOFLOW_API_URL", server).env("EMBOFLOW_TOKEN", up["token"].as_str().unwrap());
    let good = said(good).await;
    let executors: Value = serde_json::from_str(&good.out).unwrap();
    assert_eq!(executors[0]["online"], true, "{}{}", good.out, good.err);
    // A service may say for a moment what it was a moment ago.
    until_found("the doctor finds the server well", async || {
        let doctor = platform.emboflow(&["doctor", "-o", "json"]).await;
        let findings: Value = serde_json::from_str(&doctor.out).unwrap();
        findings.as_array().unwrap().iter().any(|it| it["name"] == "server" && it["verdict"] == "ok")
    })
    .await;
}
