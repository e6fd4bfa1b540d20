//! Where the server is: as the command line or the environment says, or as `up.json` of a data directory says.

use std::path::PathBuf;

use reqwest::Url;

use crate::failure::Failure;
use crate::up_json::{self, UpJson};

/// What was said about the server.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Its address.
    pub(crate) server: Option<String>,
    /// Its bearer token.
    pub(crate) token: Option<String>,
    /// The data directory of an `emboflow up`.
    pub(crate) data_dir: PathBuf,
    /// The project of the requests.
    pub(crate) project: String,
}

/// A server's address, as it is right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) base: Url,
    pub(super) token: Option<String>,
}

impl Target {
    /// Looks; an `emboflow up` that was started anew may be somewhere else than before.
    pub(super) fn find(&self) -> Result<Found, Failure> {
        if let Some(server) = &self.server {
            return Ok(Found { base: base(server)?, token: self.token.clone() });
        }
        let Some(up) = UpJson::read(&self.data_dir)? else {
            let place = self.data_dir.join(up_json::NAME);
            return Err(Failure::NoServer(format!("no EmboFlow runs here: there is no {}", place.display())));
        };
        Ok(Found { base: base(&up.api_url)?, token: Some(self.token.clone().unwrap_or(up.token)) })
    }
}

/// The address with a slash at the end, so that paths are put behind it.
fn base(text: &str) -> Result<Url, Failure> {
    let with_slash = if text.ends_with('/') { text.to_owned() } else { format!("{text}/") };
    match Url::parse(&with_slash) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => Err(Failure::usage(format!("'{text}' is no address of a server such as http://127.0.0.1:8080"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(data_dir: &std::path::Path) -> Target {
        Target { server: None, token: None, data_dir: data_dir.to_owned(), project: "default".to_owned() }
    }

    #[test]
    fn a_named_server_wins_over_the_data_directory() {
        let folder = tempfile::tempdir().unwrap();
        let up = serde_json::json!({
            "api_url": "http://127.0.0.1:1", "page_url": "", "nats_url": "", "nats_user": "", "nats_password": "",
            "token": "of-up", "pid": 1,
        });
        std::fs::write(folder.path().join("up.json"), up.to_string()).unwrap();
        let found = target(folder.path()).find().unwrap();
        assert_eq!((found.base.as_str(), found.token.as_deref()), ("http://127.0.0.1:1/", Some("of-up")));
        let named = Target { server: Some("https://e.example/flow".to_owned()), ..target(folder.path()) };
        let found = named.find().unwrap();
        assert_eq!((found.base.as_str(), found.token), ("https://e.example/flow/", None));
    }

    #[test]
    fn nothing_found_and_a_bad_address_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(target(folder.path()).find(), Err(Failure::NoServer(_))));
        let named = Target { server: Some("localhost:8080".to_owned()), ..target(folder.path()) };
        assert!(matches!(named.find(), Err(Failure::Usage(_))));
    }
}
