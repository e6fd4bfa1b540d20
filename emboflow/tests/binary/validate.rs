//! What needs no server: checking files, the schema, completions, wrong use.

use crate::support::{emboflow, said, workflow};
use serde_json::Value;

const BAD: &str = "version: 1
name: trajectory
tasks:
  record:
    image: some/image:1
    comand: [record]
  report:
    needs: [recrod]
    image: some/image:1
    run: echo done
";

#[tokio::test]
async fn every_error_of_a_file_is_shown_at_its_place_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.yaml"), BAD).unwrap();
    let mut command = emboflow(&["workflow", "validate", "bad.yaml"]);
    command.current_dir(folder.path());
    let shown = said(command).await;
    assert_eq!(shown.code, 1);
    assert!(shown.out.contains("bad.yaml:6:5: error[workflow.unknown_field]"), "{}", shown.out);
    assert!(shown.out.contains("6 |     comand: [record]"), "{}", shown.out);
    assert!(
        shown.out.contains("^^^^^^") && shown.out.contains("help: did you mean `command`?"),
        "{}",
        shown.out
    );
    assert!(shown.out.contains("✗ bad.yaml: "), "{}", shown.out);
}

#[tokio::test]
async fn valid_and_broken_files_are_told_apart_in_one_go() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.yaml"), workflow("fine", "", "")).unwrap();
    std::fs::write(
        folder.path().join("cycle.yaml"),
        BAD.replace("comand", "command").replace("recrod", "report"),
    )
    .unwrap();
    std::fs::write(folder.path().join("noise.yaml"), b"\xff\xfe").unwrap();
    let mut command = emboflow(&["workflow", "validate", "good.yaml", "cycle.yaml", "-o", "json"]);
    command.current_dir(folder.path());
    let shown = said(command).await;
    assert_eq!(shown.code, 1);
    let checked: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!((&checked[0]["valid"], &checked[0]["name"]), (&Value::from(true), &Value::from("fine")));
    assert_eq!(checked[1]["errors"][0]["code"], "workflow.cycle", "{checked}");

    let mut command = emboflow(&["workflow", "validate", "noise.yaml"]);
    command.current_dir(folder.path());
    let shown = said(command).await;
    assert_eq!((shown.code, shown.err.contains("UTF-8")), (1, true), "{}", shown.err);
}

#[tokio::test]
async fn the_schema_and_completions_are_printed() {
    let schema = said(emboflow(&["schema"])).await;
    let schema: Value = serde_json::from_str(&schema.out).unwrap();
    assert!(schema["properties"]["tasks"].is_object());
    let completion = said(emboflow(&["completion", "bash"])).await;
    assert!(completion.code == 0 && completion.out.contains("_emboflow"));
}

#[tokio::test]
async fn wrong_use_ends_with_2_and_no_server_with_1() {
    for wrong in [&["run", "list", "--colour"][..], &["frobnicate"], &["run"], &["run", "get", "run-1"]] {
        let mut command = emboflow(wrong);
        command.args(["--server", "http://127.0.0.1:1"]);
        let shown = said(command).await;
        assert_eq!(shown.code, 2, "{wrong:?}: {}", shown.err);
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = emboflow(&["run", "list"]);
    command.current_dir(folder.path());
    let shown = said(command).await;
    assert_eq!(shown.code, 1);
    assert!(shown.err.contains("emboflow up") && shown.out.is_empty(), "{}", shown.err);
    let shown = said(emboflow(&["run", "list", "--server", "http://127.0.0.1:1"])).await;
    assert_eq!((shown.code, shown.err.contains("does not answer")), (1, true), "{}", shown.err);
}
