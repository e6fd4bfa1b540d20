//! The client: one connection pool, a token, and the calls without content.

use crate::address::object_path;
use crate::download::Meta;
use crate::{Error, ObjectEntry, ObjectPage, Result, Retry, StorageUsage};
use emboflow_protocol::Problem;
use emboflow_protocol::http::StorageView;
use futures::stream::{self, Stream, TryStreamExt};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call without content may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const PAGE: usize = 1000;

/// A client of one gateway. Clones, also those with another token, share the connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base_url: Arc<str>,
    token: Arc<str>,
    pub(crate) retry: Retry,
}

impl Client {
    /// A client of the gateway at `base_url`, such as `http://127.0.0.1:4082`, with a storage token.
    ///
    /// # Errors
    /// [`Error::Setup`] when no TLS back end can be started.
    pub fn new(base_url: &str, token: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // The gateway belongs to the installation; a proxy for the internet is not asked for it.
            .no_proxy()
            .build()
            .map_err(|error| Error::Setup { reason: reason(&error) })?;
        let base_url = base_url.trim_end_matches('/').into();
        Ok(Self { http, base_url, token: token.into(), retry: Retry::default() })
    }

    /// The same client with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.into(), ..self.clone() }
    }

    /// The same client, repeating otherwise.
    #[must_use]
    pub fn with_retry(&self, retry: Retry) -> Self {
        Self { retry, ..self.clone() }
    }

    /// What the gateway knows of an object.
    pub async fn head(&self, key: &str) -> Result<Meta> {
        let (path, doing) = (object_path(key)?, format!("looking at `{key}`"));
        self.retry
            .run(async || {
                let request = self.request(Method::HEAD, &path).timeout(CALL_TIMEOUT);
                Meta::read(&self.send(&doing, request).await?, &doing)
            })
            .await
    }

    /// Removes an object; one that is not there is removed already.
    pub async fn delete(&self, key: &str) -> Result<()> {
        let (path, doing) = (object_path(key)?, format!("deleting `{key}`"));
        self.retry
            .run(async || {
                let request = self.request(Method::DELETE, &path).timeout(CALL_TIMEOUT);
                self.send(&doing, request).await.map(drop)
            })
            .await
    }

    /// One page of the objects whose keys start with `prefix` and come after `after`; `limit` is at most 1000.
    pub async fn list_page(&self, prefix: &str, after: &str, limit: usize) -> Result<ObjectPage> {
        let limit = limit.to_string();
        let query = [("prefix", prefix), ("after", after), ("limit", &limit)];
        self.read(&format!("listing `{prefix}`"), "/objects", &query).await
    }

    /// All objects whose keys start with `prefix`, in the byte order of their keys, page by page.
    pub fn list<'a>(&'a self, prefix: &'a str) -> impl Stream<Item = Result<ObjectEntry>> + Send + 'a {
        stream::try_unfold(Some(String::new()), async move |after| {
            let Some(after) = after else { return Ok::<_, Error>(None) };
            let page = self.list_page(prefix, &after, PAGE).await?;
            Ok(Some((stream::iter(page.items.into_iter().map(Ok)), page.next)))
        })
        .try_flatten()
    }

    /// Counts what lies below a prefix.
    pub async fn usage(&self, prefix: &str) -> Result<StorageUsage> {
        self.read(&format!("counting `{prefix}`"), "/usage", &[("prefix", prefix)]).await
    }

    /// Has the gateway try its back end; the token must allow the probe.
    pub async fn probe(&self) -> Result<StorageView> {
        self.read("probing the storage", "/probe", &[]).await
    }

    async fn read<T: DeserializeOwned>(&self, doing: &str, path: &str, query: &[(&str, &str)]) -> Result<T> {
        self.retry
            .run(async || {
                let request = self.request(Method::GET, path).query(query).timeout(2 * CALL_TIMEOUT);
                self.json(doing, self.send(doing, request).await?).await
            })
            .await
    }

    pub(crate) fn url(&self) -> &str {
        &self.base_url
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base_url)).bearer_auth(&self.token)
    }

    /// Sends, and turns an answer that is an error into one.
    pub(crate) async fn send(&self, doing: &str, request: RequestBuilder) -> Result<Response> {
        let answer = request.send().await.map_err(|error| self.unreachable(doing, &error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let body = answer.bytes().await.unwrap_or_default();
        let problem = serde_json::from_slice(&body).unwrap_or_else(|_| without_body(status));
        Err(Error::Refused { doing: doing.to_owned(), problem: Box::new(problem) })
    }

    pub(crate) async fn json<T: DeserializeOwned>(&self, doing: &str, answer: Response) -> Result<T> {
        let body = answer.bytes().await.map_err(|error| self.unreachable(doing, &error))?;
        serde_json::from_slice(&body)
            .map_err(|error| Error::Answer { doing: doing.to_owned(), reason: error.to_string() })
    }

    pub(crate) fn unreachable(&self, doing: &str, error: &reqwest::Error) -> Error {
        Error::Unreachable { doing: doing.to_owned(), url: self.base_url.to_string(), reason: reason(error) }
    }
}

/// HEAD has no body, and something between here and the gateway may answer in its own way.
fn without_body(status: StatusCode) -> Problem {
    use emboflow_protocol::ErrorCode;
    let code = match status.as_u16() {
        400 => ErrorCode::StorageBadKey,
        401 => ErrorCode::StorageTokenInvalid,
        403 => ErrorCode::StorageForbidden,
        404 => ErrorCode::StorageNotFound,
        429 | 502..=504 => ErrorCode::StorageUnavailable,
        _ => ErrorCode::Internal,
    };
    let mut problem = Problem::new(code, format!("the answer was HTTP {status}"));
    problem.status = status.as_u16();
    problem
}

/// The innermost reason: `error sending request` alone says nothing.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text
}
