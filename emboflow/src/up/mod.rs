//! `emboflow up`: every service in this process, nats-server as its child, one data directory. It dies as one.

mod banner;
pub(crate) mod data_dir;
pub(crate) mod nats;
pub(crate) mod secrets;
mod services;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use emboflow_service::telemetry::LogFile;
use emboflow_service::{Shutdown, telemetry, tls};

use crate::failure::Failure;
use crate::output::Output;
use crate::up_json::UpJson;
use banner::Banner;
use data_dir::DataDir;
use nats::{Logins, NatsServer};
use secrets::Secrets;
use services::{Plan, Services};

/// A server that falls, and one that is stopped, is told of once and by its keeper.
const HUSHED: [&str; 2] = ["emboflow_bus::connection", "async_nats"];

/// Runs the whole platform on this machine until Ctrl-C
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where the API and the page are served; port 0 picks a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// Port of NATS on 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) nats_port: u16,
    /// Subject of other systems that triggers listen to, and that this machine's clients may publish to; may be repeated
    #[arg(long = "nats-subject", value_name = "SUBJECT", value_parser = foreign_subject)]
    pub(crate) nats_subjects: Vec<String>,
    /// The nats-server program [default: the one on the PATH]
    #[arg(long, value_name = "FILE", env = "EMBOFLOW_NATS_BIN", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) nats_bin: Option<PathBuf>,
    /// Keep the records in this MongoDB, as the database `emboflow` [default: an SQLite file in the data directory]
    #[arg(long, value_name = "URI", env = "EMBOFLOW_MONGO_URI", hide_env_values = true)]
    pub(crate) mongo_uri: Option<String>,
    /// Days that a finished run is kept, with its logs and artifacts [default: for ever]
    #[arg(long, value_name = "DAYS")]
    pub(crate) keep_runs: Option<u32>,
    /// Send traces to this OTLP receiver [default: nowhere]
    #[arg(long, value_name = "URL", env = "EMBOFLOW_OTLP_ENDPOINT")]
    pub(crate) otlp_endpoint: Option<String>,
    /// What carries out tasks
    #[arg(long, value_enum, default_value_t = Runtime::Docker)]
    pub(crate) runtime: Runtime,
    /// The Docker engine for tasks
    #[arg(long, value_name = "unix://SOCKET", env = "DOCKER_HOST")]
    pub(crate) docker_host: Option<String>,
}

/// The first address of a host.
fn address(text: &str) -> Result<SocketAddr, String> {
    let mut addresses = text.to_socket_addrs().map_err(|error| error.to_string())?;
    addresses.next().ok_or_else(|| "that host has no address".to_owned())
}

/// A subject that is not the platform's.
fn foreign_subject(text: &str) -> Result<String, String> {
    let is_foreign = emboflow_protocol::rights::is_foreign_subject(text);
    is_foreign.then(|| text.to_owned()).ok_or_else(|| {
        "its first part has to be a word, and neither `emboflow` nor one of NATS' own".to_owned()
    })
}

/// What carries out tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runtime {
    /// Containers of a Docker engine
    Docker,
    /// No containers at all: tasks only seem to run, for load and tests
    Simulated,
}

/// Runs until a signal. Errors: it cannot start, or a service failed.
pub(crate) async fn up(options: &Options, data_dir: &Path, output: &mut Output) -> Result<(), Failure> {
    let data = DataDir::open(data_dir)?;
    let _lock = data.lock().await?;
    let logs = data.folder("logs")?;
    let log = LogFile::open(&logs.join("emboflow.log")).context("opening the log")?;
    telemetry::init_with_file("emboflow", log, &HUSHED);
    tls::install();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "starting");
    // One that a killed process left behind must not send clients astray.
    UpJson::remove(data.path())?;
    let secrets = Secrets::kept(&data.path().join("secrets.json"))?;
    let shutdown = Shutdown::on_signals().context("listening for signals")?;

    let nats = tokio::select! {
        nats = start_nats(options, &data, &secrets, logs) => nats?,
        () = shutdown.cancelled() => return Ok(()),
    };
    let outcome = serve(options, &data, &secrets, &nats, &shutdown, output).await;
    nats.stop().await;
    tracing::info!("stopped");
    outcome
}

