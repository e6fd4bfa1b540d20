//! Calls to the identity provider: over TLS, without following redirects, and never for long.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use anyhow::Context;
use axum::body::Bytes;
use futures::FutureExt;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// How long one call may take.
const WAIT: Duration = Duration::from_secs(10);
/// Bytes of an answer at most: keys and tokens are small.
const ANSWER_MAX_BYTES: usize = 1 << 20;

/// A client for the provider.
#[derive(Clone)]
pub(super) struct Caller {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Why a call had no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoAnswer(String);

impl Caller {
    /// Errors: the file of authorities cannot be read, or the system has none.
    pub(super) fn new(authorities: Option<&Path>) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in rustls_native_certs::load_native_certs().certs {
            // What the system has and rustls does not read is of no use here.
            let _unreadable = roots.add(certificate);
        }
        if let Some(path) = authorities {
            let all = CertificateDer::pem_file_iter(path).with_context(|| path.display().to_string())?;
            for certificate in all {
                let certificate = certificate.with_context(|| path.display().to_string())?;
                roots.add(certificate).with_context(|| path.display().to_string())?;
            }
        }
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let answer = self.client.request(request).await.map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            NoAnswer(format!("{error}{}", cause.unwrap_or_default()))
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_MAX_BYTES).collect().await;
        let body = body.map_err(|error| NoAnswer(error.to_string()))?.to_bytes();
        Ok(HttpResponse::from_parts(head, body.to_vec()))
    }
}

impl<'c> AsyncHttpClient<'c> for Caller {
    type Error = NoAnswer;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, NoAnswer>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        let slow = || NoAnswer(format!("no answer within {} s", WAIT.as_secs()));
        async move { tokio::time::timeout(WAIT, self.answer(request)).await.map_err(|_| slow())? }.boxed()
    }
}
