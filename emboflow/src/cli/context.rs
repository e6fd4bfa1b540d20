//! `emboflow context list|use|add|remove`

use clap::Subcommand;
use emboflow_model::Timestamp;
use serde::Serialize;

use super::Shared;
use super::secret_input::{self, From};
use crate::client::{self, By, Found};
use crate::context::{Context, Contexts};
use crate::failure::Failure;
use crate::output::{Colour, Output};
use crate::text;

#[derive(Debug, Subcommand)]
pub(crate) enum Commands {
    /// List the contexts
    #[command(visible_alias = "ls")]
    List,
    /// Take a context into use: commands go to its server, except in the folder of an installation
    Use {
        /// The context
        name: String,
    },
    /// Keep a server under a name; `emboflow login` does so too, and signs in
    Add(Add),
    /// Forget a context; `emboflow logout` ends its session first
    #[command(visible_alias = "rm")]
    Remove {
        /// The context
        name: String,
    },
}

/// Keep a server.
#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// The context
    name: String,
    /// File with an API key or token (- reads standard input)
    #[arg(long, value_name = "FILE")]
    key_file: Option<std::path::PathBuf>,
}

/// A context as it is listed; what signs in stays where it is.
#[derive(Serialize)]
struct Row {
    name: String,
    /// Commands in this folder go to it.
    in_use: bool,
    server: String,
    project: Option<String>,
    user: Option<String>,
    is_signed_in: bool,
    expires_at: Option<Timestamp>,
}

impl Commands {
    pub(super) fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let contexts = Contexts::needed()?;
        match self {
            Self::List => list(&contexts, shared, output),
            Self::Use { name } => {
                contexts.take_into_use(name)?;
                output.message(&format!("context {name} is in use"));
                warn_of_the_folder(shared, output);
                Ok(())
            }
            Self::Add(add) => add.carry_out(&contexts, shared, output),
            Self::Remove { name } => {
                if !contexts.remove(name)? {
                    contexts.find(name)?;
                }
                output.message(&format!("context {name} is forgotten"));
                Ok(())
            }
        }
    }
}

impl Add {
    fn carry_out(&self, contexts: &Contexts, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let target = shared.target();
        let Some(server) = &target.server else {
            return Err(Failure::usage("say which server: --server URL"));
        };
        let key = match &self.key_file {
            Some(file) => Some(secret_input::read(&From::File(file), "key")?),
            None => target.token.clone(),
        };
        let server = client::base(server)?.as_str().trim_end_matches('/').to_owned();
        let context = Context { project: target.project.clone(), key, ..Context::of(server) };
        contexts.keep(&self.name, &context)?;
        output
            .message(&format!("context {} is kept; `emboflow context use {0}` takes it into use", self.name));
        Ok(())
    }
}

fn list(contexts: &Contexts, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
    let in_use = match shared.target().find() {
        Ok(Found { by: By::Context(name), .. }) => Some(name),
        _ => None,
    };
    let mut rows = Vec::new();
    for name in contexts.names()? {
        let Context { server, project, user, key, session, expires_at } = contexts.find(&name)?;
        let is_signed_in = key.is_some() || session.is_some();
        let in_use = in_use.as_deref() == Some(&name);
        rows.push(Row { name, in_use, server, project, user, is_signed_in, expires_at });
    }
    if rows.is_empty() && !output.is_for_programs() {
        output.message("no contexts; `emboflow login --server URL` makes one");
    }
    let now = text::now();
    output.list(
        &rows,
        &["", "CONTEXT", "SERVER", "PROJECT", "USER", "SIGN-IN"],
        |row| row.name.clone(),
        |row, output| {
            let mark = if row.in_use { output.paint(Colour::Green, "✓") } else { String::new() };
            let sign_in = match row.expires_at {
                Some(end) if end <= now => output.paint(Colour::Red, "ended"),
                Some(end) => format!("ends in {}", text::duration(end.ms_since(now))),
                None if row.is_signed_in => "with a key".to_owned(),
                None => "none".to_owned(),
            };
            let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
            vec![
                mark,
                row.name.clone(),
                row.server.clone(),
                or_none(&row.project),
                or_none(&row.user),
                sign_in,
            ]
        },
    )?;
    warn_of_the_folder(shared, output);
    Ok(())
}

/// Says when commands go to the folder's own installation all the same.
pub(super) fn warn_of_the_folder(shared: &Shared, output: &mut Output) {
    if !output.is_for_programs() && matches!(shared.target().find(), Ok(Found { by: By::DataDir, .. })) {
        let folder = shared.data_dir().display();
        output.message(&format!(
            "  in this folder commands go to the installation in {folder}; --context NAME goes elsewhere"
        ));
    }
}
