//! `emboflow config …`: what services are configured to, and whether a file is right. Works on files, without a server.

mod reference;
mod service;

use std::path::PathBuf;

use clap::Subcommand;
use emboflow_service::config::{self, Setting};
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::output::Output;
use service::Service;

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Show what a service's configuration comes to; secrets are masked
    Show(Show),
    /// Look whether a configuration file is right, together with the variables of the environment
    Check {
        /// The TOML file
        file: PathBuf,
        /// The service that it is for [default: the one that the file is named after, as in api.toml]
        #[arg(long)]
        service: Option<Service>,
    },
    /// Print every key of every service, as Markdown
    Reference,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// Only this service [default: all that can be read]
    service: Option<Service>,
    /// Its TOML file
    #[arg(long, value_name = "FILE", requires = "service")]
    config: Option<PathBuf>,
    /// A setting of its command line; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair, requires = "service")]
    flags: Vec<(String, String)>,
    /// Also show who set each key: default, file, environment or flag
    #[arg(long)]
    origin: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("it has the form section.key=value")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// A key of one service.
#[derive(Serialize)]
struct Row {
    service: Service,
    #[serde(flatten)]
    setting: Setting,
}

impl Config {
    pub(super) fn carry_out(&self, output: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Show(show) => show.carry_out(output),
            Self::Check { file, service } => check(file, *service, output),
            Self::Reference => Ok(output.text(&reference::markdown())?),
        }
    }
}

impl Show {
    fn carry_out(&self, output: &mut Output) -> Result<(), Failure> {
        let mut rows = Vec::new();
        for service in Service::ALL.iter().filter(|service| self.service.is_none_or(|one| one == **service)) {
            let read = service.settings(self.config.as_deref(), config::environment(), self.flags.clone());
            match read {
                Ok(settings) => {
                    rows.extend(settings.into_iter().map(|setting| Row { service: *service, setting }));
                }
                Err(error) if self.service.is_some() => return Err(Failure::usage(error.to_string())),
                // This machine may be there for another service alone.
                Err(error) => output.message(&format!("{service}: {error}")),
            }
        }
        if rows.is_empty() {
            return Err(Failure::usage("no service is configured here; name one, with --config FILE"));
        }
        self.print(&rows, output)
    }

    fn print(&self, rows: &[Row], output: &mut Output) -> Result<(), Failure> {
        if output.is_for_programs() {
            return Ok(output.json(&rows)?);
        }
        let mut header = vec!["KEY", "VALUE"];
        if self.service.is_none() {
            header.insert(0, "SERVICE");
        }
        if self.origin {
            header.extend(["LAYER", "SET BY"]);
        }
        let line = |row: &Row| {
            let Setting { key, value, layer, place } = &row.setting;
            let mut line = vec![key.clone(), shown(value)];
            if self.service.is_none() {
                line.insert(0, row.service.to_string());
            }
            if self.origin {
                line.extend([layer.to_string(), place.clone()]);
            }
            line
        };
        output.table(&header, rows.iter().map(line).collect())?;
        Ok(())
    }
}

fn check(file: &std::path::Path, service: Option<Service>, output: &mut Output) -> Result<(), Failure> {
    let named = file.file_stem().and_then(|stem| stem.to_str()).and_then(Service::named);
    let service = service.or(named).ok_or_else(|| {
        Failure::usage(format!("{} is not named after a service: add --service NAME", file.display()))
    })?;
    let settings = service
        .settings(Some(file), config::environment(), Vec::new())
        .map_err(|error| Failure::usage(error.to_string()))?;
    let set = settings.iter().filter(|setting| setting.layer != config::Layer::Default).count();
    output.text(&format!("{}: right for {service}; {set} keys are set\n", file.display()))?;
    Ok(())
}

/// A value as a file would have it; nothing for one that is not set.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(","),
        Value::Object(table) if table.is_empty() => String::new(),
        other => other.to_string(),
    }
}
