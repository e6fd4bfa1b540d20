//! A real nats-server for tests: on loopback, on any free port, in a directory of its own.

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

    /// Address without credentials.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.ports.client)
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

    /// A connected bus with all streams.
    pub async fn bus(&self, name: &str) -> Bus {
        let bus = self.bare_bus(name).await;
        bus.ensure_streams().await.expect("the streams can be made");
        bus
    }

    /// A connected bus that makes no streams.
    pub async fn bare_bus(&self, name: &str) -> Bus {
        let bus = Bus::connect(&self.config(name)).await.expect("the configuration is valid");
        let mut connection = bus.connection();
        let connected = connection.wait_for(|state| *state == Connection::Connected);
        tokio::time::timeout(UP_WITHIN, connected)
            .await
            .expect("the server takes connections")
            .expect("the client lives");
        bus
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
