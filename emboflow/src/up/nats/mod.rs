//! The child nats-server: on loopback, with its own directory, restarted where it was when it falls.

pub(crate) mod child;
mod keeper;
mod logins;
mod orphan;
mod program;
mod writing;

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use anyhow::Context;
use rustix::process::Signal;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

pub(crate) use logins::{Logins, key_file, prepare_logins};
pub(crate) use program::{MIN_VERSION, find, version};

use crate::private_file;

/// The user of the machine's own clients, who shows a password.
pub(crate) const USER: &str = "emboflow";

/// What the server is started with.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The program.
    pub(crate) program: PathBuf,
    /// Configuration, streams, and who runs.
    pub(crate) dir: PathBuf,
    /// Where its logs go.
    pub(crate) log_dir: PathBuf,
    /// Port for clients; 0 = any free one.
    pub(crate) port: u16,
}

/// Tells the server that uses this directory to read its configuration again, and gives its pid; none runs otherwise.
pub(crate) fn reload(dir: &Path) -> Option<u32> {
    let server = orphan::noted(dir).filter(|server| server.runs())?;
    server.signal(Signal::HUP);
    Some(server.pid)
}

/// A server that listens, and is kept so.
pub(crate) struct NatsServer {
    port: u16,
    stop: CancellationToken,
    keeper: JoinHandle<()>,
}

impl NatsServer {
    /// Waits until a server that a killed process left behind is gone, then starts one and waits until it listens.
    pub(crate) async fn start(settings: Settings) -> anyhow::Result<Self> {
        private_file::make_folder(&settings.dir)?;
        orphan::wait_until_gone(&settings.dir).await?;
        let stop = CancellationToken::new();
        let (ready, listens) = oneshot::channel();
        let stop_keeper = stop.clone();
        // The server dies with the thread that started it: this one lives until the server is to end.
        let keeper = std::thread::Builder::new()
            .name("nats-keeper".to_owned())
            .spawn(move || keeper::live(settings, stop_keeper, ready))
            .context("starting the thread that keeps nats-server")?;
        let port = listens.await.context("waiting for nats-server")??;
        Ok(Self { port, stop, keeper })
    }

    /// Its address without credentials.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends the server in order and waits until it has ended.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let keeper = self.keeper;
        if !matches!(tokio::task::spawn_blocking(move || keeper.join()).await, Ok(Ok(()))) {
            tracing::error!("the thread that keeps nats-server has panicked");
        }
    }
}
