//! One service as a child process that can be killed and started again.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::network::{Entrance, Home};
use crate::programs;
use crate::waiting::{eventually, eventually_ok};

/// How long an answer is waited for before a service counts as hanging.
const NO_ANSWER: Duration = Duration::from_secs(2);

/// A service with its settings; its process ends with it.
#[derive(Debug)]
pub struct Service {
    program: &'static str,
    settings: BTreeMap<String, String>,
    /// The setting that says where it listens.
    listens_by: &'static str,
    log: PathBuf,
    /// How much it says.
    level: &'static str,
    /// The network namespace that it lives in; none = that of the tests.
    entrance: Option<Entrance>,
    child: Option<Child>,
    address: Option<SocketAddr>,
}

impl Service {
    pub(crate) fn new(program: &'static str, listens_by: &'static str, log: PathBuf) -> Self {
        let mut service = Self {
            program,
            settings: BTreeMap::new(),
            listens_by,
            log,
            level: "info",
            entrance: None,
            child: None,
            address: None,
        };
        service.set(listens_by, "127.0.0.1:0");
        service
    }

    /// Another one of its kind with the same settings, not started yet.
    pub(crate) fn twin(&self, log: PathBuf) -> Self {
        let mut twin = Self::new(self.program, self.listens_by, log);
        let others = self.settings.iter().filter(|(key, _)| *key != self.listens_by);
        twin.settings.extend(others.map(|(key, value)| (key.clone(), value.clone())));
        twin.entrance.clone_from(&self.entrance);
        twin
    }

    /// Lets it live in a network namespace of its own, from its next start on.
    pub fn live_at(&mut self, home: &Home) {
        self.entrance = Some(home.entrance());
        self.set(self.listens_by, format!("{}:0", home.address()));
    }

