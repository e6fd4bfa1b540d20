//! Requests to the API.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use emboflow_model::{RunId, RunSummary, Task};
use emboflow_protocol::Problem;
use emboflow_protocol::http::Page;
use reqwest::{Method, RequestBuilder, Response, Url, header};
use serde::de::DeserializeOwned;

use super::find::{By, Credential, DEFAULT_PROJECT, Found, Target};
use crate::failure::Failure;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// The server gives a sign of life each 15 s.
const SILENT_AT_MOST: Duration = Duration::from_secs(45);

/// A client of one server. Clones share connections.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    target: Target,
    found: Found,
}

impl Client {
    /// Finds the server; nothing is asked yet.
    pub(crate) fn new(target: Target) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .user_agent(concat!("emboflow/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                Failure::Other(anyhow::Error::new(error).context("setting up the HTTP client"))
            })?;
        let found = target.find()?;
        Ok(Self { http, target, found })
    }

    /// The same server, asked by somebody else.
    pub(crate) fn asked_by(&self, credential: Option<Credential>) -> Self {
        Self { found: Found { credential, ..self.found.clone() }, ..self.clone() }
    }

    /// Looks for the server again: one that was started anew may be somewhere else.
    pub(super) fn find_again(&mut self) {
        if let Ok(found) = self.target.find() {
            self.found = found;
        }
    }

    /// The address for people.
    pub(crate) fn server(&self) -> &str {
        self.found.base.as_str().trim_end_matches('/')
    }

    /// The page of a run.
    pub(crate) fn page_of(&self, run: RunId) -> String {
        match self.project() {
            DEFAULT_PROJECT => format!("{}/runs/{run}", self.server()),
            project => format!("{}/projects/{project}/runs/{run}", self.server()),
        }
    }

    /// What the address of the server comes from.
    pub(crate) fn found_by(&self) -> &By {
        &self.found.by
    }

    /// An address below that of the page.
    pub(crate) fn below(&self, path: &[&str]) -> Url {
        let mut url = self.found.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// The whole of an address that the server gave relative to that of the page.
    pub(crate) fn absolute(&self, link: &str) -> String {
        self.found.base.join(link).map_or_else(|_| link.to_owned(), String::from)
    }

    /// `api/v1/…`
    pub(crate) fn global(&self, path: &[&str]) -> Url {
        let mut url = self.found.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        url
    }

    /// `api/v1/projects/<project>/…`
    pub(crate) fn in_project(&self, path: &[&str]) -> Url {
        let mut url = self.global(&["projects", &self.found.project]);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        url
    }

    /// The project of the requests.
    pub(crate) fn project(&self) -> &str {
        &self.found.project
    }

    /// A request that is answered at once.
    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.bare(method, url).timeout(ANSWER_WITHIN)
    }

    /// A request whose answer goes on as long as it wants.
    pub(crate) fn stream(&self, url: Url) -> RequestBuilder {
        self.bare(Method::GET, url)
    }

    /// A request to an address that the server gave relative to that of the page, with a token that it gave for it.
    pub(crate) fn with_token(
        &self,
        method: Method,
        link: &str,
        token: &str,
    ) -> Result<RequestBuilder, Failure> {
        let url = self.found.base.join(link).context("reading the address that the server gave")?;
        Ok(self.http.request(method, url).bearer_auth(token))
    }

    fn bare(&self, method: Method, url: Url) -> RequestBuilder {
        let origin = url.origin().ascii_serialization();
        let request = self.http.request(method, url);
        match &self.found.credential {
            Some(Credential::Bearer(token)) => request.bearer_auth(token),
            // A session is asked where a request comes from: from nobody's page.
            Some(Credential::Session(cookie)) => request
                .header(header::COOKIE, cookie)
                .header(header::ORIGIN, origin)
                .header("sec-fetch-site", "same-origin"),
            None => request,
        }
    }

    /// Sends a request; an answer that is an error becomes a failure.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, url) = (response.status(), response.url().path().to_owned());
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        Err(match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Failure::Refused(Box::new(problem)),
            // A proxy speaks for a server that is away.
            Err(_) if matches!(status.as_u16(), 502..=504) => Failure::Unreachable {
                url: self.server().to_owned(),
                reason: status.to_string(),
                heard: true,
            },
            Err(_) => Failure::Other(anyhow::anyhow!("{} answers {status} at {url}", self.server())),
        })
    }

    /// Sends a request and reads the JSON of its answer.
    pub(crate) async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let response = self.send(request).await?;
        self.read(response).await
    }

    /// Reads the JSON of an answer.
    pub(crate) async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, Failure> {
        let path = response.url().path().to_owned();
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&body).map_err(|error| {
            let context = format!(
                "reading the answer of {} at {path}; are its and this version the same?",
                self.server()
            );
            Failure::Other(anyhow::Error::new(error).context(context))
        })
    }

    /// Gets JSON.
    pub(crate) async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T, Failure> {
        self.json(self.request(Method::GET, url)).await
    }

    /// Every item of a list, or the first `most`.
    pub(crate) async fn list<T: DeserializeOwned>(&self, url: Url, most: usize) -> Result<Vec<T>, Failure> {
        let mut items: Vec<T> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut url = url.clone();
            if let Some(cursor) = &cursor {
                url.query_pairs_mut().append_pair("cursor", cursor);
            }
            let page: Page<T> = self.get(url).await?;
            items.extend(page.items);
            cursor = page.next;
            if cursor.is_none() || items.len() >= most {
                items.truncate(most);
                return Ok(items);
            }
        }
    }

    /// A run.
    pub(crate) async fn run(&self, run: RunId) -> Result<RunSummary, Failure> {
        self.get(self.in_project(&["runs", &run.to_string()])).await
    }

    /// All tasks of a run.
    pub(crate) async fn tasks(&self, run: RunId) -> Result<Vec<Task>, Failure> {
        self.list(self.in_project(&["runs", &run.to_string(), "tasks"]), usize::MAX).await
    }

    /// The next piece of an answer that does not wait for anything; none at its end. Silence is an error.
    pub(crate) async fn piece(&self, response: &mut Response) -> Result<Option<Bytes>, Failure> {
        match tokio::time::timeout(SILENT_AT_MOST, response.chunk()).await {
            Ok(piece) => piece.map_err(|error| self.unreachable(&error)),
            Err(_) => {
                let reason = format!("nothing came for {} s", SILENT_AT_MOST.as_secs());
                Err(Failure::Unreachable { url: self.server().to_owned(), reason, heard: true })
            }
        }
    }

    /// The server did not answer, or not to the end.
    pub(crate) fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut reason = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            reason = inner.to_string();
            cause = inner.source();
        }
        Failure::Unreachable { url: self.server().to_owned(), reason, heard: !error.is_connect() }
    }

    /// How long a stream may be silent.
    pub(crate) fn silent_at_most() -> Duration {
        SILENT_AT_MOST
    }
}
