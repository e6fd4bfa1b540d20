//! Users of NATS, made where no server runs.

use std::path::Path;

use serde_json::Value;

use crate::support::{Said, emboflow, said};

async fn nats(dir: &Path, arguments: &[&str]) -> Said {
    let mut command = emboflow(&["nats", "--dir"]);
    command.arg(dir).args(arguments);
    said(command).await
}

#[tokio::test]
async fn the_users_of_a_platform_are_made_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for part in ["api", "scheduler", "gateway", "trigger"] {
        let made = nats(dir, &["user", "add", part, "--part", part]).await;
        assert_eq!(
            (made.code, made.out.trim()),
            (0, dir.join(format!("{part}.nk")).to_str().unwrap()),
            "{}",
            made.err
        );
        assert!(made.err.contains(&format!("_INBOX_{part}")), "{}", made.err);
    }
    let executor = ["user", "add", "gpu-1", "--part", "executor", "--executor", "gpu-1", "--pool", "gpu"];
    assert_eq!(nats(dir, &executor).await.code, 0);
    assert_eq!(nats(dir, &["user", "add", "robots", "--project", "lab"]).await.code, 0);
    let conf = std::fs::read_to_string(dir.join("users.conf")).unwrap();
    assert!(conf.contains("emboflow.report.gpu.gpu-1") && conf.contains("emboflow.event.lab.>"), "{conf}");

    let again = ["user", "add", "robots", "--project", "lab"];
    assert_eq!(nats(dir, &again).await.code, 1, "a name is given once");
    let seed = std::fs::read(dir.join("robots.nk")).unwrap();
    assert_eq!(nats(dir, &[&again[..], &["--if-missing"]].concat()).await.code, 0);
    assert_eq!(std::fs::read(dir.join("robots.nk")).unwrap(), seed);
    let other = ["user", "add", "robots", "--project", "plant", "--if-missing"];
    assert_eq!(nats(dir, &other).await.code, 1, "it is somebody else");

    let rights = nats(dir, &["rights", "robots", "-o", "json"]).await;
    let rights: Value = serde_json::from_str(&rights.out).unwrap();
    let published = rights[0]["publish"].as_array().unwrap();
    assert!(published.contains(&"emboflow.request.lab.submit".into()), "{published:?}");
    assert_eq!(nats(dir, &["user", "remove", "robots"]).await.code, 0);
    assert_eq!(nats(dir, &["user", "remove", "robots"]).await.code, 2);
    let listed = nats(dir, &["user", "list"]).await;
    assert!(listed.out.contains("gpu-1") && !listed.out.contains("robots"), "{}", listed.out);
    let written = nats(dir, &["config"]).await;
    assert_eq!(written.out.trim(), dir.join("users.conf").to_str().unwrap());
}

#[tokio::test]
async fn a_system_outside_decides_when_it_is_told_that_it_may_and_no_longer_when_not() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let decides = async || {
        let rights = nats(dir, &["rights", "robots"]).await;
        assert!(rights.out.contains("emboflow.request.lab.submit"), "{}", rights.out);
        rights.out.contains("emboflow.request.lab.decide")
    };
    assert_eq!(nats(dir, &["user", "add", "robots", "--project", "lab"]).await.code, 0);
    assert!(!decides().await);
    let seed = std::fs::read(dir.join("robots.nk")).unwrap();
    assert_eq!(nats(dir, &["user", "change", "robots", "--decides"]).await.code, 0);
    assert!(decides().await);
    assert!(nats(dir, &["user", "list"]).await.out.contains("outside, project lab, decides"));
    assert_eq!(nats(dir, &["user", "change", "robots", "--decides=false"]).await.code, 0);
    assert!(!decides().await);
    assert_eq!(std::fs::read(dir.join("robots.nk")).unwrap(), seed, "its key stays");
    assert_eq!(nats(dir, &["user", "add", "people", "--project", "lab", "--decides"]).await.code, 0);
    assert_eq!(nats(dir, &["user", "add", "gw", "--part", "gateway"]).await.code, 0);
    let refused = nats(dir, &["user", "change", "gw", "--decides"]).await;
    assert!(refused.code == 2 && refused.err.contains("systems outside"), "{}", refused.err);
}

#[tokio::test]
async fn what_would_give_more_than_is_meant_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[&str], &str); 11] = [
        (&["user", "add", "Robots.>"], "not a name"),
        (&["user", "add", "robots", "--project", "*"], "not a name"),
        (&["user", "add", "robots", "--feed", ">"], "not a subject of other systems"),
        (&["user", "add", "robots", "--feed", "emboflow.event.>"], "not a subject of other systems"),
        (
            &["user", "add", "trigger", "--part", "trigger", "--stream", "EMBOFLOW_INTAKE"],
            "not the name of another",
        ),
        (&["user", "add", "exec-1", "--part", "executor"], "--executor ID"),
        (&["user", "add", "api", "--part", "api", "--publish-only"], "goes with --part outside"),
        (&["user", "add", "api", "--part", "api", "--decides"], "goes with --part outside"),
        (&["user", "change", "nobody", "--listen", "plant.>"], "there is no user `nobody`"),
        (&["user", "change", "trigger", "--stream", "EMBOFLOW_INTAKE"], "not the name of another"),
        (&["rights", "nobody"], "there is no user `nobody`"),
    ];
    for (arguments, words) in cases {
        let refused = nats(folder.path(), arguments).await;
        assert!(refused.code == 2 && refused.err.contains(words), "{arguments:?}: {}", refused.err);
    }
    assert!(!folder.path().join("users.json").exists(), "nothing is half made");
    let example = nats(folder.path(), &["rights", "--example"]).await;
    assert!(example.out.contains("emboflow.request.lab.decide"), "{}", example.out);
}
