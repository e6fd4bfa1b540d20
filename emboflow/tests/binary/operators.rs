//! What operators keep work away from: executors and pools, from the command line.

use serde_json::{Value, json};

use crate::support::{FIRST, Platform, Said, emboflow, said, until_found, workflow};

fn document(said: &Said) -> Value {
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    serde_json::from_str(&said.out).expect("one JSON document")
}

/// The platform's executor, when it has been heard of.
async fn executor(platform: &Platform) -> String {
    let mut name = String::new();
    until_found("an executor is listed", async || {
        let listed = platform.emboflow(&["executor", "list", "-o", "name"]).await;
        name = listed.out.trim().to_owned();
        !name.is_empty()
    })
    .await;
    name
}

/// Waits until the page of a run says why its first task waits.
async fn says_why(platform: &Platform, run: &str, why: &str) {
    until_found(why, async || platform.emboflow(&["run", "get", run]).await.out.contains(why)).await;
}

/// Submits the file until a run of it waits for this reason: the scheduler may hear of the reason a moment later.
async fn held_back(platform: &Platform, file: &str, why: &str) -> String {
    let mut run = String::new();
    until_found(why, async || {
        run = platform.submit(file).await;
        let mut waits = false;
        until_found("it waits, or has ended", async || {
            let shown = platform.emboflow(&["run", "get", &run]).await.out;
            waits = shown.contains(why);
            waits || shown.contains("succeeded\nworkflow")
        })
        .await;
        waits
    })
    .await;
    run
}

async fn ends_well(platform: &Platform, run: &str) {
    let watched = platform.emboflow(&["run", "watch", run]).await;
    assert_eq!(watched.code, 0, "{}{}", watched.out, watched.err);
}

#[tokio::test]
async fn an_executor_is_cordoned_drained_and_given_work_again() {
    let platform = Platform::start().await;
    let name = executor(&platform).await;
    let cordon = ["executor", "cordon", &name, "--reason", " new disks ", "-o", "json"];
    let cordoned = document(&platform.emboflow(&cordon).await);
    assert_eq!((&cordoned["reason"], cordoned.get("drain")), (&json!("new disks"), None), "{cordoned}");
    assert!(cordoned["since"].is_string() && cordoned["by"].is_string(), "{cordoned}");
    let listed = platform.emboflow(&["executor", "list"]).await;
    assert!(listed.out.contains("‖ cordoned"), "{}", listed.out);

    let drain =
        ["executor", "drain", &name, "--reason", "new disks", "--deadline", "10m", "--wait", "-o", "json"];
    let drained = platform.emboflow(&drain).await;
    // While it waits it says on standard error how much is left.
    assert_eq!(drained.code, 0, "{}", drained.err);
    let drained: Value = serde_json::from_str(&drained.out).unwrap();
    assert_eq!((&drained["drained"], &drained["open_attempts"]), (&json!(true), &json!(0)));
    assert!(drained["drain"]["deadline"].is_string(), "{drained}");
    assert_eq!(drained["since"], cordoned["since"], "it has been so all the time");

    let file = platform.file("w.yaml", &workflow("waits", FIRST, ""));
    let run = platform.submit(&file).await;
    says_why(&platform, &run, &format!("executor {name} is cordoned: new disks")).await;
    let again = platform.emboflow(&["executor", "uncordon", &name]).await;
    assert_eq!((again.code, again.out.as_str()), (0, ""), "{}", again.err);
    assert!(again.err.contains(&format!("{name} is given work again")), "{}", again.err);
    ends_well(&platform, &run).await;
    let listed = document(&platform.emboflow(&["executor", "list", "-o", "json"]).await);
    assert_eq!(listed[0].get("cordon"), None, "{listed}");
    assert_eq!(platform.emboflow(&["executor", "uncordon", &name]).await.code, 0, "it is so already");
}

#[tokio::test]
async fn for_people_a_drain_without_a_reason_has_one_and_says_how_far_it_is() {
    let platform = Platform::start().await;
    let name = executor(&platform).await;
    let drained = platform.emboflow(&["executor", "drain", &name, "--wait"]).await;
    assert_eq!((drained.code, drained.out), (0, format!("{name} is drained: it is drained\n")));
    let listed = platform.emboflow(&["executor", "ls"]).await;
    assert!(listed.out.contains("‖ drained"), "{}", listed.out);
}

