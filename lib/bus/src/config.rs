//! How to reach NATS.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

/// Where NATS is and who we are there.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// One address or several with commas between: `nats://127.0.0.1:4222`, `tls://nats.example.org:4222`.
    #[serde(serialize_with = "cleaned")]
    pub url: String,
    /// Name of this process in NATS' connection lists, such as `emboflow-scheduler`.
    pub name: String,
    /// User; needs `password` or `nkey_file`. With a key it is the name under which `emboflow nats user add` made it,
    /// and by default the name of the file without what follows its last dot.
    pub user: Option<String>,
    /// The user's password.
    #[serde(serialize_with = "masked")]
    #[schemars(extend("format" = "secret"))]
    pub password: Option<String>,
    /// File with the user's seed, as `emboflow nats user add` writes it, instead of a password.
    pub nkey_file: Option<PathBuf>,
    /// A `.creds` file (user JWT and key) instead of user and password.
    pub credentials_file: Option<PathBuf>,
    /// PEM file with the authorities that may have signed the server's certificate; none = those of the system. With it
    /// every address must be `tls://`, so that nothing is ever sent in the clear.
    pub ca_file: Option<PathBuf>,
    /// PEM file with this client's own certificate; needs `client_key_file`.
    pub client_cert_file: Option<PathBuf>,
    /// PEM file with the key of `client_cert_file`.
    pub client_key_file: Option<PathBuf>,
    /// How long an operation waits for a lost connection to come back before it fails as unavailable.
    #[serde(skip, default = "default_connect_wait")]
    pub connect_wait: Duration,
    /// How long an operation waits for the server's answer.
    #[serde(skip, default = "default_answer_wait")]
    pub answer_wait: Duration,
}

/// Written down without what stands before an `@`.
fn cleaned<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&without_password(url))
}

/// Written down as a mask.
fn masked<S: Serializer>(password: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    password.as_ref().map(|_| "[secret]").serialize(serializer)
}

fn default_connect_wait() -> Duration {
    Duration::from_secs(2)
}

fn default_answer_wait() -> Duration {
    Duration::from_secs(5)
}

impl Default for Config {
    /// `nats://127.0.0.1:4222` without credentials; waits 2 s for a connection and 5 s for an answer.
    fn default() -> Self {
        Self {
            url: "nats://127.0.0.1:4222".to_owned(),
            name: "emboflow".to_owned(),
            user: None,
            password: None,
            nkey_file: None,
            credentials_file: None,
            ca_file: None,
            client_cert_file: None,
            client_key_file: None,
            connect_wait: default_connect_wait(),
            answer_wait: default_answer_wait(),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("url", &without_password(&self.url))
            .field("name", &self.name)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("nkey_file", &self.nkey_file)
            .field("credentials_file", &self.credentials_file)
            .field("ca_file", &self.ca_file)
            .field("client_cert_file", &self.client_cert_file)
            .field("client_key_file", &self.client_key_file)
            .field("connect_wait", &self.connect_wait)
            .field("answer_wait", &self.answer_wait)
            .finish()
    }
}

/// The addresses without what stands before an `@`, fit for logs and errors.
pub(crate) fn without_password(url: &str) -> String {
    let one = |url: &str| match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => url.to_owned(),
    };
    url.split(',').map(|url| one(url.trim())).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_shows_in_debug_output() {
        let config = Config {
            url: "nats://me:hush@127.0.0.1:4222".to_owned(),
            password: Some("hush".to_owned()),
            ..Config::default()
        };
        let text = format!("{config:?}");
        assert!(!text.contains("hush") && text.contains("nats://127.0.0.1:4222"), "{text}");
    }

    #[test]
    fn every_address_of_a_list_is_cleaned() {
        assert_eq!(without_password("nats://a:b@x:1, nats://y:2,c@z:3"), "nats://x:1,nats://y:2,z:3");
    }
}
