//! Where the server is: as the command line or the environment says, as `up.json` of a data directory says, or as the
//! context in use says – in this order.

use std::path::PathBuf;

use anyhow::Context as _;
use reqwest::Url;

use crate::context::Contexts;
use crate::failure::Failure;
use crate::up_json::{self, UpJson};

/// The project of a fresh installation.
pub(crate) const DEFAULT_PROJECT: &str = "default";

/// What was said about the server.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Its address.
    pub(crate) server: Option<String>,
    /// Its bearer token.
    pub(crate) token: Option<String>,
    /// The file that has it.
    pub(crate) token_file: Option<PathBuf>,
    /// The context that was asked for.
    pub(crate) context: Option<String>,
    /// The data directory of an `emboflow up`.
    pub(crate) data_dir: PathBuf,
    /// The data directory was asked for: no context stands in for it.
    pub(crate) data_dir_is_told: bool,
    /// The project that was asked for.
    pub(crate) project: Option<String>,
    /// The contexts of this user.
    pub(crate) contexts: Option<Contexts>,
}

/// A server's address, as it is right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) base: Url,
    pub(crate) credential: Option<Credential>,
    pub(crate) project: String,
    /// Who told it.
    pub(crate) by: By,
}

/// How a request shows who asks.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A key or token.
    Bearer(String),
    /// `name=value` of a session's cookie.
    Session(String),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bearer(_) => "Bearer(…)",
            Self::Session(_) => "Session(…)",
        })
    }
}

/// What the address of a server comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The command line or the environment.
    Name,
    /// The `up.json` of a data directory.
    DataDir,
    /// A context.
    Context(String),
}

impl Target {
    /// Looks; an `emboflow up` that was started anew may be somewhere else than before.
    pub(crate) fn find(&self) -> Result<Found, Failure> {
        let project = |of_context: Option<String>| {
            self.project.clone().or(of_context).unwrap_or_else(|| DEFAULT_PROJECT.to_owned())
        };
        if let Some(server) = &self.server {
            let credential = self.told()?;
            return Ok(Found { base: base(server)?, credential, project: project(None), by: By::Name });
        }
        if let Some(name) = &self.context {
            return self.by_context(name);
        }
        if let Some(up) = UpJson::read(&self.data_dir)? {
            let credential = Some(self.told()?.unwrap_or(Credential::Bearer(up.token)));
            return Ok(Found {
                base: base(&up.api_url)?,
                credential,
                project: project(None),
                by: By::DataDir,
            });
        }
        if !self.data_dir_is_told
            && let Some(contexts) = &self.contexts
            && let Some(name) = contexts.in_use()?
        {
            return self.by_context(&name);
        }
        let place = self.data_dir.join(up_json::NAME);
        Err(Failure::NoServer(format!("no EmboFlow runs here: there is no {}", place.display())))
    }

    fn told(&self) -> Result<Option<Credential>, Failure> {
        let token = match (&self.token, &self.token_file) {
            (Some(token), _) => Some(token.clone()),
            (None, Some(file)) => {
                let text = std::fs::read_to_string(file);
                Some(text.with_context(|| format!("reading the token in {}", file.display()))?)
            }
            (None, None) => None,
        };
        Ok(token.map(|token| Credential::Bearer(token.trim().to_owned())))
    }

    fn by_context(&self, name: &str) -> Result<Found, Failure> {
        let contexts = self.contexts.clone().map_or_else(Contexts::needed, Ok)?;
        let context = contexts.find(name)?;
        let kept = context.key.map(Credential::Bearer).or(context.session.map(Credential::Session));
        Ok(Found {
            base: base(&context.server)?,
            credential: self.told()?.or(kept),
            project: self.project.clone().or(context.project).unwrap_or_else(|| DEFAULT_PROJECT.to_owned()),
            by: By::Context(name.to_owned()),
        })
    }
}

/// The address with a slash at the end, so that paths are put behind it.
pub(crate) fn base(text: &str) -> Result<Url, Failure> {
    let with_slash = if text.ends_with('/') { text.to_owned() } else { format!("{text}/") };
    match Url::parse(&with_slash) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => Err(Failure::usage(format!("'{text}' is no address of a server such as http://127.0.0.1:8080"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;

    fn target(data_dir: &std::path::Path) -> Target {
        Target {
            server: None,
            token: None,
            token_file: None,
            context: None,
            data_dir: data_dir.to_owned(),
            data_dir_is_told: false,
            project: None,
            contexts: None,
        }
    }

    fn bearer(token: &str) -> Option<Credential> {
        Some(Credential::Bearer(token.to_owned()))
    }

    fn write_up(folder: &std::path::Path) {
        let up = serde_json::json!({
            "api_url": "http://127.0.0.1:1", "page_url": "", "nats_url": "", "nats_user": "", "nats_password": "",
            "token": "of-up", "pid": 1,
        });
        std::fs::write(folder.join("up.json"), up.to_string()).unwrap();
    }

    #[test]
    fn a_named_server_wins_over_the_data_directory() {
        let folder = tempfile::tempdir().unwrap();
        write_up(folder.path());
        let found = target(folder.path()).find().unwrap();
        assert_eq!((found.base.as_str(), found.credential), ("http://127.0.0.1:1/", bearer("of-up")));
        assert_eq!((found.project.as_str(), found.by), ("default", By::DataDir));
        let named = Target { server: Some("https://e.example/flow".to_owned()), ..target(folder.path()) };
        let found = named.find().unwrap();
        assert_eq!((found.base.as_str(), found.credential), ("https://e.example/flow/", None));
    }

    #[test]
    fn the_context_in_use_is_for_where_no_installation_is_and_a_named_one_for_everywhere() {
        let (folder, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let contexts = Contexts::below(home.path());
        let context = Context {
            project: Some("arm".to_owned()),
            key: Some("emb_x".to_owned()),
            ..Context::of("https://lab.example")
        };
        contexts.keep("lab", &context).unwrap();
        contexts.take_into_use("lab").unwrap();
        let here = Target { contexts: Some(contexts), ..target(folder.path()) };
        let found = here.find().unwrap();
        assert_eq!((found.credential, found.project.as_str()), (bearer("emb_x"), "arm"));
        assert_eq!(found.by, By::Context("lab".to_owned()));
        let other = Target { project: Some("leg".to_owned()), token: Some("t".to_owned()), ..here.clone() };
        let found = other.find().unwrap();
        assert_eq!((found.credential, found.project.as_str()), (bearer("t"), "leg"));
        let told = Target { data_dir_is_told: true, ..here.clone() };
        assert!(matches!(told.find(), Err(Failure::NoServer(_))));
        write_up(folder.path());
        assert_eq!(here.find().unwrap().by, By::DataDir);
        let asked = Target { context: Some("lab".to_owned()), ..here };
        assert_eq!(asked.find().unwrap().base.as_str(), "https://lab.example/");
    }

    #[test]
    fn nothing_found_and_a_bad_address_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(target(folder.path()).find(), Err(Failure::NoServer(_))));
        let named = Target { server: Some("localhost:8080".to_owned()), ..target(folder.path()) };
        assert!(matches!(named.find(), Err(Failure::Usage(_))));
    }
}
