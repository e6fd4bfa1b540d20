//! The life of `emboflow up`: it is ready, refuses a second one, dies as one, and comes up again on what it left.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::support::{FIRST, PATIENCE, Platform, emboflow, runs, said, send, until, workflow};
use rustix::process::Signal;

#[tokio::test]
async fn it_tells_only_its_owner_where_everything_is_and_then_everything_works() {
    let platform = Platform::start().await;
    let path = platform.data_dir().join("up.json");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let up = platform.up_json().unwrap();
    for field in ["api_url", "page_url", "nats_url", "nats_user", "nats_password", "token"] {
        assert!(up[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {up}");
    }
    until("the banner is there", || platform.log().contains("Ctrl-C")).await;
    let banner = platform.log();
    assert!(banner.contains(up["page_url"].as_str().unwrap()), "{banner}");
    assert!(!banner.contains(up["token"].as_str().unwrap()), "{banner}");
    assert!(!banner.contains(up["nats_password"].as_str().unwrap()), "{banner}");
    // The executor's first heartbeat may come after the start.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let shown = platform.emboflow(&["system"]).await;
        if shown.code == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "{}{}", shown.out, shown.err);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_second_one_on_the_same_directory_is_refused_with_the_first_ones_pid_and_page() {
    let platform = Platform::start().await;
    let up = platform.up_json().unwrap();
    let second = platform.emboflow(&["up", "--listen", "127.0.0.1:0", "--runtime", "simulated"]).await;
    assert_eq!(second.code, 1);
    assert!(second.err.contains(&format!("process {}", up["pid"])), "{}", second.err);
    assert!(second.err.contains(up["api_url"].as_str().unwrap()), "{}", second.err);
    assert_eq!(platform.up_json().unwrap(), up, "the first one is left as it was");
}

#[tokio::test]
async fn a_clean_stop_ends_nats_server_too_and_removes_up_json() {
    let mut platform = Platform::start().await;
    let nats = platform.nats_pid().unwrap();
    assert!(runs(nats));
    let status = platform.stop().await;
    assert!(status.success(), "{status}: {}", platform.log());
    assert!(!runs(nats) && platform.up_json().is_none());
}

#[tokio::test]
async fn a_killed_one_takes_nats_server_with_it_and_the_next_one_knows_everything() {
    let mut platform = Platform::start().await;
    let before = platform.up_json().unwrap();
    let file = platform.file("w.yaml", &workflow("kept", FIRST, ""));
    let done = platform.emboflow(&["run", &file, "--watch"]).await;
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let nats = platform.nats_pid().unwrap();

    platform.kill().await;
    until("nats-server has died with its parent", || !runs(nats)).await;
    assert!(platform.up_json().is_some(), "what was killed removes nothing");

    platform.up(&["--runtime", "simulated"]).await;
    let after = platform.up_json().unwrap();
    assert_eq!((&after["token"], &after["nats_password"]), (&before["token"], &before["nats_password"]));
    assert_ne!(after["page_url"], before["page_url"], "a one-time code is good once");
    let list = platform.emboflow(&["run", "list"]).await;
    assert!(list.out.contains("kept") && list.out.contains("succeeded"), "{}", list.out);
    let again = platform.emboflow(&["run", &file, "--watch"]).await;
    assert_eq!(again.code, 0, "{}{}", again.out, again.err);
}

#[tokio::test]
async fn a_nats_server_may_have_any_name() {
    let mut platform = Platform::new();
    let path = std::env::var_os("PATH").unwrap();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("nats-server"));
    let program = on_path.into_iter().find(|program| program.is_file()).expect("run `make setup`");
    let renamed = platform.folder().join("nats-server-v2");
    std::fs::copy(program, &renamed).unwrap();
    let renamed = renamed.to_str().unwrap().to_owned();
    platform.up(&["--runtime", "simulated", "--nats-bin", &renamed]).await;
    assert!(runs(platform.nats_pid().unwrap()));
}

#[tokio::test]
async fn a_killed_nats_server_comes_back_on_its_port_and_runs_go_on() {
    let platform = Platform::start().await;
    let url = platform.up_json().unwrap()["nats_url"].clone();
    let file = platform.file("w.yaml", &workflow("goes-on", FIRST, "ms=1000"));
    let run = platform.submit(&file).await;
    let first = platform.nats_pid().unwrap();
    send(first, Signal::KILL);
    until("another nats-server runs", || platform.nats_pid().is_some_and(|pid| pid != first && runs(pid)))
        .await;
    let watched = platform.emboflow(&["run", "watch", &run]).await;
    assert_eq!(watched.code, 0, "{}{}", watched.out, watched.err);
    assert_eq!(platform.up_json().unwrap()["nats_url"], url);
    let shown = platform.emboflow(&["run", &file, "--watch"]).await;
    assert_eq!(shown.code, 0, "{}{}", shown.out, shown.err);
}

#[tokio::test]
async fn a_watcher_finds_the_next_one_after_a_kill_and_sees_the_run_end() {
    let mut platform = Platform::start().await;
    let file = platform.file("w.yaml", &workflow("watched", FIRST, "ms=1500"));
    let run = platform.submit(&file).await;
    let seen = platform.folder().join("seen");
    let mut watch = platform.command(&["run", "watch", &run]);
    watch.stdout(std::fs::File::create(&seen).unwrap());
    let mut watching = watch.spawn().unwrap();
    let read = || std::fs::read_to_string(&seen).unwrap();
    until("the watcher follows", || read().contains("then[0]")).await;
    platform.kill().await;
    platform.up(&["--runtime", "simulated"]).await;
    let status = tokio::time::timeout(PATIENCE, watching.wait()).await.expect("it sees the end").unwrap();
    assert!(status.success(), "{status}: {}\n{}", read(), platform.log());
}

#[tokio::test]
async fn without_a_container_engine_it_is_up_all_the_same_and_says_what_is_missing() {
    let mut platform = Platform::new();
    let engine = format!("unix://{}/none.sock", platform.folder().display());
    platform.up(&["--docker-host", &engine]).await;
    until("the banner says it", || platform.log().contains("none yet")).await;
    // The executor answers for itself a moment after the banner.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut command = platform.command(&["doctor", "--docker-host", &engine]);
        command.env_remove("DOCKER_HOST");
        let doctor = said(command).await;
        assert_eq!(doctor.code, 1);
        assert!(
            doctor.out.contains("✗ container engine") && doctor.out.contains("make setup"),
            "{}",
            doctor.out
        );
        let says = |line: &str| line.contains("✗ · executors/") && line.contains("/runtime");
        if doctor.out.lines().any(says) {
            break;
        }
        assert!(Instant::now() < deadline, "{}", doctor.out);
    }
    let file = platform.file("w.yaml", &workflow("waits", "", ""));
    let run = platform.submit(&file).await;
    let shown = platform.emboflow(&["run", "watch", &run, "--timeout", "300ms"]).await;
    assert_eq!(shown.code, 3, "{}{}", shown.out, shown.err);
}

#[tokio::test]
async fn without_nats_server_it_says_how_to_get_it() {
    let platform = Platform::new();
    let refused =
        platform.emboflow(&["up", "--listen", "127.0.0.1:0", "--nats-bin", "/nowhere/nats-server"]).await;
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("make setup") && refused.err.contains("--nats-bin"), "{}", refused.err);
    let other = platform.emboflow(&["up", "--listen", "127.0.0.1:0", "--nats-bin", "/bin/true"]).await;
    assert!(other.code == 1 && other.err.contains("no nats-server"), "{}", other.err);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_and_nothing_stays_behind() {
    let mut platform = Platform::start().await;
    let other = Platform::new();
    let taken =
        platform.up_json().unwrap()["api_url"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let mut command = emboflow(&["up", "--runtime", "simulated", "--listen", &taken]);
    command.arg("--data-dir").arg(other.data_dir());
    let refused = said(command).await;
    assert!(refused.code == 1 && refused.err.contains(&taken), "{}", refused.err);
    assert!(other.nats_pid().is_none() && other.up_json().is_none());
    assert!(platform.stop().await.success());
}
