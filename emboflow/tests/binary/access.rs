//! People, projects, keys and secrets by the command line, against a real API.

#![expect(clippy::unwrap_used, reason = "a test fails where it is")]

use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::support::{PATIENCE, Platform, Said, emboflow, said};

const PASSWORD: &str = "seven quiet robots fold laundry";

/// Runs a command as whoever has the installation's token, with something on standard input.
async fn typed(platform: &Platform, arguments: &[&str], input: &str) -> Said {
    let mut command = platform.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn good(said: Said) -> Said {
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    said
}

/// A user with a password, and a role in a project that is made.
async fn make_anna(platform: &Platform, role: &str) {
    good(platform.emboflow(&["project", "create", "lab", "--description", "arms"]).await);
    let create = ["user", "create", "anna", "--password-file", "-"];
    let made = good(typed(platform, &create, &format!("{PASSWORD}\n")).await);
    assert!(made.out.is_empty() && !made.err.contains(PASSWORD), "{}{}", made.out, made.err);
    good(platform.emboflow(&["user", "role", "anna", "lab", role]).await);
}

/// A person at another machine: settings of their own, and a folder without an installation.
struct Desk {
    folder: tempfile::TempDir,
    server: String,
}

impl Desk {
    fn before(platform: &Platform) -> Self {
        let server = platform.up_json().unwrap()["api_url"].as_str().unwrap().to_owned();
        Self { folder: tempfile::tempdir().unwrap(), server }
    }

    fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = emboflow(arguments);
        command.env("XDG_CONFIG_HOME", self.folder.path()).current_dir(self.folder.path());
        command
    }

    async fn emboflow(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments)).await
    }

    async fn login(&self, user: &str, password: &str) -> Said {
        let file = self.folder.path().join("password");
        std::fs::write(&file, password).unwrap();
        let file = file.to_str().unwrap();
        self.emboflow(&["login", "--server", &self.server, "--user", user, "--password-file", file]).await
    }
}

#[tokio::test]
async fn a_user_signs_in_works_in_the_project_that_is_open_and_signs_out() {
    let platform = Platform::start().await;
    make_anna(&platform, "developer").await;
    let desk = Desk::before(&platform);
    let wrong = desk.login("anna", "another password").await;
    assert_eq!((wrong.code, wrong.err.contains("auth.sign_in_failed")), (4, true), "{}", wrong.err);
    let signed_in = good(desk.login("anna", PASSWORD).await);
    assert!(signed_in.err.contains("as anna") && signed_in.out.is_empty(), "{}", signed_in.err);

    let who: Value = serde_json::from_str(&good(desk.emboflow(&["whoami", "-o", "json"]).await).out).unwrap();
    assert_eq!((&who["name"], &who["platform_admin"]), (&Value::from("anna"), &Value::from(false)));
    assert_eq!(who["projects"], serde_json::json!([{ "project": "lab", "role": "developer" }]));
    // The only project that is open is the one of commands that name none.
    good(desk.emboflow(&["run", "list"]).await);
    let other = desk.emboflow(&["run", "list", "-p", "default"]).await;
    assert_eq!((other.code, other.err.contains("project.not_found")), (1, true), "{}", other.err);
    let users = desk.emboflow(&["user", "list"]).await;
    assert_eq!((users.code, users.err.contains("auth.forbidden")), (4, true), "{}", users.err);

    let sessions = good(desk.emboflow(&["session", "list", "-o", "json"]).await);
    let sessions: Value = serde_json::from_str(&sessions.out).unwrap();
    let agent = sessions[0]["agent"].as_str().unwrap();
    assert!(agent.starts_with("emboflow ") && sessions[0]["current"] == true, "{sessions}");

    good(desk.emboflow(&["logout"]).await);
    let out = desk.emboflow(&["whoami"]).await;
    assert_eq!((out.code, out.err.contains("auth.required")), (4, true), "{}", out.err);
}

