//! The e-mail.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use emboflow_model::notification::Tried;
use emboflow_service::Secret;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::letter::Letter;

const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The server that takes mail.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// Its host.
    pub host: String,
    /// Its port; 465 with `tls = "tls"`, 587 with `"starttls"`, 25 with `"none"` unless given.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is kept secret.
    #[serde(default)]
    pub tls: SmtpTls,
    /// Who signs in; nobody unless given.
    #[serde(default)]
    pub user: Option<String>,
    /// With which password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// PEM file with the certificate authority of the server, where the system does not know it.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whom the mail comes from, such as `EmboFlow <emboflow@example.org>`.
    pub from: String,
}

/// How the connection to the mail server is kept secret.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// From the first byte.
    Tls,
    /// After the greeting; a server that does not offer it is refused.
    #[default]
    Starttls,
    /// Not at all: only for a server on the same machine.
    None,
}

/// Sends mail.
#[derive(Clone, Debug)]
pub(super) struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mail {
    pub(super) fn new(smtp: &Smtp) -> Result<Self> {
        let from = smtp.from.parse().with_context(|| format!("`notify.smtp.from`: '{}'", smtp.from))?;
        let (tls, usual_port) = match smtp.tls {
            SmtpTls::Tls => (Tls::Wrapper(parameters(smtp)?), SUBMISSIONS_PORT),
            SmtpTls::Starttls => (Tls::Required(parameters(smtp)?), SUBMISSION_PORT),
            SmtpTls::None => (Tls::None, SMTP_PORT),
        };
        // "Dangerous" is only that it begins without TLS; that is set here.
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)
            .port(smtp.port.unwrap_or(usual_port))
            .tls(tls);
        let builder = match (&smtp.user, &smtp.password) {
            (Some(user), Some(password)) => {
                builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()))
            }
            _ => builder,
        };
        Ok(Self { transport: builder.timeout(Some(ANSWER_WITHIN)).build(), from })
    }

    /// Sends it once.
    pub(super) async fn send(&self, addresses: &[String], letter: &Letter) -> Tried {
        let message = match self.message(addresses, letter) {
            Ok(message) => message,
            Err(error) => return Tried::Never(format!("no mail can be made of it: {error:#}")),
        };
        match self.transport.send(message).await {
            Ok(_) => Tried::Arrived,
            Err(error) if error.is_permanent() => {
                Tried::Never(format!("the mail server refused it: {error}"))
            }
            Err(error) => Tried::Later(format!("the mail server did not take it: {error}"), None),
        }
    }

    fn message(&self, addresses: &[String], letter: &Letter) -> Result<Message> {
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(letter.title())
            .message_id(Some(format!("<{}@emboflow>", letter.id().replace('/', "."))));
        for address in addresses {
            message = message.to(address.parse().with_context(|| format!("the address '{address}'"))?);
        }
        Ok(message.body(letter.text())?)
    }
}

fn parameters(smtp: &Smtp) -> Result<TlsParameters> {
    let mut builder = TlsParameters::builder(smtp.host.clone());
    if let Some(path) = &smtp.ca_file {
        let what = || format!("reading notify.smtp.ca_file {}", path.display());
        let pem = std::fs::read(path).with_context(what)?;
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).with_context(what)?);
    }
    Ok(builder.build()?)
}
