//! What services are configured to, told without a server.

use serde_json::Value;

use crate::support::{emboflow, said};

const SCHEDULER: &str = "storage_key_file = 'KEY'
[nats]
url = 'nats://me:hush@bus:4222'
[records.mongo]
uri = 'mongodb://me:hush@records:27017'
database = 'emboflow'
";

#[tokio::test]
async fn each_key_is_shown_with_its_value_and_who_set_it_and_no_secret_shows() {
    let folder = tempfile::tempdir().unwrap();
    let (file, key) = (folder.path().join("scheduler.toml"), folder.path().join("key"));
    std::fs::write(&key, "hush-hush-hush-hush-hush-hush-hush-hush").unwrap();
    std::fs::write(&file, SCHEDULER.replace("KEY", key.to_str().unwrap())).unwrap();
    let (path, show) = (file.to_str().unwrap(), ["config", "show", "scheduler", "--origin", "--config"]);
    let mut command = emboflow(&show);
    command.args([path, "--set", "retention.requests_days=9", "-o", "json"]);
    command.env("EMBOFLOW__STORAGE_TOKEN_MS", "7000");
    let shown = said(command).await;
    assert_eq!(shown.code, 0, "{}", shown.err);
    assert!(!shown.out.contains("hush"), "{}", shown.out);
    let rows: Vec<Value> = serde_json::from_str(&shown.out).unwrap();
    let of = |key: &str| rows.iter().find(|row| row["key"] == key).unwrap_or_else(|| panic!("no {key}"));
    assert_eq!(
        (&of("storage_token_ms")["value"], &of("storage_token_ms")["layer"]),
        (&7000.into(), &"environment".into())
    );
    assert_eq!(of("retention.requests_days")["place"], "--set retention.requests_days");
    assert_eq!(
        (&of("nats.url")["value"], &of("nats.url")["layer"]),
        (&"nats://bus:4222".into(), &"file".into())
    );
    assert_eq!(of("storage_key")["value"], "[secret]");
    assert!(of("storage_key")["place"].as_str().unwrap().ends_with(&format!("read from {}", key.display())));
    assert_eq!(of("listen")["layer"], "default");

    let mut command = emboflow(&show);
    command.arg(path);
    let table = said(command).await;
    assert!(table.out.contains("SET BY") && table.out.contains("scheduler.toml"), "{}", table.out);
}

#[tokio::test]
async fn a_file_is_checked_for_the_service_that_it_is_named_after() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("api.toml");
    let check = async |content: &str, more: &[&str]| {
        std::fs::write(&file, content).unwrap();
        let mut command = emboflow(&["config", "check"]);
        command.arg(&file).args(more);
        said(command).await
    };
    let good = "token = 'a token of twenty letters'\n[storage]\nurl = 'http://x'\nsigning_key = 'k'\n";
    let right = check(good, &[]).await;
    assert_eq!(
        (right.code, right.out.contains("right for api; 3 keys are set")),
        (0, true),
        "{}{}",
        right.out,
        right.err
    );
    let typo = check(&good.replace("url", "ulr"), &[]).await;
    assert_eq!(typo.code, 2);
    assert!(
        typo.err.contains("unknown key `storage.ulr`") && typo.err.contains("did you mean `storage.url`?"),
        "{}",
        typo.err
    );
    let missing = check("", &[]).await;
    assert!(missing.code == 2 && missing.err.contains("EMBOFLOW__TOKEN"), "{}", missing.err);
    let broken = check("token = \n", &[]).await;
    assert!(broken.code == 2 && broken.err.contains("line 1"), "{}", broken.err);
    let other = check(good, &["--service", "executor"]).await;
    assert!(other.code == 2 && other.err.contains("unknown key `storage`"), "{}", other.err);
    let nameless = folder.path().join("x.toml");
    std::fs::write(&nameless, good).unwrap();
    let mut command = emboflow(&["config", "check"]);
    command.arg(nameless);
    assert!(said(command).await.err.contains("--service"));
}