#[tokio::test]
async fn who_is_kept_out_or_removed_is_out_at_once() {
    let platform = Platform::start().await;
    make_anna(&platform, "viewer").await;
    let desk = Desk::before(&platform);
    good(desk.login("anna", PASSWORD).await);
    good(desk.emboflow(&["run", "list"]).await);
    good(platform.emboflow(&["user", "disable", "anna"]).await);
    assert_eq!(desk.emboflow(&["run", "list"]).await.code, 4);
    assert_eq!(desk.login("anna", PASSWORD).await.code, 4);
    good(platform.emboflow(&["user", "enable", "anna"]).await);
    good(desk.login("anna", PASSWORD).await);

    let unasked = platform.emboflow(&["user", "remove", "anna"]).await;
    assert_eq!((unasked.code, unasked.err.contains("--yes")), (2, true), "{}", unasked.err);
    good(platform.emboflow(&["user", "remove", "anna", "--yes"]).await);
    assert_eq!(desk.emboflow(&["run", "list"]).await.code, 4);
}

#[tokio::test]
async fn a_role_never_takes_the_place_of_a_denial() {
    let platform = Platform::start().await;
    make_anna(&platform, "denied").await;
    for project in ["lab", "*"] {
        good(platform.emboflow(&["user", "role", "anna", project, "denied"]).await);
        let lifted = platform.emboflow(&["user", "role", "anna", project, "admin"]).await;
        assert_eq!((lifted.code, lifted.err.contains("is denied")), (2, true), "{}", lifted.err);
        good(platform.emboflow(&["user", "role", "anna", project, "none"]).await);
    }
    good(platform.emboflow(&["user", "role", "anna", "lab", "operator"]).await);
    let show = good(platform.emboflow(&["project", "show", "lab"]).await);
    assert!(show.out.contains("anna") && show.out.contains("operator"), "{}", show.out);
    let bad = platform.emboflow(&["user", "role", "anna", "lab", "root"]).await;
    assert_eq!(bad.code, 2, "{}", bad.err);
}

#[tokio::test]
async fn the_first_administrator_gets_a_link_and_the_last_one_stays() {
    let platform = Platform::start().await;
    let made = good(platform.emboflow(&["admin", "create", "root"]).await);
    assert!(made.out.starts_with("http") && made.out.contains("session?code="), "{}", made.out);
    assert_eq!(made.out.lines().count(), 1, "the link stands alone: {}", made.out);
    let users = good(platform.emboflow(&["user", "list", "-o", "json"]).await);
    let users: Value = serde_json::from_str(&users.out).unwrap();
    assert_eq!(
        (&users[0]["name"], &users[0]["powers"]["platform_admin"]),
        (&Value::from("root"), &Value::from(true))
    );
    let last = platform.emboflow(&["user", "role", "root", "--platform-admin", "false"]).await;
    assert_eq!((last.code, last.err.contains("user.last_admin")), (1, true), "{}", last.err);
    let weak = typed(&platform, &["user", "password", "root"], "root\n").await;
    assert_eq!((weak.code, weak.err.contains("auth.password_weak")), (1, true), "{}", weak.err);
    good(typed(&platform, &["user", "password", "root"], &format!("{PASSWORD}\n")).await);
    let desk = Desk::before(&platform);
    good(desk.login("root", PASSWORD).await);
    good(desk.emboflow(&["user", "list"]).await);
}

