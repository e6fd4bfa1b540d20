//! What a service says about itself: `/health` (alive), `/ready` (each dependency), `/metrics`.

use crate::{Shutdown, metrics};
use anyhow::Context;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use futures::future::{BoxFuture, join_all};
use serde::Serialize;
use std::fmt::Display;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

// Many askers at once must not multiply the work done against the dependencies.
const FRESH_FOR: Duration = Duration::from_millis(200);

/// The named checks of a process. Clones and scopes share one tree.
#[derive(Clone)]
pub struct Health {
    service: Arc<str>,
    scope: Arc<str>,
    tree: Arc<Tree>,
}

#[derive(Default)]
struct Tree {
    checks: Mutex<Vec<Arc<Check>>>,
    latest: tokio::sync::Mutex<Option<(Instant, usize, Readiness)>>,
}

type Outcome = Result<String, String>;

struct Check {
    name: String,
    timeout: Duration,
    run: Box<dyn Fn() -> BoxFuture<'static, Outcome> + Send + Sync>,
}

/// The answer of `/ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Name of the process.
    pub service: String,
    /// Whether every dependency is fine.
    pub ready: bool,
    /// One entry a dependency, sorted by name.
    pub checks: Vec<CheckReport>,
}

/// One dependency in the answer of `/ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Such as `records`, or `storage-gw/backend` where several services share a process.
    pub name: String,
    /// Whether it answered well and in time.
    pub ok: bool,
    /// What it said, or what is wrong.
    pub detail: String,
    /// How long the answer took.
    pub latency_ms: u64,
}

impl Health {
    /// An empty tree for a process called `service`.
    pub fn new(service: &str) -> Self {
        Self { service: service.into(), scope: "".into(), tree: Arc::default() }
    }

    /// The same tree, with `part/` before the names of checks added through it.
    pub fn scoped(&self, part: &str) -> Self {
        Self { scope: format!("{}{part}/", self.scope).into(), ..self.clone() }
    }

    /// Adds a check. It is run anew for each (fresh) answer of `/ready`; its `Ok` or `Err` text becomes the
    /// detail, and taking longer than `timeout` counts as a failure.
    pub fn check<F, Fut, E>(&self, name: &str, timeout: Duration, check: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, E>> + Send + 'static,
        E: Display,
    {
        let run = move || -> BoxFuture<'static, Outcome> {
            let outcome = check();
            Box::pin(async move { outcome.await.map_err(|error| format!("{error:#}")) })
        };
        let check = Arc::new(Check { name: format!("{}{name}", self.scope), timeout, run: Box::new(run) });
        self.tree.checks.lock().unwrap_or_else(PoisonError::into_inner).push(check);
    }

    /// Runs every check side by side (or gives the report of a fraction of a second ago).
    pub async fn readiness(&self) -> Readiness {
        let checks = self.tree.checks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut latest = self.tree.latest.lock().await;
        if let Some((at, count, readiness)) = latest.as_ref()
            && at.elapsed() < FRESH_FOR
            && *count == checks.len()
        {
            return readiness.clone();
        }
        let mut reports = join_all(checks.iter().map(|check| check.report())).await;
        reports.sort_by(|a, b| a.name.cmp(&b.name));
        let ready = reports.iter().all(|report| report.ok);
        let readiness = Readiness { service: self.service.to_string(), ready, checks: reports };
        *latest = Some((Instant::now(), checks.len(), readiness.clone()));
        readiness
    }

    /// Routes `/health`, `/ready`, `/metrics` and the aliases `/livez`, `/readyz`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/health", get(alive))
            .route("/livez", get(alive))
            .route("/ready", get(ready))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics_text))
            .with_state(self.clone())
    }

    /// Serves the routes on a listener of their own until `shutdown`; returns the bound address (port 0 picks
    /// a free one).
    pub async fn serve(&self, address: SocketAddr, shutdown: &Shutdown) -> anyhow::Result<SocketAddr> {
        let listener =
            TcpListener::bind(address).await.with_context(|| format!("listening for health on {address}"))?;
        let bound = listener.local_addr().context("reading the health listener's address")?;
        let (router, stop) = (self.router(), shutdown.token());
        shutdown.spawn_vital("health listener", async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(stop.cancelled_owned())
                .await
                .context("serving health")
        });
        Ok(bound)
    }
}

impl Check {
    async fn report(&self) -> CheckReport {
        let started = Instant::now();
        let outcome = match tokio::time::timeout(self.timeout, (self.run)()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no answer within {} ms", self.timeout.as_millis())),
        };
        let latency_ms = started.elapsed().as_millis() as u64;
        let ok = outcome.is_ok();
        let detail = outcome.unwrap_or_else(|error| error);
        CheckReport { name: self.name.clone(), ok, detail, latency_ms }
    }
}

async fn alive(State(health): State<Health>) -> Response {
    Json(serde_json::json!({ "service": &*health.service, "alive": true })).into_response()
}

async fn ready(State(health): State<Health>) -> Response {
    let readiness = health.readiness().await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

async fn metrics_text() -> Response {
    match metrics::render() {
        Ok(text) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    async fn get(address: SocketAddr, path: &str) -> (u16, String) {
        let response = reqwest::get(format!("http://{address}{path}")).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn serve(health: &Health) -> (SocketAddr, Shutdown) {
        crate::tls::install();
        let shutdown = Shutdown::new();
        (health.serve(([127, 0, 0, 1], 0).into(), &shutdown).await.unwrap(), shutdown)
    }

    #[tokio::test]
    async fn readiness_names_each_dependency_and_fails_when_one_does() {
        let health = Health::new("demo");
        health.check("nats", Duration::from_secs(1), || async { Ok::<_, Infallible>("connected".into()) });
        let (address, _shutdown) = serve(&health).await;
        assert_eq!(get(address, "/ready").await.0, 200);

        health.scoped("storage").check("backend", Duration::from_secs(1), || async {
            Err::<String, _>(anyhow::anyhow!("refused").context("reaching the bucket"))
        });
        let (status, body) = get(address, "/readyz").await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status, 503);
        assert_eq!(body["ready"], false);
        assert_eq!(body["checks"][0]["name"], "nats");
        assert_eq!(body["checks"][1]["name"], "storage/backend");
        assert_eq!(body["checks"][1]["detail"], "reaching the bucket: refused");
        assert_eq!(get(address, "/health").await.0, 200, "a broken dependency does not make a process dead");
    }

    #[tokio::test]
    async fn a_check_that_hangs_fails_at_its_own_timeout() {
        let health = Health::new("demo");
        health.check("slow", Duration::from_millis(10), std::future::pending::<Result<String, String>>);
        let readiness = health.readiness().await;
        assert_eq!(readiness.checks[0].detail, "no answer within 10 ms");
        assert!(!readiness.ready);
    }

    #[tokio::test]
    async fn metrics_are_served_as_prometheus_text() {
        metrics::announce("demo", "0");
        let (address, _shutdown) = serve(&Health::new("demo")).await;
        let (status, body) = get(address, "/metrics").await;
        assert_eq!(status, 200);
        assert!(body.contains("# TYPE emboflow_build_info gauge"));
    }

    #[tokio::test]
    async fn the_listener_ends_with_the_shutdown() {
        let (address, shutdown) = serve(&Health::new("demo")).await;
        assert_eq!(shutdown.drain(Duration::from_secs(5)).await.aborted, Vec::<String>::new());
        assert!(reqwest::get(format!("http://{address}/health")).await.is_err());
    }
}
