//! `emboflow run FILE --each LIST` against a running platform.

use std::collections::BTreeSet;

use crate::support::{FIRST, Platform, workflow};
use serde_json::Value;

#[tokio::test]
async fn a_list_makes_a_run_of_each_line_and_its_key_makes_none_twice() {
    let platform = Platform::start().await;
    let file = platform.file("w.yaml", &workflow("swept", FIRST, ""));
    let list = platform.file("list.jsonl", "{\"n\": 1}\n\n{\"n\": 2}\n{}\n");
    let command = ["run", &file, "--each", &list, "--label", "sweep=a", "--key", "k", "-o", "json"];
    let first = platform.emboflow(&command).await;
    assert_eq!(first.code, 0, "{}", first.err);
    let items: Value = serde_json::from_str(&first.out).unwrap();
    let keys: Vec<&str> =
        items.as_array().unwrap().iter().map(|item| item["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["k-1", "k-3", "k-4"], "a key is made of the line's number");

    let again = platform.emboflow(&command).await;
    assert_eq!((again.code, again.out), (0, first.out), "the same command starts nothing twice");
    let runs = platform.emboflow(&["run", "list", "--label", "sweep=a", "-o", "name"]).await;
    let runs: BTreeSet<&str> = runs.out.lines().collect();
    let answered: BTreeSet<&str> =
        items.as_array().unwrap().iter().map(|item| item["run_id"].as_str().unwrap()).collect();
    assert_eq!((runs.len(), &runs), (3, &answered));

    let made_up = platform.emboflow(&["run", &file, "--each", &list, "-o", "name"]).await;
    assert_eq!((made_up.code, made_up.out.lines().count()), (0, 3), "{}", made_up.err);
    assert!(made_up.err.contains("--key "), "a made-up key is told: {}", made_up.err);
}

#[tokio::test]
async fn a_bad_line_sends_nothing_and_a_refused_run_leaves_the_others() {
    let platform = Platform::start().await;
    let file = platform.file("w.yaml", &workflow("swept", FIRST, ""));
    for (list, code) in [("{}\n[]\n", 2), ("{}\n{\"n\": 10}\n", 1), ("", 2), ("\n", 2)] {
        let list = platform.file("list.jsonl", list);
        let refused = platform.emboflow(&["run", &file, "--each", &list]).await;
        assert_eq!(refused.code, code, "{}{}", refused.out, refused.err);
    }
    let both = platform.emboflow(&["run", "-", "--each", "-"]).await;
    assert_eq!((both.code, both.err.contains("standard input")), (2, true), "{}", both.err);
    assert_eq!(platform.emboflow(&["run", "list", "-o", "name"]).await.out, "", "nothing was sent");

    let one = platform.file("list.jsonl", "{\"n\": 1}\n");
    assert_eq!(platform.emboflow(&["run", &file, "--each", &one, "--key", "k"]).await.code, 0);
    let changed = platform.file("list.jsonl", "{\"n\": 2}\n{\"n\": 3}\n");
    let mixed = platform.emboflow(&["run", &file, "--each", &changed, "--key", "k", "-o", "jsonl"]).await;
    assert_eq!(mixed.code, 1, "{}", mixed.err);
    let items: Vec<Value> = mixed.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&items[0]["status"], &items[1]["status"]), (&"rejected".into(), &"accepted".into()));
    assert!(mixed.err.contains("request.key_reused"), "{}", mixed.err);
}
