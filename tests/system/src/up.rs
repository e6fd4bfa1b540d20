//! `emboflow up`: the whole platform as one process with its child nats-server.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::client::Client;
use crate::programs;
use crate::waiting::{eventually, eventually_ok};

/// An `emboflow up` on a directory of its own; it ends with this.
pub struct Up {
    dir: TempDir,
    data_dir: PathBuf,
    listen: String,
    child: Option<Child>,
    up_json: Value,
}

impl Up {
    /// Starts it and waits until it is ready.
    pub async fn start() -> Self {
        Self::start_in(None).await
    }

    /// [`Up::start`] with its data in a folder of the test's own.
    pub async fn start_in(data_dir: Option<PathBuf>) -> Self {
        let dir = TempDir::with_prefix("emboflow-up-").expect("a temporary directory can be made");
        let data_dir = data_dir.unwrap_or_else(|| dir.path().join("data"));
        let (listen, up_json) = ("127.0.0.1:0".to_owned(), Value::Null);
        let mut up = Self { dir, data_dir, listen, child: None, up_json };
        up.launch().await;
        up
    }

    /// Ends it at once (SIGKILL), nats-server not included, and starts it again on the same directory and address.
    pub async fn kill_and_restart(&mut self) {
        self.child.take().expect("it runs").kill().await.expect("a child can be killed");
        self.launch().await;
    }

    /// Ends the child nats-server at once (SIGKILL) and waits until there is another.
    pub async fn kill_nats(&self) {
        let before = self.nats_pid().expect("nats-server runs");
        let killed = std::process::Command::new("kill").args(["-KILL", &before.to_string()]).status();
        assert!(killed.expect("kill can be called").success(), "nats-server {before} is killed");
        eventually("nats-server is started again", || async { self.nats_pid().filter(|now| *now != before) })
            .await;
    }

    /// Runs a command of the CLI on this installation, which must succeed, and gives what it says.
    pub async fn command(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(programs::folder().join("emboflow"));
        command.args(arguments).arg("--data-dir").arg(&self.data_dir).stdin(Stdio::null());
        let said = command.output().await.expect("the program is built");
        let (text, errors) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert!(said.status.success(), "emboflow {}: {}\n{text}{errors}", arguments.join(" "), said.status);
        text.into_owned()
    }

    /// A field of up.json.
    pub fn told(&self, field: &str) -> &str {
        self.up_json[field].as_str().expect("up.json is whole")
    }

    /// A caller of the API.
    pub fn client(&self) -> Client {
        let text = |field: &str| self.up_json[field].as_str().expect("up.json is whole");
        Client::new(text("api_url"), text("token"))
    }

    async fn launch(&mut self) {
        let log = self.dir.path().join("said.log");
        let said =
            std::fs::File::options().create(true).append(true).open(&log).expect("the log can be opened");
        let mut child = Command::new(programs::folder().join("emboflow"))
            .args(["up", "--listen", &self.listen, "--data-dir"])
            .arg(&self.data_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .kill_on_drop(true)
            .spawn()
            .expect("the program is built");
        let (pid, up_json) = (child.id(), self.data_dir.join("up.json"));
        let tell = || std::fs::read_to_string(&log).unwrap_or_default();
        self.up_json = eventually_ok("emboflow up is ready", || {
            let ended = child.try_wait().expect("a child can be asked");
            assert!(ended.is_none(), "emboflow up ended ({ended:?}):\n{}", tell());
            let found =
                std::fs::read_to_string(&up_json).ok().and_then(|text| serde_json::from_str(&text).ok());
            // One of a killed process may still lie there.
            let own = found.filter(|found: &Value| found["pid"].as_u64() == pid.map(u64::from));
            let own = own.ok_or_else(tell);
            async move { own }
        })
        .await;
        let address = self.up_json["api_url"].as_str().and_then(|url| url.strip_prefix("http://"));
        self.listen = address.expect("up.json names the API").to_owned();
        self.child = Some(child);
    }

    /// The child nats-server by `/proc`.
    fn nats_pid(&self) -> Option<u32> {
        let parent = self.child.as_ref()?.id()?;
        std::fs::read_dir("/proc").ok()?.filter_map(Result::ok).find_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // `<pid> (<name>) <state> <parent> …`
            let (head, tail) = stat.rsplit_once(')')?;
            let mut fields = tail.split_whitespace();
            let (state, ppid) = (fields.next()?, fields.next()?);
            let is_nats = head.ends_with("(nats-server") && state != "Z" && ppid == parent.to_string();
            is_nats.then_some(pid)
        })
    }
}