    /// A setting.
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str)
    }

    /// Changes a setting (`section.key`), for the next start.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        self.settings.insert(key.to_owned(), value.to_string());
    }

    /// Makes it say all that it can, from its next start on.
    pub fn say_all(&mut self) {
        self.level = "trace";
    }

    /// The settings whose keys begin so.
    pub(crate) fn settings_below(&self, prefix: &str) -> impl Iterator<Item = (String, String)> {
        let own = self.settings.iter().filter(move |(key, _)| key.starts_with(prefix));
        own.map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>().into_iter()
    }

    /// Takes a setting back, for the next start.
    pub fn unset(&mut self, key: &str) {
        self.settings.remove(key);
    }

    /// Its settings of one section, such as `records`.
    pub(crate) fn section(&self, name: &str) -> Vec<(String, String)> {
        let is_of = |key: &str| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        let all = self.settings.iter().filter(|(key, _)| is_of(key));
        all.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Its base URL; the same after each restart.
    pub fn url(&self) -> String {
        format!("http://{}", self.address.expect("it has been started"))
    }

    /// Its program.
    pub fn program(&self) -> &'static str {
        self.program
    }

    /// What it says at `/ready`. Errors: it says nothing.
    pub async fn readiness(&self) -> Result<(StatusCode, Value), String> {
        let answer =
            reqwest::get(format!("{}/ready", self.url())).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        Ok((status, answer.json().await.map_err(|error| error.to_string())?))
    }

    /// What its figure at `/metrics` is, all its labels together. Errors: it says nothing.
    pub async fn figure(&self, name: &str) -> Result<u64, String> {
        let answer =
            reqwest::get(format!("{}/metrics", self.url())).await.map_err(|error| error.to_string())?;
        let text = answer.text().await.map_err(|error| error.to_string())?;
        let of_it = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        Ok(text.lines().filter(of_it).filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
    }

    /// Waits until `/ready` says no, with these words about this dependency.
    pub async fn complains(&self, dependency: &str, words: &str) {
        eventually_ok(&format!("the {} complains of {dependency}", self.program), || async {
            let (status, said) = self.readiness().await?;
            let checks = said["checks"].as_array().into_iter().flatten();
            let mut bad = checks.filter(|check| check["name"] == dependency && check["ok"] == false);
            let found = bad.any(|check| check["detail"].as_str().is_some_and(|text| text.contains(words)));
            (status == StatusCode::SERVICE_UNAVAILABLE && found).then_some(()).ok_or(format!("{said:#}"))
        })
        .await;
    }

    /// The most memory that it has had in use at once, in bytes.
    pub fn peak_memory_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid().expect("it runs"));
        let status = std::fs::read_to_string(path).expect("a running process has a status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak.and_then(|kib| kib.trim().parse::<u64>().ok()).expect("VmHWM is a number of kB") * 1024
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Starts it and waits until it listens.
    pub async fn start(&mut self) {
        let from = self.log_text().len();
        self.spawn();
        let address = eventually(&format!("{} listens", self.program), || {
            let found = self.address_after(from);
            let ended = self.child.as_mut().and_then(|child| child.try_wait().expect("a child can be asked"));
            assert!(
                ended.is_none() || found.is_some(),
                "{} ended ({ended:?}):\n{}",
                self.program,
                self.log_text()
            );
            async move { found }
        })
        .await;
        self.address = Some(address);
        self.set(self.listens_by, address);
    }

    /// Starts it and waits for nothing; it may die at once.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "{} runs", self.program);
        let log =
            OpenOptions::new().create(true).append(true).open(&self.log).expect("the log can be opened");
        let mut command = self.command();
        for (key, value) in &self.settings {
            command.args(["--set", &format!("{key}={value}")]);
        }
        command.env("EMBOFLOW_LOG", self.level);
        // A service that aborts for a test need not leave a picture of its memory.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        self.child = Some(command.spawn().expect("the program is built"));
    }

    fn command(&self) -> Command {
        let program = programs::folder().join(self.program);
        let Some(entrance) = &self.entrance else { return Command::new(program) };
        let [first, others @ ..] = entrance.words();
        let mut command = Command::new(first);
        command.args(others).arg(program);
        command
    }

    /// Ends it at once (SIGKILL); nothing happens when it is dead already.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("a child can be killed");
        }
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    pub async fn stop(&mut self) {
        signal(self.pid().expect("it runs"), "TERM");
        let ended = self.ended().await;
        assert!(ended.success(), "a {} that is asked to end ends well: {ended}", self.program);
    }

    /// Stops it where it is (SIGSTOP), and waits until somebody who asked it has had no answer for a while.
    pub async fn freeze(&self) {
        signal(self.pid().expect("it runs"), "STOP");
        let client = reqwest::Client::builder().timeout(NO_ANSWER).build().expect("plain settings");
        let answer = client.get(format!("{}/health", self.url())).send().await;
        assert!(answer.is_err(), "a stopped {} does not answer", self.program);
    }

    /// Lets it go on after [`Service::freeze`].
    pub fn thaw(&self) {
        signal(self.pid().expect("it runs"), "CONT");
    }

    /// Kills it and starts it again at the same address.
    pub async fn restart(&mut self) {
        self.kill().await;
        self.start().await;
    }

    /// Waits until it has ended by itself, without a deadline.
    pub async fn ended(&mut self) -> ExitStatus {
        let child = self.child.as_mut().expect("it runs");
        let ended = child.wait().await.expect("a child can be waited for");
        self.child = None;
        ended
    }

    /// Whether it runs at this moment.
    pub fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().expect("a child can be asked").is_none())
    }

    /// The last lines of its log, for a failing test.
    pub fn log_tail(&self) -> String {
        let text = self.log_text();
        let lines: Vec<_> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(25)..].join("\n");
        format!("--- {} ---\n{tail}\n", self.program)
    }

    /// All that it has said.
    pub fn log_text(&self) -> String {
        let read = File::open(&self.log).and_then(std::io::read_to_string);
        read.unwrap_or_default()
    }

    fn address_after(&self, from: usize) -> Option<SocketAddr> {
        let text = self.log_text();
        text.get(from..)?.lines().find_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            line["fields"]["address"].as_str()?.parse().ok()
        })
    }
}

/// Sends a signal by name.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = std::process::Command::new("kill").args(["-s", name, &pid.to_string()]).status();
    assert!(sent.is_ok_and(|sent| sent.success()), "{pid} can be sent a signal");
}
