//! Several servers, each under a name: what is kept of them, and which one a command goes to.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::{Platform, emboflow, said};

#[tokio::test]
async fn a_context_stands_in_for_a_server_and_a_folder_of_an_installation_comes_first() {
    let platform = Platform::start().await;
    let up = platform.up_json().unwrap();
    let settings = platform.folder().join("settings");
    let elsewhere = tempfile::tempdir().unwrap();
    let from = |folder: &std::path::Path, arguments: &[&str]| {
        let mut command = emboflow(arguments);
        command.env("XDG_CONFIG_HOME", &settings).current_dir(folder);
        said(command)
    };
    let server = up["api_url"].as_str().unwrap();
    let key = platform.file("key", up["token"].as_str().unwrap());
    let add = ["context", "add", "lab", "--server", server, "--key-file", &key, "-p", "default"];
    assert_eq!(from(elsewhere.path(), &add).await.code, 0);
    let kept = settings.join("emboflow/contexts/lab.toml");
    assert_eq!(std::fs::metadata(kept).unwrap().permissions().mode() & 0o777, 0o600);

    let unchosen = from(elsewhere.path(), &["run", "list"]).await;
    assert_eq!(
        (unchosen.code, unchosen.err.contains("no EmboFlow runs here")),
        (1, true),
        "{}",
        unchosen.err
    );
    let named = from(elsewhere.path(), &["run", "list", "--context", "lab"]).await;
    assert_eq!(named.code, 0, "{}", named.err);
    assert_eq!(from(elsewhere.path(), &["context", "use", "lab"]).await.code, 0);
    let who = from(elsewhere.path(), &["whoami"]).await;
    assert!(who.out.contains("context lab") && who.out.contains(server), "{}{}", who.out, who.err);

    let list = from(elsewhere.path(), &["context", "list", "-o", "yaml"]).await;
    assert!(list.out.contains("name: \"lab\"") && list.out.contains("in_use: true"), "{}", list.out);
    assert!(!list.out.contains(up["token"].as_str().unwrap()), "a key stays where it is");

    // The folder's own installation, which is this one here, comes first; and that is said.
    std::fs::rename(platform.data_dir(), platform.folder().join(".emboflow")).unwrap();
    let here = from(platform.folder(), &["context", "list"]).await;
    assert!(here.err.contains("in this folder commands go to"), "{}", here.err);
    std::fs::rename(platform.folder().join(".emboflow"), platform.data_dir()).unwrap();

    assert_eq!(from(elsewhere.path(), &["context", "remove", "lab"]).await.code, 0);
    let gone = from(elsewhere.path(), &["context", "use", "lab"]).await;
    assert_eq!((gone.code, gone.err.contains("no context 'lab'")), (2, true), "{}", gone.err);
}

#[tokio::test]
async fn a_data_directory_that_was_asked_for_is_never_replaced_by_a_context() {
    let platform = Platform::start().await;
    let up = platform.up_json().unwrap();
    let server = up["api_url"].as_str().unwrap();
    let add = platform.emboflow(&["context", "add", "lab", "--server", server]).await;
    assert_eq!(add.code, 0, "{}", add.err);
    assert_eq!(platform.emboflow(&["context", "use", "lab"]).await.code, 0);
    let nowhere = tempfile::tempdir().unwrap();
    let mut told = platform.command(&["run", "list"]);
    told.env("EMBOFLOW_DATA_DIR", nowhere.path());
    let told = said(told).await;
    assert_eq!((told.code, told.err.contains("up.json")), (1, true), "{}", told.err);
}

#[tokio::test]
async fn yaml_and_json_say_the_same() {
    let platform = Platform::start().await;
    let json = platform.emboflow(&["project", "list", "-o", "json"]).await;
    let projects: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(projects[0]["name"], "default", "{}", json.err);
    let yaml = platform.emboflow(&["project", "list", "-o", "yaml"]).await;
    assert!(yaml.out.contains("name: \"default\"") && yaml.out.starts_with('-'), "{}", yaml.out);
}
