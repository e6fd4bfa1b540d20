//! A Docker engine of the test's own, which can be killed without harm to anybody else.

use std::fs::{File, read_to_string};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::containers::docker;
use crate::waiting::{eventually, eventually_ok};
use crate::workflows::IMAGE;

/// How long what was killed may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(60);
const CONTAINERD: &str = "exec/containerd/containerd.pid";

/// A running dockerd with the examples' small image. It ends with this, and everything that it had with it.
#[derive(Debug)]
pub struct Engine {
    dir: TempDir,
    containers_outlive_it: bool,
    child: Option<Child>,
}

impl Engine {
    /// Starts one. `containers_outlive_it`: they go on while it is away (Docker's `live-restore`).
    pub async fn start(containers_outlive_it: bool) -> Self {
        let dir = TempDir::with_prefix("emboflow-engine-").expect("a temporary directory can be made");
        let mut engine = Self { dir, containers_outlive_it, child: None };
        engine.launch().await;
        let archive = engine.path("image.tar").display().to_string();
        docker(&["save", "--output", &archive, IMAGE]);
        docker(&["--host", &engine.host(), "load", "--input", &archive]);
        std::fs::remove_file(archive).expect("the archive was just written");
        engine
    }

    /// Its address.
    pub fn host(&self) -> String {
        format!("unix://{}", self.path("docker.sock").display())
    }

    /// Whether containers go on while it is away, or end at its next start.
    pub fn let_containers_outlive_it(&mut self, they_do: bool) {
        self.containers_outlive_it = they_do;
    }

    /// Ends it at once (SIGKILL) and starts it again.
    pub async fn kill_and_restart(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().and_then(|()| child.wait()).expect("a child can be killed");
        // Its containerd dies with it. Where nobody reaps that one, the next engine would take it for alive.
        eventually("the engine's containerd is gone", async || self.containerd().is_none().then_some(()))
            .await;
        for stale in ["pid", CONTAINERD] {
            let _ = std::fs::remove_file(self.path(stale));
        }
        self.launch().await;
    }

    async fn launch(&mut self) {
        let log = File::options().create(true).append(true).open(self.path("log"));
        let mut command = Command::new("dockerd");
        command
            .arg("--data-root")
            .arg(self.path("root"))
            .arg("--exec-root")
            .arg(self.path("exec"))
            .arg("--pidfile")
            .arg(self.path("pid"))
            .args(["--host", &self.host(), "--bridge", "none", "--iptables=false"])
            // Should it find the machine's own containerd, they keep apart.
            .args([
                "--containerd-namespace",
                "emboflow-test",
                "--containerd-plugins-namespace",
                "emboflow-test-p",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.expect("the log can be opened"));
        if self.containers_outlive_it {
            command.arg("--live-restore");
        }
        let child = command.spawn();
        let mut child = child.unwrap_or_else(|error| panic!("no dockerd ({error}): run `make setup`"));
        eventually_ok("a Docker engine of the test's own answers", || {
            let ended = child.try_wait().expect("a child can be asked");
            assert!(ended.is_none(), "dockerd ended; run the tests as root:\n{}", self.log());
            let mut asking = Command::new("docker");
            asking.args(["--host", &self.host(), "version"]).stdout(Stdio::null()).stderr(Stdio::null());
            let answers = asking.status().is_ok_and(|status| status.success());
            let said = if answers { Ok(()) } else { Err(self.log()) };
            async move { said }
        })
        .await;
        self.child = Some(child);
    }

    /// Process id of its containerd, if that one lives.
    fn containerd(&self) -> Option<String> {
        let pid = read_to_string(self.path(CONTAINERD)).ok()?.trim().to_owned();
        let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (name, state) = stat.rsplit_once(") ")?;
        (name.ends_with("(containerd") && !state.starts_with('Z')).then_some(pid)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn log(&self) -> String {
        let text = read_to_string(self.path("log")).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let containers = ["--host", &self.host(), "ps", "--all", "--quiet"].map(str::to_owned);
        let listed = Command::new("docker").args(&containers).output();
        let listed =
            listed.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default();
        for container in listed.lines() {
            let remove = ["--host", &self.host(), "rm", "--force", container].map(str::to_owned);
            let _ = Command::new("docker").args(&remove).output();
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.end_leftovers();
    }
}

impl Engine {
    /// What an engine leaves behind that did not come back: containers with their shims, and mounts.
    fn end_leftovers(&self) {
        let until = Instant::now() + GONE_WITHIN;
        while let Some(pid) = self.containerd().filter(|_| Instant::now() < until) {
            signal(&pid, "KILL");
        }
        let dir = self.dir.path().display().to_string();
        for shim in processes_of(&dir) {
            let children = read_to_string(format!("/proc/{shim}/task/{shim}/children")).unwrap_or_default();
            children.split_whitespace().chain([shim.as_str()]).for_each(|pid| signal(pid, "KILL"));
        }
        let mounts = read_to_string("/proc/self/mounts").unwrap_or_default();
        let own =
            mounts.lines().filter_map(|line| line.split(' ').nth(1)).filter(|path| path.starts_with(&dir));
        for mount in own.collect::<Vec<_>>().into_iter().rev() {
            let _ = Command::new("umount").args(["--lazy", mount]).output();
        }
    }
}

/// Process ids of those that have the folder on their command line.
fn processes_of(dir: &str) -> Vec<String> {
    let pids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = pids.filter_map(|entry| entry.file_name().into_string().ok());
    let numbers = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let of_dir = |pid: &String| {
        std::fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(dir))
    };
    numbers.filter(of_dir).collect()
}

/// Sends a signal to somebody who may be gone.
fn signal(pid: &str, name: &str) {
    let _ = Command::new("kill").args(["-s", name, pid]).output();
}