async fn start_nats(
    options: &Options,
    data: &DataDir,
    secrets: &Secrets,
    log_dir: PathBuf,
) -> anyhow::Result<NatsServer> {
    let program = nats::find(options.nats_bin.as_deref())?;
    nats::version(&program).await?;
    let settings =
        nats::Settings { program, dir: data.path().join("nats"), log_dir, port: options.nats_port };
    let logins = Logins {
        password: &secrets.nats_password,
        executor: svc_executor::id_of(&data.folder("executor")?)?,
        pool: svc_executor::Config::default().pool.parse().context("reading the name of the pool")?,
        subjects: &options.nats_subjects,
    };
    nats::prepare_logins(&settings.dir, logins)?;
    NatsServer::start(settings).await
}

async fn serve(
    options: &Options,
    data: &DataDir,
    secrets: &Secrets,
    nats: &NatsServer,
    shutdown: &Shutdown,
    output: &mut Output,
) -> Result<(), Failure> {
    let page_code = secrets::random();
    let plan = Plan { options, data, secrets, nats_url: nats.url(), page_code: page_code.clone() };
    let mut services = Services::default();
    let started = tokio::select! {
        started = services.start(plan) => started.map(Some),
        // Half-started services are stopped like whole ones.
        () = shutdown.cancelled() => Ok(None),
    };
    let outcome = match started {
        Ok(Some(address)) => {
            let up = up_json(reachable(address), nats.url(), secrets, &page_code);
            let outcome = announce(options, data, &up, output).await;
            if outcome.is_ok() {
                services.until_the_end(shutdown).await;
                output.message("stopping; what runs in containers goes on");
            }
            outcome.and(UpJson::remove(data.path()).map_err(Failure::from))
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error.into()),
    };
    let failure = services.stop().await;
    match (outcome, failure) {
        (Ok(()), Some(failure)) => Err(anyhow::anyhow!("a service failed: {failure}").into()),
        (outcome, _) => outcome,
    }
}

async fn announce(
    options: &Options,
    data: &DataDir,
    up: &UpJson,
    output: &mut Output,
) -> Result<(), Failure> {
    let runtime = banner::look_at_runtime(options).await;
    up.write(data.path())?;
    tracing::info!(api = up.api_url, nats = up.nats_url, "ready");
    let banner =
        Banner { up, data: data.path(), runtime: &runtime, is_exposed: !options.listen.ip().is_loopback() };
    output.text(&banner.to_string())?;
    Ok(())
}

fn up_json(api: SocketAddr, nats_url: String, secrets: &Secrets, page_code: &str) -> UpJson {
    let api_url = format!("http://{api}");
    UpJson {
        page_url: format!("{api_url}/session?code={page_code}"),
        api_url,
        nats_url,
        nats_user: nats::USER.to_owned(),
        nats_password: secrets.nats_password.clone(),
        token: secrets.api_token.clone(),
        pid: std::process::id(),
    }
}

/// Where a client of this machine reaches what listens on every address.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_be_a_name_and_what_is_no_address_is_refused() {
        assert!(address("localhost:0").unwrap().ip().is_loopback());
        assert_eq!(address("10.0.0.1:2").unwrap().to_string(), "10.0.0.1:2");
        for bad in ["8080", "localhost", "127.0.0.1:99999", ":"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn who_listens_everywhere_is_reached_on_loopback() {
        assert_eq!(reachable("0.0.0.0:8080".parse().unwrap()).to_string(), "127.0.0.1:8080");
        assert_eq!(reachable("[::]:1".parse().unwrap()).to_string(), "127.0.0.1:1");
        assert_eq!(reachable("10.0.0.1:2".parse().unwrap()).to_string(), "10.0.0.1:2");
    }
}
