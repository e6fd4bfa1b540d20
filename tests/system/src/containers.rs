//! What the Docker engine has of an installation, by label.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cell::{Cell, RuntimeKind};

/// The containers of one installation; they are removed with it.
#[derive(Debug)]
pub struct Containers {
    instance: String,
    docker: bool,
    since: u64,
}

impl Containers {
    pub(crate) fn of(cell: Cell, instance: &str) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { instance: instance.to_owned(), docker: cell.runtime == RuntimeKind::Docker, since }
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

    /// How often a container was started for each attempt of a run, as the engine tells it.
    pub fn starts(&self, run: &str) -> BTreeMap<String, usize> {
        let mut starts = BTreeMap::new();
        if !self.docker {
            return starts;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) + 1;
        let (since, until, label) =
            (self.since.to_string(), now.to_string(), format!("label=io.emboflow.run={run}"));
        let label_of = |name: &str| format!("{{{{index .Actor.Attributes \"io.emboflow.{name}\"}}}}");
        let format = format!("{} {}", label_of("task"), label_of("attempt"));
        let said = docker(&[
            "events",
            "--since",
            &since,
            "--until",
            &until,
            "--filter",
            "event=start",
            "--filter",
            &label,
            "--format",
            &format,
        ]);
        for attempt in said.lines() {
            *starts.entry(attempt.to_owned()).or_default() += 1;
        }
        starts
    }

    fn list(&self, more: &[&str]) -> Vec<String> {
        if !self.docker {
            return Vec::new();
        }
        let instance = format!("label=io.emboflow.instance={}", self.instance);
        let arguments = [&["ps", "--filter", &instance, "--format", "{{.Names}}"], more].concat();
        docker(&arguments).lines().map(str::to_owned).collect()
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        let left = if std::thread::panicking() { Vec::new() } else { self.list(&["--all"]) };
        if !left.is_empty() {
            let names: Vec<_> = left.iter().map(String::as_str).collect();
            docker(&[&["rm", "--force"], names.as_slice()].concat());
        }
    }
}

fn docker(arguments: &[&str]) -> String {
    let said = Command::new("docker").args(arguments).output();
    let said = said.unwrap_or_else(|error| panic!("docker cannot be called ({error}): run `make setup`"));
    let errors = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "docker {arguments:?}: {errors}\nrun `make setup`");
    String::from_utf8_lossy(&said.stdout).into_owned()
}
