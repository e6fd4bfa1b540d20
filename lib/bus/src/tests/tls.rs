//! Encryption with an authority of our own.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tempfile::TempDir;

use super::within;
use crate::connection::Connection;
use crate::credentials::protect;
use crate::server::ServerTls;
use crate::testing::TestServer;
use crate::{Bus, Config};

/// An authority with the certificates that it has signed, in a directory of its own.
struct Authority {
    dir: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { dir: tempfile::tempdir().unwrap(), issuer };
        std::fs::write(authority.file("ca.pem"), authority.issuer.pem()).unwrap();
        authority
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Signs a certificate for 127.0.0.1 that holds until the given year.
    fn sign(&self, name: &str, until: i32) -> (PathBuf, PathBuf) {
        let keys = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&keys, &self.issuer).unwrap();
        let (cert, key) = (self.file(&format!("{name}.pem")), self.file(&format!("{name}.key")));
        std::fs::write(&cert, certificate.pem()).unwrap();
        std::fs::write(&key, keys.serialize_pem()).unwrap();
        (cert, key)
    }

    /// A server with a certificate of this authority, which asks clients for one of `clients`.
    async fn server(&self, until: i32, clients: Option<&Self>) -> TestServer {
        let (cert_file, key_file) = self.sign("server", until);
        let client_ca_file = clients.map(|clients| clients.file("ca.pem"));
        TestServer::start_with(|options| {
            options.tls = Some(ServerTls { cert_file, key_file, client_ca_file });
        })
        .await
    }
}

fn trusting(server: &TestServer, authority: &Authority) -> Config {
    Config { ca_file: Some(authority.file("ca.pem")), ..server.config("test") }
}

async fn connects(config: &Config) {
    let bus = Bus::connect(config).await.unwrap();
    let mut connection = bus.connection();
    let connected = connection.wait_for(|state| *state == Connection::Connected);
    within(60, "the connection", connected).await.unwrap();
}

/// The client tries for ever; the server tells how often it refused, or was refused.
async fn does_not_connect(config: &Config, server: &TestServer) {
    let bus = Bus::connect(config).await.unwrap();
    let refusals = || server.log().matches("TLS handshake error").count();
    super::eventually(60, "two refused handshakes", || async { refusals() >= 2 }).await;
    assert!(!bus.is_connected());
}

#[tokio::test]
async fn a_server_of_the_right_authority_is_trusted_and_any_other_is_not() {
    let (own, other) = (Authority::new(), Authority::new());
    let server = own.server(2101, None).await;
    assert!(server.url().starts_with("tls://"));
    connects(&trusting(&server, &own)).await;
    does_not_connect(&trusting(&server, &other), &server).await;
}

#[tokio::test]
async fn a_server_whose_certificate_has_expired_is_refused() {
    let own = Authority::new();
    let server = own.server(2002, None).await;
    does_not_connect(&trusting(&server, &own), &server).await;
}

#[tokio::test]
async fn a_server_may_ask_for_a_certificate_of_the_client_too() {
    let (own, clients) = (Authority::new(), Authority::new());
    let server = own.server(2101, Some(&clients)).await;
    let with = |(cert, key)| Config {
        client_cert_file: Some(cert),
        client_key_file: Some(key),
        ..trusting(&server, &own)
    };
    connects(&with(clients.sign("client", 2101))).await;
    does_not_connect(&trusting(&server, &own), &server).await;
    does_not_connect(&with(own.sign("client", 2101)), &server).await;
}

#[tokio::test]
async fn a_server_that_is_not_encrypted_is_never_spoken_to_where_certificates_are_configured() {
    let (authority, server) = (Authority::new(), TestServer::start().await);
    let config = trusting(&server, &authority);
    let refused = Bus::connect(&config).await.unwrap_err().to_string();
    assert!(refused.contains("is not encrypted"), "{refused}");
    // Also when the address says it is: the server has no TLS to offer.
    let config = Config { url: server.url().replace("nats:", "tls:"), ..config };
    let options = protect(async_nats::ConnectOptions::new(), &config).unwrap();
    within(60, "an answer", options.connect(config.url.as_str())).await.unwrap_err();
}
