//! A caller of the HTTP API.

use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::waiting::{DEADLINE, eventually_ok, look_again, within};

/// States that a run does not leave.
const ENDS: [&str; 4] = ["succeeded", "failed", "timed_out", "cancelled"];

/// A caller in the project `default`.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
    patience: Duration,
}

/// The answer to a submit.
#[derive(Debug)]
pub struct Submitted {
    /// HTTP status.
    pub status: StatusCode,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
    /// The body.
    pub body: Value,
}

impl Client {
    pub(crate) fn new(base: &str, token: &str) -> Self {
        // A connection that a killed API left behind is not to be used again.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("plain settings");
        Self { http, base: base.to_owned(), token: token.to_owned(), patience: DEADLINE }
    }

    /// Lets it repeat what is refused for as long as this.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// For how long it repeats what is refused.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// A request below `/api/v1/projects/default`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_global(method, &format!("/projects/default{path}"))
    }

    /// A request below `/api/v1`.
    pub fn request_global(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token)
    }

    /// Submits a workflow file once.
    pub async fn try_submit(&self, key: &str, source: &str) -> Result<Submitted, reqwest::Error> {
        let request = self.request(Method::POST, "/runs").header("Idempotency-Key", key);
        let answer = request.json(&json!({ "source": source })).send().await?;
        let status = answer.status();
        let retry_after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        Ok(Submitted { status, retry_after, body: answer.json().await? })
    }

    /// Submits a workflow file until it is accepted, with the same key each time, as a careful caller does; the run's
    /// id.
    pub async fn submit(&self, key: &str, source: &str) -> String {
        within(self.patience, &format!("the run with key {key} is accepted"), || async {
            let submitted = self.try_submit(key, source).await.ok()?;
            match submitted.status {
                StatusCode::OK | StatusCode::CREATED => {
                    Some(submitted.body["id"].as_str().unwrap().to_owned())
                }
                StatusCode::ACCEPTED
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::INTERNAL_SERVER_ERROR => None,
                other => panic!("{other}: {}", submitted.body),
            }
        })
        .await
    }

    /// A GET that succeeds, as JSON.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.try_get(path).await.unwrap_or_else(|error| panic!("GET {path}: {error}"));
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "GET {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("GET {path}: {error}: {text}"))
    }

    /// A GET that may fail.
    pub async fn try_get(&self, path: &str) -> Result<Response, reqwest::Error> {
        self.request(Method::GET, path).send().await
    }

    /// A GET that succeeds, as it came.
    pub async fn text(&self, path: &str) -> String {
        let answer = self.try_get(path).await.unwrap_or_else(|error| panic!("GET {path}: {error}"));
        assert!(answer.status().is_success(), "GET {path}: {}", answer.status());
        answer.text().await.unwrap()
    }

    /// The run as it is now; none while the API cannot say.
    pub async fn run(&self, run: &str) -> Option<Value> {
        let answer = self.try_get(&format!("/runs/{run}")).await.ok()?;
        assert_ne!(answer.status(), StatusCode::NOT_FOUND, "an accepted run is never unknown");
        if answer.status().is_success() { answer.json().await.ok() } else { None }
    }

    /// Waits until the run has this state.
    pub async fn reaches(&self, run: &str, state: &str) -> Value {
        self.reaches_within(DEADLINE, run, state).await
    }

    /// [`Client::reaches`] with a deadline of its own.
    pub async fn reaches_within(&self, deadline: Duration, run: &str, state: &str) -> Value {
        let mut last = Value::Null;
        let last = &mut last;
        let until = Instant::now() + deadline;
        loop {
            if let Some(seen) = self.run(run).await {
                if seen["state"] == state {
                    return seen;
                }
                let ended = ENDS.iter().any(|end| seen["state"] == *end);
                assert!(
                    !ended,
                    "{run} was to be {state}, and is {seen:#}\n{:#}",
                    self.tasks_or_null(run).await
                );
                *last = seen;
            }
            assert!(
                Instant::now() < until,
                "{run} was to be {state}, and is {last:#}\n{:#}",
                self.tasks_or_null(run).await
            );
            look_again().await;
        }
    }

    /// Waits until the run has ended, however it did, and gives its only task.
    pub async fn only_task(&self, run: &str) -> Value {
        eventually_ok(&format!("{run} ends"), || async {
            let seen = self.run(run).await.ok_or("the API does not say")?;
            let ended = ENDS.iter().any(|end| seen["state"] == *end);
            if ended { Ok(()) } else { Err(format!("{seen:#}")) }
        })
        .await;
        self.tasks(run).await.swap_remove(0)
    }

    /// The tasks of a run.
    pub async fn tasks(&self, run: &str) -> Vec<Value> {
        self.get(&format!("/runs/{run}/tasks?limit=500")).await["items"].as_array().unwrap().clone()
    }

    /// The artifacts of a run as `task/name`.
    pub async fn artifacts(&self, run: &str) -> Vec<String> {
        let artifacts = self.get(&format!("/runs/{run}/artifacts")).await;
        let name =
            |item: &Value| format!("{}/{}", item["task"].as_str().unwrap(), item["name"].as_str().unwrap());
        artifacts["items"].as_array().unwrap().iter().map(name).collect()
    }

    async fn tasks_or_null(&self, run: &str) -> Value {
        match self.try_get(&format!("/runs/{run}/tasks?limit=500")).await {
            Ok(answer) => answer.json().await.unwrap_or_default(),
            Err(_) => Value::Null,
        }
    }
}
