//! A nats-server for the bare programs, with the settings that `emboflow up` gives its own.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use emboflow_bus::server::{ServerOptions, ports_of, server_config};
use tokio::process::{Child, Command};

const UP_WITHIN: Duration = Duration::from_secs(10);

/// A server that ends with the value.
pub(crate) struct NatsServer {
    process: Child,
    url: String,
}

impl NatsServer {
    pub(crate) async fn start(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        let options = ServerOptions {
            ports_dir: Some(folder.to_owned()),
            log_file: Some(folder.join("nats.log")),
            ..ServerOptions::new(folder.join("jetstream"))
        };
        let config = folder.join("nats.conf");
        std::fs::write(&config, server_config(&options))
            .context("writing the configuration of nats-server")?;
        let mut command = Command::new(program);
        command.arg("-c").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let process = command.spawn().with_context(|| format!("starting {}", program.display()))?;
        let pid = process.id().context("nats-server ended at once")?;
        let until = Instant::now() + UP_WITHIN;
        loop {
            if let Some(ports) = ports_of(folder, pid) {
                return Ok(Self { process, url: format!("nats://127.0.0.1:{}", ports.client) });
            }
            if Instant::now() > until {
                bail!("nats-server does not listen; see {}", folder.join("nats.log").display());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn connect(&self) -> anyhow::Result<async_nats::Client> {
        options().connect(&self.url).await.context("connecting to the bare nats-server")
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.process.kill().await.context("stopping nats-server")
    }
}

/// Room for a burst: a watcher that falls behind for a moment loses nothing.
pub(crate) fn options() -> async_nats::ConnectOptions {
    async_nats::ConnectOptions::new().subscription_capacity(1 << 20).client_capacity(1 << 16)
}
