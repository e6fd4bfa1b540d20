//! Who we are to NATS, and how sure we want to be that it is NATS.

use std::path::Path;

use async_nats::ConnectOptions;
use emboflow_model::NatsUserName;
use emboflow_protocol::rights::inbox_prefix;

use crate::config::Config;
use crate::error::BusError;

/// Shows the one kind of credentials that is configured; none is fine where the server asks for none.
pub(crate) async fn show(options: ConnectOptions, config: &Config) -> Result<ConnectOptions, BusError> {
    let kinds = [config.nkey_file.is_some(), config.credentials_file.is_some(), config.password.is_some()];
    if kinds.iter().filter(|given| **given).count() > 1 {
        return Err(refuse("of password, nkey_file and credentials_file only one can be used"));
    }
    if let Some(path) = &config.nkey_file {
        let user = user_of_key(config.user.as_deref(), path)?;
        return Ok(options.nkey(seed(path)?).custom_inbox_prefix(inbox_prefix(&user)));
    }
    if let Some(path) = &config.credentials_file {
        return options.credentials_file(path).await.map_err(|error| {
            refuse(format!("the credentials file {} cannot be used: {error}", path.display()))
        });
    }
    match (&config.user, &config.password) {
        (Some(user), Some(password)) => Ok(options.user_and_password(user.clone(), password.clone())),
        (None, None) => Ok(options),
        (Some(_), None) => Err(refuse("user needs password or nkey_file")),
        (None, Some(_)) => Err(refuse("password needs user")),
    }
}

/// Demands TLS where authorities or a certificate are configured.
pub(crate) fn protect(mut options: ConnectOptions, config: &Config) -> Result<ConnectOptions, BusError> {
    let certificate = match (&config.client_cert_file, &config.client_key_file) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        _ => return Err(refuse("client_cert_file and client_key_file belong together")),
    };
    if config.ca_file.is_none() && certificate.is_none() {
        return Ok(options);
    }
    let files = [&config.ca_file, &config.client_cert_file, &config.client_key_file];
    for path in files.into_iter().flatten() {
        // The client would only say so again and again, while it tries to connect.
        std::fs::File::open(path)
            .map_err(|error| refuse(format!("{} cannot be read: {error}", path.display())))?;
    }
    let is_plain = |url: &str| !url.trim().is_empty() && !url.trim().starts_with("tls://");
    if let Some(plain) = config.url.split(',').find(|url| is_plain(url)) {
        let plain = crate::config::without_password(plain);
        return Err(refuse(format!("{plain} is not encrypted, but certificates are configured: use tls://")));
    }
    options = options.require_tls(true);
    if let Some(path) = &config.ca_file {
        options = options.add_root_certificates(path.clone());
    }
    if let Some((cert, key)) = certificate {
        options = options.add_client_certificate(cert.clone(), key.clone());
    }
    Ok(options)
}

/// The name of a user with a key: as configured, or that of the key's file.
fn user_of_key(user: Option<&str>, path: &Path) -> Result<NatsUserName, BusError> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    NatsUserName::new(user.unwrap_or(stem)).map_err(|error| {
        refuse(format!("user: {error}; it is the name of the user whose key is {}", path.display()))
    })
}

/// The seed in a file: its first line that looks like one, so that decorated files serve too.
fn seed(path: &Path) -> Result<String, BusError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| refuse(format!("the key file {} cannot be read: {error}", path.display())))?;
    // `S` and the kind of the key: a user's.
    let seed = text.lines().map(str::trim).find(|line| line.starts_with("SU"));
    let seed = seed.filter(|seed| is_seed(seed));
    seed.map(str::to_owned).ok_or_else(|| refuse(format!("{} holds no seed of a user", path.display())))
}

fn is_seed(seed: &str) -> bool {
    nkeys::KeyPair::from_seed(seed).is_ok()
}

fn refuse(why: impl Into<String>) -> BusError {
    BusError::Config { why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    async fn refusal(config: Config) -> String {
        let shown = match show(ConnectOptions::new(), &config).await {
            Ok(options) => protect(options, &config),
            Err(error) => Err(error),
        };
        shown.err().map(|error| error.to_string()).unwrap_or_default()
    }

    fn written(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    #[tokio::test]
    async fn a_key_file_names_its_user_and_one_that_is_none_is_refused() {
        let (_dir, path) = written("api.nk", &format!("{}\n", nkeys::KeyPair::new_user().seed().unwrap()));
        assert_eq!(refusal(Config { nkey_file: Some(path.clone()), ..Config::default() }).await, "");
        assert_eq!(user_of_key(None, &path).unwrap().as_str(), "api");
        assert_eq!(user_of_key(Some("other"), &path).unwrap().as_str(), "other");
        assert!(user_of_key(None, Path::new("/run/secrets/Nats Key")).is_err());

        let (_dir, path) = written("api.nk", "SUNOTASEED");
        let said = refusal(Config { nkey_file: Some(path), ..Config::default() }).await;
        assert!(said.contains("holds no seed") && !said.contains("SUNOTASEED"), "{said}");
    }

    #[tokio::test]
    async fn certificates_without_tls_and_halves_of_credentials_are_refused() {
        let (_dir, path) = written("ca.pem", "");
        let ca = || Config { ca_file: Some(path.clone()), ..Config::default() };
        let plain = Config { url: "tls://a:1,nats://me:hush@b:2".to_owned(), ..ca() };
        let said = refusal(plain).await;
        assert!(said.contains("nats://b:2 is not encrypted") && !said.contains("hush"), "{said}");
        assert_eq!(refusal(Config { url: "tls://a:1, tls://b:2".to_owned(), ..ca() }).await, "");
        let lost = Config { ca_file: Some("/nowhere/ca.pem".into()), ..Config::default() };
        assert!(refusal(lost).await.contains("/nowhere/ca.pem cannot be read"));
        let half = Config { client_cert_file: Some(path.clone()), ..Config::default() };
        assert!(refusal(half).await.contains("belong together"));
        let user = Some("me".to_owned());
        assert!(refusal(Config { user, ..Config::default() }).await.contains("needs password or nkey_file"));
        let both = Config { nkey_file: Some(path.clone()), password: Some("x".into()), ..Config::default() };
        assert!(refusal(both).await.contains("only one"));
    }
}
