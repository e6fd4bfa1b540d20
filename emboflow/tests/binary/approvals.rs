//! People decide on the command line.

use crate::support::{Platform, until_found};

const ASKING: &str = "version: 1\nname: asking\ntasks:\n  review: { approval: { message: \"Go on?\", inputs: { word: { type: string }, count: { type: integer, default: 2 } } } }\n";

#[tokio::test]
async fn what_waits_is_listed_with_the_way_to_answer_and_answered() {
    let platform = Platform::start().await;
    let run = platform.submit(&platform.file("w.yaml", ASKING)).await;
    until_found("it is listed", async || platform.emboflow(&["run", "approvals"]).await.out.contains(&run))
        .await;
    let listed = platform.emboflow(&["run", "approvals"]).await;
    assert!(listed.out.contains("Go on?"), "{}", listed.out);
    assert!(
        listed.err.contains(&format!("emboflow run approve {run} review --input word=…")),
        "{}",
        listed.err
    );
    let runs = platform.emboflow(&["run", "list", "--approval"]).await;
    assert!(runs.out.contains("running (asks)"), "{}", runs.out);
    let explained = platform.emboflow(&["explain", &run]).await;
    assert!(explained.out.contains("waiting for approval since"), "{}", explained.out);
    assert!(explained.out.contains("operator of the project decides"), "{}", explained.out);

    // Under load an answer may come later than the command waits: what was decided is asked for again.
    until_found("it is refused for what is missing", async || {
        let missing = platform.emboflow(&["run", "approve", &run]).await;
        missing.code != 0 && missing.err.contains("word")
    })
    .await;
    until_found("it is approved", async || {
        let input = ["--input", "word=loud", "--input", "count=3", "--comment", "fine"];
        let told = platform.emboflow(&[&["run", "approve", &run, "review"][..], &input].concat()).await;
        told.code == 0 && told.out.starts_with(&format!("approved review: {run} is "))
    })
    .await;
    let watched = platform.emboflow(&["run", "watch", &run]).await;
    assert_eq!(watched.code, 0, "{}{}", watched.out, watched.err);
    until_found("the other decision is refused", async || {
        platform.emboflow(&["run", "reject", &run, "review"]).await.err.contains("approval.decided")
    })
    .await;
    let nothing = platform.emboflow(&["run", "approve", &run]).await;
    assert_eq!(nothing.code, 2, "{}", nothing.err);
}

#[tokio::test]
async fn a_rejected_run_fails_with_what_was_said() {
    let platform = Platform::start().await;
    let run = platform.submit(&platform.file("w.yaml", ASKING)).await;
    until_found("people are asked", async || {
        let rejected = platform.emboflow(&["run", "reject", &run, "review", "--comment", "not today"]).await;
        rejected.code == 0
    })
    .await;
    let watched = platform.emboflow(&["run", "watch", &run]).await;
    assert_eq!(watched.code, 5, "{}{}", watched.out, watched.err);
    assert!(watched.out.contains("not today"), "{}", watched.out);
}
