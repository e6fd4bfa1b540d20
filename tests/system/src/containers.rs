//! What the Docker engine has of an installation, by label.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::NamedTempFile;

use crate::cell::{Cell, RuntimeKind};

/// The containers of one installation; they are removed with it.
#[derive(Debug)]
pub struct Containers {
    instance: String,
    docker: bool,
    /// Address of the engine; none = the usual one.
    host: Option<String>,
    starts: Option<Starts>,
}

impl Containers {
    pub(crate) fn of(cell: Cell, instance: &str) -> Self {
        let docker = cell.runtime == RuntimeKind::Docker;
        let starts = docker.then(|| Starts::follow(None, instance));
        Self { instance: instance.to_owned(), docker, host: None, starts }
    }

    pub(crate) fn look_at(&mut self, host: String) {
        self.starts = self.docker.then(|| Starts::follow(Some(&host), &self.instance));
        self.host = Some(host);
    }

    fn docker(&self, arguments: &[&str]) -> String {
        match &self.host {
            None => docker(arguments),
            Some(host) => docker(&[&["--host", host], arguments].concat()),
        }
    }

    /// Whether this installation has any.
    pub fn are_real(&self) -> bool {
        self.docker
    }

    /// Names of the containers of a run that are there, running or not.
    pub fn of_run(&self, run: &str) -> Vec<String> {
        let filter = format!("label=io.emboflow.run={run}");
        self.list(&["--all", "--filter", &filter])
    }

    /// Names of the containers of a run that run.
    pub fn running(&self, run: &str) -> Vec<String> {
        let filter = format!("label=io.emboflow.run={run}");
        self.list(&["--filter", &filter])
    }

    /// [`Containers::running`], or none while the engine does not answer.
    pub fn try_running(&self, run: &str) -> Option<Vec<String>> {
        if !self.docker {
            return Some(Vec::new());
        }
        let mut command = Command::new("docker");
        command.args(self.host.iter().flat_map(|host| ["--host", host.as_str()]));
        let filter = format!("label=io.emboflow.run={run}");
        let said = command.args(["ps", "--filter", &filter, "--format", "{{.Names}}"]).output().ok()?;
        let names = || String::from_utf8_lossy(&said.stdout).lines().map(str::to_owned).collect();
        said.status.success().then(names)
    }

    /// How often a container was started for each attempt of a run (`task number`), as far as the engine has told.
    pub fn starts(&self, run: &str) -> BTreeMap<String, usize> {
        let mut starts = BTreeMap::new();
        for attempt in self.starts.iter().flat_map(|starts| starts.of_run(run)) {
            *starts.entry(attempt).or_default() += 1;
        }
        starts
    }

    /// What the engine says of a container, in a template of its own.
    pub fn told(&self, name: &str, template: &str) -> String {
        self.docker(&["inspect", "--format", template, name]).trim().to_owned()
    }

    fn list(&self, more: &[&str]) -> Vec<String> {
        if !self.docker {
            return Vec::new();
        }
        let instance = format!("label=io.emboflow.instance={}", self.instance);
        let arguments = [&["ps", "--filter", &instance, "--format", "{{.Names}}"], more].concat();
        self.docker(&arguments).lines().map(str::to_owned).collect()
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        let left = if std::thread::panicking() { Vec::new() } else { self.list(&["--all"]) };
        if !left.is_empty() {
            // The executor may be removing one of them at this moment.
            let mut remove = Command::new("docker");
            remove.args(self.host.iter().flat_map(|host| ["--host", host.as_str()]));
            let _removed_or_gone = remove.args(["rm", "--force"]).args(&left).output();
        }
    }
}

/// Each start of a container, written down as it comes: the engine itself remembers only its last 256 events.
#[derive(Debug)]
struct Starts {
    told: NamedTempFile,
    follower: Child,
}

impl Starts {
    fn follow(host: Option<&str>, instance: &str) -> Self {
        let told = NamedTempFile::new().expect("a temporary file can be made");
        let since =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()).to_string();
        let filter = format!("label=io.emboflow.instance={instance}");
        let label = |name: &str| format!("{{{{index .Actor.Attributes \"io.emboflow.{name}\"}}}}");
        let line = format!("{} {} {} {{{{.TimeNano}}}}", label("run"), label("task"), label("attempt"));
        // An engine that was away is asked again; it all ends when this process lets go of the standard input.
        let script = "while :; do docker \"$@\" < /dev/null; sleep 0.1; done & read -r _; kill -9 0";
        let follower = Command::new("sh")
            .args(["-c", script, "starts"])
            .args(host.map(|host| ["--host", host]).into_iter().flatten())
            .args([
                "events",
                "--since",
                &since,
                "--filter",
                "event=start",
                "--filter",
                &filter,
                "--format",
                &line,
            ])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(told.reopen().expect("it was just made"))
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell can be started");
        Self { told, follower }
    }

    /// The attempts of a run, one for each start; what an engine tells twice counts once.
    fn of_run(&self, run: &str) -> Vec<String> {
        let told = std::fs::read_to_string(self.told.path()).expect("it is there as long as this");
        let starts: BTreeSet<_> = told.lines().filter_map(|line| line.strip_prefix(run)).collect();
        let attempt = |line: &str| Some(line.trim_start().rsplit_once(' ')?.0.to_owned());
        starts.into_iter().filter_map(attempt).collect()
    }
}

impl Drop for Starts {
    fn drop(&mut self) {
        drop(self.follower.stdin.take());
        let _ = self.follower.wait();
    }
}

/// Calls the client.
pub(crate) fn docker(arguments: &[&str]) -> String {
    let said = Command::new("docker").args(arguments).output();
    let said = said.unwrap_or_else(|error| panic!("docker cannot be called ({error}): run `make setup`"));
    let errors = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "docker {arguments:?}: {errors}\nrun `make setup`");
    String::from_utf8_lossy(&said.stdout).into_owned()
}
