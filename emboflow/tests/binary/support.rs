//! An `emboflow up` for tests: the real binary on any free port, in a directory of its own, with the simulated runtime.

#![expect(clippy::unwrap_used, reason = "a test fails where it is")]

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// The program under test.
pub(crate) const EMBOFLOW: &str = env!("CARGO_BIN_EXE_emboflow");

/// A data directory and the `emboflow up` on it.
pub(crate) struct Platform {
    dir: TempDir,
    up: Option<Child>,
}

/// What a command came to.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Platform {
    /// A data directory that nothing runs on.
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), up: None }
    }

    /// Starts one and waits until it is ready.
    pub(crate) async fn start() -> Self {
        let mut platform = Self::new();
        platform.up(&["--runtime", "simulated"]).await;
        platform
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Starts `emboflow up` and waits until its up.json is there.
    pub(crate) async fn up(&mut self, arguments: &[&str]) {
        let log = std::fs::File::create(self.dir.path().join("up.log")).unwrap();
        let up = Command::new(EMBOFLOW)
            .arg("up")
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let pid = up.id().unwrap();
        self.up = Some(up);
        let deadline = Instant::now() + PATIENCE;
        while self.up_json().and_then(|up| up["pid"].as_u64()) != Some(u64::from(pid)) {
            let ended = self.up.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "not ready ({ended:?}):\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// All that `emboflow up` has said.
    pub(crate) fn log(&self) -> String {
        let said = std::fs::read_to_string(self.dir.path().join("up.log")).unwrap_or_default();
        if said.contains("nats-server is not on the PATH") {
            format!("{said}\nrun `make setup`")
        } else {
            said
        }
    }

    /// The up.json, when it is there.
    pub(crate) fn up_json(&self) -> Option<Value> {
        serde_json::from_slice(&std::fs::read(self.data_dir().join("up.json")).ok()?).ok()
    }

    /// The pid of the child nats-server.
    pub(crate) fn nats_pid(&self) -> Option<u32> {
        let noted = std::fs::read(self.data_dir().join("nats/server.json")).ok()?;
        let noted: Value = serde_json::from_slice(&noted).ok()?;
        Some(u32::try_from(noted["pid"].as_u64()?).unwrap())
    }

    /// Kills `emboflow up` at once, and waits until it is gone.
    pub(crate) async fn kill(&mut self) {
        self.up.as_mut().unwrap().kill().await.unwrap();
    }

    /// Sends SIGTERM to `emboflow up`, and waits until it has ended.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        let mut up = self.up.take().unwrap();
        send(up.id().unwrap(), Signal::TERM);
        tokio::time::timeout(PATIENCE, up.wait()).await.expect("it stops in time").unwrap()
    }

    /// Runs a command against this platform.
    pub(crate) async fn emboflow(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments)).await
    }

    /// A command against this platform.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = emboflow(arguments);
        command.env("EMBOFLOW_DATA_DIR", self.data_dir());
        command.env("XDG_CONFIG_HOME", self.folder().join("settings"));
        command
    }

    /// A file beside the data directory.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A folder beside the data directory.
    pub(crate) fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// Submits a file; gives the run's id.
    pub(crate) async fn submit(&self, file: &str) -> String {
        let said = self.emboflow(&["run", file, "-o", "json"]).await;
        assert_eq!(said.code, 0, "{}", said.err);
        let run: Value = serde_json::from_str(&said.out).expect("one JSON object");
        run["id"].as_str().unwrap().to_owned()
    }
}

/// The program with a clean environment.
pub(crate) fn emboflow(arguments: &[&str]) -> Command {
    let mut command = Command::new(EMBOFLOW);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true).env("NO_COLOR", "1");
    for name in ["DATA_DIR", "API_URL", "TOKEN", "PROJECT", "CONTEXT"] {
        command.env_remove(format!("EMBOFLOW_{name}"));
    }
    // The contexts of whoever runs the tests are not theirs.
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    command
}

/// Runs a command to its end.
pub(crate) async fn said(mut command: Command) -> Said {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends in time").unwrap();
    let Output { status, stdout, stderr } = output;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

/// Sends a signal.
pub(crate) fn send(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

/// Whether a process runs; one that has ended and waits to be noticed does not.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Asks until the answer is yes.
pub(crate) async fn until_found(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !ask().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A workflow of simulated tasks: `first`, then a matrix `then` of three.
pub(crate) fn workflow(name: &str, first: &str, then: &str) -> String {
    let variable = svc_executor::runtime::simulated::VARIABLE;
    format!(
        "version: 1
name: {name}
inputs:
  n: {{ type: integer, default: 1, maximum: 9 }}
tasks:
  first:
    image: some/image:1
    command: [work]
    env: {{ {variable}: \"{first}\" }}
    outputs: {{ words: {{ path: out/words.txt }} }}
  then:
    needs: [first]
    matrix: {{ i: [1, 2, 3] }}
    image: some/image:1
    command: [work]
    env: {{ {variable}: \"{then}\" }}
"
    )
}

/// What makes `first` succeed.
pub(crate) const FIRST: &str = "ms=50 lines=3 write=out/words.txt:hello";
