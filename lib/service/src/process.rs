//! The life of a service's own process: arguments, configuration, logging, signals, drain, exit code.

use crate::config::{self, ConfigError};
use crate::{Shutdown, metrics, telemetry, tls};
use serde::de::DeserializeOwned;
use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// How long a stopping service waits for its tasks.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// What a service's command line may hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// `--config FILE`: a TOML file.
    pub file: Option<PathBuf>,
    /// `--set section.key=value`, any number of times.
    pub flags: Vec<(String, String)>,
    /// `--help` was given.
    pub help: bool,
    /// `--version` was given.
    pub version: bool,
    /// `--probe URL`: nothing is started, that address is asked.
    pub probe: Option<String>,
}

impl Arguments {
    /// Reads arguments (without the program's name).
    pub fn read(arguments: impl IntoIterator<Item = String>) -> Result<Self, ConfigError> {
        let refuse = |message: String| Err(ConfigError::Arguments { message });
        let mut read = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--help" | "-h" => read.help = true,
                "--version" | "-V" => read.version = true,
                "--config" | "-c" => match arguments.next() {
                    Some(path) => read.file = Some(path.into()),
                    None => return refuse("--config needs a file".to_owned()),
                },
                "--probe" => match arguments.next() {
                    Some(url) => read.probe = Some(url),
                    None => return refuse("--probe needs a URL".to_owned()),
                },
                "--set" => match arguments.next().as_deref().and_then(|pair| pair.split_once('=')) {
                    Some((key, value)) => read.flags.push((key.to_owned(), value.to_owned())),
                    None => return refuse("--set needs section.key=value".to_owned()),
                },
                other => return refuse(format!("unknown argument {other:?}; see --help")),
            }
        }
        Ok(read)
    }
}

/// Runs a service as this process until a signal or a failure; the whole of its `main`. Exit code 0 after an
/// orderly stop, 2 for a bad configuration, 1 for anything else. With `--probe URL` it only asks ([`crate::probe()`]): 0
/// when all is well there.
pub fn main<C, F, Fut>(service: &'static str, version: &'static str, run: F) -> ExitCode
where
    C: DeserializeOwned,
    F: FnOnce(C, Shutdown) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let config: C = match configure(service, version) {
        Ok(Some(config)) => config,
        Ok(None) => return ExitCode::SUCCESS,
        Err(Refused { why, code }) => {
            let _nobody_reads = writeln!(std::io::stderr(), "{service}: {why}");
            return ExitCode::from(code);
        }
    };
    telemetry::init(service);
    tls::install();
    metrics::announce(service, version);
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(live(service, version, config, run)),
        Err(error) => {
            tracing::error!(%error, "cannot start the async runtime");
            ExitCode::FAILURE
        }
    }
}

/// Why nothing is started, and the exit code that says so.
struct Refused {
    why: String,
    code: u8,
}

impl From<ConfigError> for Refused {
    fn from(error: ConfigError) -> Self {
        Self { why: error.to_string(), code: 2 }
    }
}

fn configure<C: DeserializeOwned>(service: &str, version: &str) -> Result<Option<C>, Refused> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    if let Some(url) = &arguments.probe {
        return crate::probe(url).map(|_| None).map_err(|why| Refused { why, code: 1 });
    }
    if arguments.help || arguments.version {
        let usage = "[--config FILE.toml] [--set section.key=value]…  (or EMBOFLOW__SECTION__KEY=value)";
        let text = if arguments.help { usage } else { version };
        let _nobody_reads = writeln!(std::io::stdout(), "{service} {text}");
        return Ok(None);
    }
    Ok(Some(config::load(arguments.file.as_deref(), config::environment(), arguments.flags)?))
}

async fn live<C, F, Fut>(service: &str, version: &str, config: C, run: F) -> ExitCode
where
    F: FnOnce(C, Shutdown) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let shutdown = match Shutdown::on_signals() {
        Ok(shutdown) => shutdown,
        Err(error) => {
            tracing::error!(%error, "cannot listen for signals");
            return ExitCode::FAILURE;
        }
    };
    tracing::info!(service, version, pid = std::process::id(), "starting");
    let outcome = run(config, shutdown.clone()).await;
    if let Err(error) = &outcome {
        tracing::error!("{service} failed: {error:#}");
    }
    let drained = shutdown.drain(DRAIN_TIMEOUT).await;
    match (outcome, drained.failure) {
        (Ok(()), None) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &[&str]) -> Result<Arguments, String> {
        Arguments::read(list.iter().map(|text| (*text).to_owned())).map_err(|error| error.to_string())
    }

    #[test]
    fn a_command_line_names_a_file_and_single_settings() {
        let arguments = read(&["--config", "a.toml", "--set", "s.k=v=w", "--set", "x="]).unwrap();
        assert_eq!(arguments.file, Some("a.toml".into()));
        assert_eq!(arguments.flags, [("s.k".into(), "v=w".into()), ("x".into(), String::new())]);
    }

    #[test]
    fn a_command_line_that_is_not_understood_is_refused() {
        assert_eq!(read(&["--confg"]).unwrap_err(), "unknown argument \"--confg\"; see --help");
        assert_eq!(read(&["--set", "k"]).unwrap_err(), "--set needs section.key=value");
        assert_eq!(read(&["--config"]).unwrap_err(), "--config needs a file");
        assert_eq!(read(&["--probe"]).unwrap_err(), "--probe needs a URL");
    }
}
