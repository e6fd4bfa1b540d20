//! The certificate that an address shows to the world: what people see, whoever renews it.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::health::{Finding, Health, Status};
use crate::vitals::{expiry_s, judge_expiry, now_s};

const CONNECT: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_secs(5);
/// The certificate is fetched again after so long; the time it has left is told each time.
const FETCHED_FOR: Duration = Duration::from_secs(300);

/// Notes in `health`, and in the metrics, when the certificate behind an `https://` address expires. Other addresses
/// have none, and nothing is noted.
pub fn served_certificate(health: &Health, name: impl Into<String>, address: &str) {
    let Some((host, port)) = place(address) else { return };
    let name = name.into();
    let fetched: Arc<Mutex<Option<(Instant, i64)>>> = Arc::default();
    health.note(&format!("certificate {name}"), LOOK, move || {
        let (name, host, fetched) = (name.clone(), host.clone(), fetched.clone());
        async move {
            let mut fetched = fetched.lock().await;
            let known = fetched.filter(|(at, _)| at.elapsed() < FETCHED_FOR).map(|(_, expires_s)| expires_s);
            let expires_s = match known {
                Some(expires_s) => Ok(expires_s),
                None => tokio::time::timeout(CONNECT, fetch(&host, port))
                    .await
                    .unwrap_or_else(|_| Err(format!("no answer within {} s", CONNECT.as_secs()))),
            };
            match expires_s {
                Ok(expires_s) => {
                    if known.is_none() {
                        *fetched = Some((Instant::now(), expires_s));
                    }
                    judge_expiry(&name, &format!("the certificate of {host}"), expires_s - now_s())
                }
                Err(why) => Finding::bad(
                    Status::Warning,
                    format!("{host}:{port} shows no certificate: {why}"),
                    "make sure that the proxy runs and that this machine reaches it by its public name",
                ),
            }
        }
    });
}

/// Host and port of an `https://` address.
fn place(address: &str) -> Option<(String, u16)> {
    let rest = address.strip_prefix("https://")?;
    let authority = rest.split(['/', '?', '#']).next()?.rsplit('@').next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            (host, port.parse().ok()?)
        }
        _ => (authority, 443),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

/// Seconds since 1970 at which the certificate expires that is shown there.
async fn fetch(host: &str, port: u16) -> Result<i64, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let config = ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Look))
        .with_no_client_auth();
    let stream = TcpStream::connect((host, port)).await.map_err(|error| error.to_string())?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let stream = stream.map_err(|error| error.to_string())?;
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    expiry_s(shown.ok_or("it shows none")?)
}

/// Takes any certificate: it is only looked at, and nothing is sent behind it.
#[derive(Debug)]
struct Look;

impl ServerCertVerifier for Look {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_an_address_is_its_host_and_port() {
        let found = |address| place(address).map(|(host, port)| format!("{host} {port}"));
        assert_eq!(found("https://flow.example.org/emboflow/").as_deref(), Some("flow.example.org 443"));
        assert_eq!(found("https://flow.example.org:8443").as_deref(), Some("flow.example.org 8443"));
        assert_eq!(found("https://[::1]:8443/x").as_deref(), Some("::1 8443"));
        for none in ["http://flow.example.org", "https://", "https:///x", ""] {
            assert_eq!(found(none), None, "{none}");
        }
    }

    #[tokio::test]
    async fn the_certificate_that_is_shown_is_judged_although_nobody_trusts_it() {
        crate::tls::install();
        let (chain, key) = self_signed();
        let config =
            rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _shown = acceptor.accept(stream).await;
            }
        });
        let health = Health::new("demo");
        served_certificate(&health, "public", &format!("https://127.0.0.1:{port}/"));
        let report = health.report("demo").await;
        let finding = &report.looks[0].finding;
        assert_eq!(report.looks[0].name, "certificate public");
        assert_eq!(finding.status, Status::Ok, "{finding:?}");
        assert!(finding.reason.contains("is valid for"), "{finding:?}");
    }

    #[tokio::test]
    async fn an_address_where_nobody_answers_is_a_warning_that_says_what_to_do() {
        crate::tls::install();
        let port = {
            let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            free.local_addr().unwrap().port()
        };
        let health = Health::new("demo");
        served_certificate(&health, "public", &format!("https://127.0.0.1:{port}"));
        let finding = health.report("demo").await.looks[0].finding.clone();
        assert_eq!(finding.status, Status::Warning);
        assert!(finding.hint.is_some());
    }

    fn self_signed() -> (Vec<CertificateDer<'static>>, rustls::pki_types::PrivateKeyDer<'static>) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        (vec![made.cert.der().clone()], key.into())
    }
}