#[tokio::test]
async fn an_executor_that_nobody_knows_is_refused_and_prints_no_data() {
    let platform = Platform::start().await;
    let name = executor(&platform).await;
    for command in [
        &["executor", "cordon", "nobody", "--reason", "x", "-o", "json"][..],
        &["executor", "drain", "nobody", "--wait", "-o", "json"],
        &["executor", "uncordon", "nobody"],
        &["executor", "forget", "nobody"],
    ] {
        let refused = platform.emboflow(command).await;
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{command:?}: {}", refused.err);
        assert!(refused.err.contains("executor.not_found"), "{command:?}: {}", refused.err);
    }
    let unsaid = platform.emboflow(&["executor", "cordon", &name, "--reason", "  ", "-o", "json"]).await;
    assert_eq!((unsaid.code, unsaid.out.as_str()), (1, ""), "{}", unsaid.err);
    assert!(unsaid.err.contains("request.invalid") && unsaid.err.contains("reason"), "{}", unsaid.err);
    let far = platform.emboflow(&["executor", "drain", &name, "--deadline", "31d"]).await;
    assert_eq!(far.code, 1, "{}", far.err);
    let listed = document(&platform.emboflow(&["executor", "list", "-o", "json"]).await);
    assert_eq!(listed[0].get("cordon"), None, "{listed}");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_before_anybody_is_asked() {
    for (command, about) in [
        (&["executor", "cordon", "e1"][..], "--reason"),
        (&["executor", "cordon", "no executor", "--reason", "x"], "no executor"),
        (&["executor", "drain", "e1", "--deadline", "soon"], "--deadline"),
        (&["executor", "drain", "../e1"], "../e1"),
        (&["maintenance", "on"], "--reason"),
        (&["maintenance", "on", "--reason", "x", "--pool", "No Pool"], "No Pool"),
        (&["maintenance", "off", "--pool", ""], "--pool"),
    ] {
        let refused = said(emboflow(command)).await;
        assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{command:?}: {}", refused.err);
        assert!(refused.err.contains(about), "{command:?}: {}", refused.err);
    }
}

#[tokio::test]
async fn a_pools_maintenance_holds_its_tasks_back_until_it_is_over() {
    let platform = Platform::start().await;
    let maintenance = async |rest: &[&str]| platform.emboflow(&[&["maintenance"], rest].concat()).await;
    let on =
        document(&maintenance(&["on", "--pool", "default", "--reason", "new racks", "-o", "json"]).await);
    assert_eq!(
        (&on["pools"]["default"]["reason"], on.get("maintenance")),
        (&json!("new racks"), None),
        "{on}"
    );
    let other = document(&maintenance(&["on", "--pool", "gpu", "--reason", "heat", "-o", "json"]).await);
    assert_eq!(other["pools"]["default"], on["pools"]["default"]);
    let shown = maintenance(&["show"]).await;
    let lines: Vec<_> = shown.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", shown.out);
    assert_eq!(lines[0], "no maintenance: requests are taken in and tasks are started");
    assert!(lines[1].starts_with("maintenance of pool default since ") && lines[1].ends_with(": new racks"));
    assert!(lines[2].starts_with("maintenance of pool gpu since ") && lines[2].ends_with(": heat"));

    let file = platform.file("w.yaml", &workflow("waits", FIRST, ""));
    let run = held_back(&platform, &file, "maintenance of pool default: new racks").await;
    let ended = document(&maintenance(&["off", "--pool", "default", "-o", "json"]).await);
    assert_eq!(ended["pools"], json!({ "gpu": other["pools"]["gpu"] }));
    ends_well(&platform, &run).await;
    // A pool without maintenance has none afterwards either.
    let ended = document(&maintenance(&["off", "--pool", "nobodys", "-o", "json"]).await);
    assert!(ended["pools"].get("nobodys").is_none() && ended["pools"].get("gpu").is_some(), "{ended}");
    assert_eq!(document(&maintenance(&["off", "--pool", "gpu", "-o", "json"]).await), json!({}));
}
