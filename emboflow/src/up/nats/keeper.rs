//! The thread that starts nats-server, waits for its end, and starts it again on the same port.

use std::fs::File;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use emboflow_bus::server::{ServerOptions, ports_of, server_config};
use rustix::process::Signal;
use tokio::process::Child;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{Settings, child, orphan, writing};
use crate::nats_users::USERS_CONF;
use crate::private_file;
use crate::process::Identity;

/// How long the server may take until it listens.
const UP_WITHIN: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// How long it may take to end before it is killed.
const DOWN_WITHIN: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Who ran for so long did not fall at once.
const STEADY: Duration = Duration::from_secs(10);
/// Lines of the server's log in an error.
const LOG_LINES: usize = 8;

struct Running {
    child: Child,
    identity: Option<Identity>,
    port: u16,
    monitor_port: Option<u16>,
}

/// Why the keeper no longer waits for the server.
enum End {
    /// It was told to.
    Asked,
    /// The server has ended by itself.
    Fallen(ExitStatus),
    /// The server was ended because it refuses what its disk has room for again; its words.
    Refusing(String),
}

/// The body of the thread; ends with `stop`, or when the first start fails. `ready` hears of the first start.
pub(super) fn live(settings: Settings, stop: CancellationToken, ready: oneshot::Sender<anyhow::Result<u16>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.context("starting the runtime that keeps nats-server") {
        Ok(runtime) => runtime.block_on(keep(settings, stop, ready)),
        Err(error) => drop(ready.send(Err(error))),
    }
}

async fn keep(mut settings: Settings, stop: CancellationToken, ready: oneshot::Sender<anyhow::Result<u16>>) {
    let mut ready = Some(ready);
    let mut pause = PAUSE_MIN;
    loop {
        let since = Instant::now();
        match (launch(&settings).await, ready.take()) {
            (Ok(running), ready) => {
                settings.port = running.port;
                if let Some(ready) = ready {
                    drop(ready.send(Ok(running.port)));
                }
                match watch(running, &settings.dir, &stop).await {
                    End::Asked => return orphan::forget(&settings.dir),
                    End::Fallen(status) => {
                        tracing::error!(%status, port = settings.port, "nats-server has fallen; starting it again");
                    }
                    End::Refusing(said) => {
                        tracing::warn!(
                            said,
                            "nats-server takes no more messages although there is space; started again"
                        );
                    }
                }
            }
            (Err(error), Some(ready)) => return drop(ready.send(Err(error))),
            (Err(error), None) => tracing::error!("nats-server does not start again: {error:#}"),
        }
        pause = if since.elapsed() >= STEADY { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) };
        tokio::select! {
            () = stop.cancelled() => return orphan::forget(&settings.dir),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Waits for the server's end, or brings it about.
async fn watch(mut running: Running, dir: &Path, stop: &CancellationToken) -> End {
    let refusing = writing::refused(running.monitor_port, dir);
    let why = tokio::select! {
        ended = running.child.wait() => return End::Fallen(ended.unwrap_or_default()),
        () = stop.cancelled() => End::Asked,
        said = refusing => End::Refusing(said),
    };
    if let Some(identity) = running.identity {
        identity.signal(Signal::TERM);
    }
    if tokio::time::timeout(DOWN_WITHIN, running.child.wait()).await.is_err() {
        tracing::warn!("nats-server does not end; killing it");
        let _ended_meanwhile = running.child.kill().await;
    }
    why
}

async fn launch(settings: &Settings) -> anyhow::Result<Running> {
    let ports = settings.dir.join("ports");
    private_file::make_folder(&ports)?;
    forget_ports(&ports);
    let config = settings.dir.join("nats.conf");
    let log = settings.log_dir.join("nats-server.log");
    let options = ServerOptions {
        port: settings.port,
        monitor_port: Some(0),
        users_file: Some(USERS_CONF.to_owned()),
        ports_dir: Some(ports.clone()),
        log_file: Some(log.clone()),
        ..ServerOptions::new(settings.dir.join("jetstream"))
    };
    private_file::replace(&config, server_config(&options).as_bytes())?;
    // Before it has read its configuration the server speaks here.
    let first_words = settings.log_dir.join("nats-server.start.log");
    let said = File::create(&first_words).with_context(|| format!("making {}", first_words.display()))?;
    let said_too = said.try_clone().context("sharing a file handle")?;
    let mut child = child::command(&settings.program)
        .arg("-c")
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(said)
        .stderr(said_too)
        .spawn()
        .context("starting nats-server")?;
    let identity = child.id().and_then(Identity::of);
    orphan::note(&settings.dir, identity)?;
    let until = Instant::now() + UP_WITHIN;
    loop {
        let pid = child.id().unwrap_or_default();
        if let Some(ports) = ports_of(&ports, pid) {
            return Ok(Running { child, identity, port: ports.client, monitor_port: ports.monitor });
        }
        if let Some(status) = child.try_wait().context("looking after nats-server")? {
            let said = last_lines(&[&first_words, &log]);
            bail!("nats-server ended at its start ({status}){said}");
        }
        if Instant::now() >= until {
            let _ended_meanwhile = child.kill().await;
            bail!("nats-server did not listen within {} s{}", UP_WITHIN.as_secs(), last_lines(&[&log]));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// A server that was killed leaves its file behind, and pids come again.
fn forget_ports(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let _somebody_else_did = std::fs::remove_file(entry.path());
    }
}

fn last_lines(files: &[&Path]) -> String {
    let text: String = files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect();
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
    if last.is_empty() { String::new() } else { format!("; it said:\n  {}", last.join("\n  ")) }
}