#[tokio::test]
async fn a_key_is_shown_once_alone_and_is_good_until_it_is_revoked() {
    let platform = Platform::start().await;
    make_anna(&platform, "developer").await;
    let desk = Desk::before(&platform);
    good(desk.login("anna", PASSWORD).await);
    let vague = desk.emboflow(&["key", "create", "nightly"]).await;
    assert_eq!((vague.code, vague.err.contains("--role")), (2, true), "{}", vague.err);
    let made =
        good(desk.emboflow(&["key", "create", "nightly", "--role", "lab=viewer", "--days", "7"]).await);
    let key = made.out.trim();
    assert!(key.starts_with("emb_") && made.out.lines().count() == 1, "{}", made.out);
    assert!(!made.err.contains(key), "{}", made.err);

    let with_key = |arguments: &[&str]| {
        let mut command = emboflow(arguments);
        command.env("EMBOFLOW_API_URL", &desk.server).env("EMBOFLOW_TOKEN", key);
        said(command)
    };
    good(with_key(&["run", "list", "-p", "lab"]).await);
    let list = good(desk.emboflow(&["key", "list", "-o", "json"]).await);
    assert!(!list.out.contains(key), "{}", list.out);
    let list: Value = serde_json::from_str(&list.out).unwrap();
    assert_eq!(list[0]["name"], "nightly");
    good(desk.emboflow(&["key", "revoke", list[0]["id"].as_str().unwrap()]).await);
    let revoked = with_key(&["run", "list", "-p", "lab"]).await;
    assert_eq!((revoked.code, revoked.err.contains("auth.required")), (4, true), "{}", revoked.err);
}

#[tokio::test]
async fn a_secret_goes_in_and_never_comes_out() {
    let platform = Platform::start().await;
    let value = "hunter2-hunter2";
    let set = good(typed(&platform, &["secret", "set", "my-token", "-o", "json"], value).await);
    assert!(set.out.contains("\"version\": 1") && !set.out.contains(value), "{}", set.out);
    let again = good(typed(&platform, &["secret", "set", "my-token", "-o", "json"], "other").await);
    assert!(again.out.contains("\"version\": 2"), "{}", again.out);
    let list = good(platform.emboflow(&["secret", "list", "-o", "json"]).await);
    assert!(list.out.contains("my-token") && !list.out.contains(value), "{}", list.out);
    assert_eq!(good(platform.emboflow(&["secret", "list", "-o", "name"]).await).out, "my-token\n");
    good(platform.emboflow(&["secret", "remove", "my-token", "--yes"]).await);
    assert_eq!(good(platform.emboflow(&["secret", "list", "-o", "name"]).await).out, "");
    let empty = typed(&platform, &["secret", "set", "none"], "").await;
    assert_eq!((empty.code, empty.err.contains("empty")), (2, true), "{}", empty.err);
}

#[tokio::test]
async fn the_audit_has_who_did_what_and_can_be_taken_out_whole() {
    let platform = Platform::start().await;
    make_anna(&platform, "viewer").await;
    let desk = Desk::before(&platform);
    good(desk.login("anna", PASSWORD).await);
    assert_eq!(desk.emboflow(&["user", "list"]).await.code, 4);
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let list =
            platform.emboflow(&["audit", "list", "--who", "user:anna", "--result", "ok", "-o", "json"]).await;
        let list: Value = serde_json::from_str(&good(list).out).unwrap();
        if list.as_array().is_some_and(|entries| !entries.is_empty()) {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the sign-in is not in the audit: {list}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let export = good(platform.emboflow(&["audit", "export"]).await);
    let entries: Vec<Value> = export.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(entries.iter().any(|entry| entry["action"] == "POST /api/v1/users"), "{}", export.out);
    assert!(!export.out.contains(PASSWORD));
}

#[tokio::test]
async fn a_project_is_changed_only_where_it_is_said() {
    let platform = Platform::start().await;
    good(platform.emboflow(&["project", "create", "lab", "--quota", "open_runs=5"]).await);
    good(platform.emboflow(&["project", "set", "lab", "--description", "arms and legs"]).await);
    let show = good(platform.emboflow(&["project", "show", "lab", "-o", "json"]).await);
    let show: Value = serde_json::from_str(&show.out).unwrap();
    assert_eq!(
        (&show["description"], &show["quotas"]["open_runs"]),
        (&Value::from("arms and legs"), &Value::from(5))
    );
    let unknown = platform.emboflow(&["project", "set", "lab", "--quota", "opened=5"]).await;
    assert_eq!((unknown.code, unknown.err.contains("open_runs")), (2, true), "{}", unknown.err);
    let nothing = platform.emboflow(&["project", "set", "lab"]).await;
    assert_eq!(nothing.code, 2, "{}", nothing.err);
}
