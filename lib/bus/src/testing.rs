//! A real nats-server for tests: on loopback, on any free port, in a directory of its own.

mod users;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use emboflow_protocol::stream::StreamSpec;
use serde_json::Value;
use tempfile::TempDir;

use crate::bus::Bus;
use crate::config::Config;
use crate::connection::Connection;
use crate::server::{Ports, ServerOptions, ports_of, server_config};

pub use users::{Refusals, TestUsers};

/// Name of the file with the users of a server that has some.
const USERS_FILE: &str = "users.conf";

/// How long a server may take to come up, and a client to connect to it.
const UP_WITHIN: Duration = Duration::from_secs(60);

/// A running nats-server. It panics with the reason when anything about it fails, and ends when it is dropped.
#[derive(Debug)]
pub struct TestServer {
    dir: TempDir,
    options: ServerOptions,
    child: Option<Child>,
    ports: Ports,
}

impl TestServer {
    /// Starts a server without users. Panics when `nats-server` is not on the PATH.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts a server whose options are changed first; directories and ports are set already.
    pub async fn start_with(change: impl FnOnce(&mut ServerOptions)) -> Self {
        let dir = TempDir::with_prefix("emboflow-nats-").expect("a temporary directory can be made");
        let mut options = ServerOptions::new(dir.path().join("store"));
        options.ports_dir = Some(dir.path().to_path_buf());
        options.log_file = Some(dir.path().join("server.log"));
        change(&mut options);
        let mut server = Self { dir, options, child: None, ports: Ports { client: 0, monitor: None } };
        server.launch().await;
        // From now on it comes back where its clients look for it.
        server.options.port = server.ports.client;
        server
    }

    /// Starts a server that lets only these users in, each with its rights.
    pub async fn start_for(users: &TestUsers) -> Self {
        Self::start_for_with(users, |_| {}).await
    }

    /// [`TestServer::start_for`] with options that are changed first.
    pub async fn start_for_with(users: &TestUsers, change: impl FnOnce(&mut ServerOptions)) -> Self {
        Self::start_with(|options| {
            users.write(&options.ports_dir.as_ref().expect("it is set").join(USERS_FILE));
            options.users_file = Some(USERS_FILE.to_owned());
            change(options);
        })
        .await
    }

    /// Lets it read its users anew (SIGHUP), as `emboflow nats config` does.
    pub fn reload(&self, users: &TestUsers) {
        users.write(&self.dir.path().join(USERS_FILE));
        let pid = self.pid().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-HUP", &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "nats-server {pid} can be sent a signal");
    }

    /// Address without credentials.
    pub fn url(&self) -> String {
        let scheme = if self.options.tls.is_some() { "tls" } else { "nats" };
        format!("{scheme}://{}:{}", self.options.host, self.ports.client)
    }

    /// Port of the monitoring endpoint, if the options asked for one.
    pub fn monitor_port(&self) -> Option<u16> {
        self.ports.monitor
    }

    /// Process id of the running server.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("server.log")).unwrap_or_default()
    }

    /// How to connect to it under a name.
    pub fn config(&self, name: &str) -> Config {
        let (user, password) = self.options.user.clone().unzip();
        Config { url: self.url(), name: name.to_owned(), user, password, ..Config::default() }
    }

    /// How to connect to it as one of its users.
    pub fn config_for(&self, users: &TestUsers, name: &str) -> Config {
        Config { nkey_file: Some(users.key_file(name)), ..self.config(name) }
    }

    /// A connected bus of one of its users; it makes no streams.
    pub async fn bus_for(&self, users: &TestUsers, name: &str) -> Bus {
        connected(&self.config_for(users, name)).await
    }

    /// A connected bus with all streams.
    pub async fn bus(&self, name: &str) -> Bus {
        let bus = self.bare_bus(name).await;
        bus.ensure_streams().await.expect("the streams can be made");
        bus
    }

    /// A connected bus that makes no streams.
    pub async fn bare_bus(&self, name: &str) -> Bus {
        connected(&self.config(name)).await
    }

    /// Lets a stream hold no more than so many bytes, until its settings are brought up to date again.
    pub async fn limit_stream(&self, bus: &Bus, stream: &StreamSpec, max_bytes: u64) {
        let doing = || "limiting a stream".to_owned();
        let info: Value = bus
            .api(&format!("STREAM.INFO.{}", stream.name), &Value::Null, doing())
            .await
            .expect("the stream is there");
        let mut config = info["config"].clone();
        config["max_bytes"] = max_bytes.into();
        let updated = bus.api::<_, Value>(&format!("STREAM.UPDATE.{}", stream.name), &config, doing()).await;
        updated.expect("the server takes the limit");
    }

    /// Kills it (SIGKILL) and waits until it is gone. Nothing happens when it is dead already.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it (SIGSTOP): it takes what is sent, and answers nothing until it is killed.
    pub fn freeze(&self) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        let stopped = Command::new("kill").args(["-STOP", &pid]).status().expect("there is a kill");
        assert!(stopped.success(), "nats-server cannot be stopped");
    }

    /// Starts it again on the same port with what is on its disk; kills it first if it runs.
    pub async fn restart(&mut self) {
        self.kill();
        self.launch().await;
    }

    /// Kills it, throws all its data away and starts it again on the same port.
    pub async fn empty(&mut self) {
        self.kill();
        let store = &self.options.store_dir;
        std::fs::remove_dir_all(store).expect("the store can be removed");
        self.launch().await;
    }

    async fn launch(&mut self) {
        let config = self.dir.path().join("nats.conf");
        std::fs::write(&config, server_config(&self.options)).expect("the configuration can be written");
        let child = spawn(&config);
        let pid = child.id();
        self.child = Some(child);
        let deadline = Instant::now() + UP_WITHIN;
        loop {
            if let Some(ports) = ports_of(self.dir.path(), pid) {
                self.ports = ports;
                return;
            }
            let child = self.child.as_mut().expect("it was just started");
            if let Ok(Some(status)) = child.try_wait() {
                panic!("nats-server ended at its start ({status}):\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "nats-server does not come up:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn connected(config: &Config) -> Bus {
    let bus = Bus::connect(config).await.expect("the configuration is valid");
    let mut connection = bus.connection();
    let connected = connection.wait_for(|state| *state == Connection::Connected);
    tokio::time::timeout(UP_WITHIN, connected)
        .await
        .expect("the server takes connections")
        .expect("the client lives");
    bus
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(config: &Path) -> Child {
    let started = Command::new("nats-server")
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match started {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            panic!("nats-server is missing: run `make setup`")
        }
        Err(error) => panic!("nats-server cannot be started: {error}"),
    }
}
