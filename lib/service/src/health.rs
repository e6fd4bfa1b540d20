//! What a service says about itself: `/health` (alive), `/ready` (each dependency), `/metrics`.

use crate::{Shutdown, metrics, telemetry};
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
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
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
    latest: tokio::sync::Mutex<Option<Latest>>,
}

struct Latest {
    at: Instant,
    /// Of all scopes, in the order of the checks.
    looks: Vec<(Arc<Check>, Look)>,
}

struct Check {
    name: String,
    timeout: Duration,
    /// Without it the process cannot do its work.
    is_vital: bool,
    run: Box<dyn Fn() -> BoxFuture<'static, Finding> + Send + Sync>,
}

/// How well something is, from well to badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, and somebody should look at it before it does not.
    Warning,
    /// It does not work.
    Failed,
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How well it is.
    pub status: Status,
    /// What was found, in words.
    pub reason: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn ok(reason: impl Into<String>) -> Self {
        Self { status: Status::Ok, reason: reason.into(), hint: None }
    }

    /// It is not.
    pub fn bad(status: Status, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), hint: Some(hint.into()) }
    }

    fn of_outcome(outcome: Result<String, String>) -> Self {
        match outcome {
            Ok(reason) => Self::ok(reason),
            Err(reason) => Self { status: Status::Failed, reason, hint: None },
        }
    }
}

/// One look in a [`Report`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Look {
    /// Such as `records`, without the name of its service.
    pub name: String,
    /// What it came to.
    #[serde(flatten)]
    pub finding: Finding,
    /// How long it took.
    pub latency_ms: u64,
}

/// What one service says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Name of the service, such as `scheduler`.
    pub service: String,
    /// Tells it from others of its kind.
    pub instance: String,
    /// Its version.
    pub version: String,
    /// Its clock when it was asked, in milliseconds since 1970.
    pub asked_at_ms: i64,
    /// Its clock when it answered, in milliseconds since 1970.
    pub answered_at_ms: i64,
    /// All its checks and notes, sorted by name.
    pub looks: Vec<Look>,
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
        let run = move || -> BoxFuture<'static, Finding> {
            let outcome = check();
            Box::pin(async move { Finding::of_outcome(outcome.await.map_err(|error| format!("{error:#}"))) })
        };
        self.add(name, timeout, true, Box::new(run));
    }

    /// Adds something to look at that people should know of, and that does not keep the process from its work: it is
    /// no part of `/ready`. Taking longer than `timeout` counts as a failure.
    pub fn note<F, Fut>(&self, name: &str, timeout: Duration, look: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Finding> + Send + 'static,
    {
        self.add(name, timeout, false, Box::new(move || Box::pin(look())));
    }

    fn add(
        &self,
        name: &str,
        timeout: Duration,
        is_vital: bool,
        run: Box<dyn Fn() -> BoxFuture<'static, Finding> + Send + Sync>,
    ) {
        let check = Arc::new(Check { name: format!("{}{name}", self.scope), timeout, is_vital, run });
        self.tree.checks.lock().unwrap_or_else(PoisonError::into_inner).push(check);
    }

    /// Runs everything side by side (or gives what was found a fraction of a second ago).
    async fn look(&self) -> Vec<(Arc<Check>, Look)> {
        let checks = self.tree.checks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut latest = self.tree.latest.lock().await;
        if let Some(Latest { at, looks }) = latest.as_ref()
            && at.elapsed() < FRESH_FOR
            && looks.len() == checks.len()
        {
            return looks.clone();
        }
        let found = join_all(checks.iter().map(|check| check.look())).await;
        for look in &found {
            metrics::check(&look.name, look.finding.status != Status::Failed);
        }
        let mut looks: Vec<_> = checks.into_iter().zip(found).collect();
        looks.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        *latest = Some(Latest { at: Instant::now(), looks: looks.clone() });
        looks
    }

    /// Whether this process can do its work: every check, of every scope.
    pub async fn readiness(&self) -> Readiness {
        let looks = self.look().await.into_iter().filter(|(check, _)| check.is_vital);
        let checks: Vec<_> = looks
            .map(|(_, look)| CheckReport {
                name: look.name,
                ok: look.finding.status != Status::Failed,
                detail: look.finding.reason,
                latency_ms: look.latency_ms,
            })
            .collect();
        let ready = checks.iter().all(|check| check.ok);
        Readiness { service: self.service.to_string(), ready, checks }
    }

    /// What the service of this scope says of itself; other services of the process are left out.
    pub async fn report(&self, service: &str) -> Report {
        let asked_at_ms = now_ms();
        let looks = self.look().await.into_iter().filter_map(|(_, look)| {
            let name = look.name.strip_prefix(&*self.scope).filter(|name| !name.contains('/'))?.to_owned();
            Some(Look { name, ..look })
        });
        Report {
            service: service.to_owned(),
            instance: telemetry::instance().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            asked_at_ms,
            looks: looks.collect(),
            answered_at_ms: now_ms(),
        }
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
    async fn look(&self) -> Look {
        let started = Instant::now();
        let finding = match tokio::time::timeout(self.timeout, (self.run)()).await {
            Ok(finding) => finding,
            Err(_) => Finding::of_outcome(Err(format!("no answer within {} ms", self.timeout.as_millis()))),
        };
        let latency_ms = started.elapsed().as_millis() as u64;
        Look { name: self.name.clone(), finding, latency_ms }
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

async fn alive(State(health): State<Health>) -> Response {
    Json(serde_json::json!({ "service": &*health.service, "alive": true })).into_response()
}

async fn ready(State(health): State<Health>) -> Response {
    let readiness = health.readiness().await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

/// What only a look can tell is looked at for each scrape.
async fn metrics_text(State(health): State<Health>) -> Response {
    health.look().await;
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
    async fn a_note_is_reported_and_does_not_make_a_process_unready() {
        let health = Health::new("demo");
        let scope = health.scoped("api");
        scope.check("nats", Duration::from_secs(1), || async { Ok::<_, Infallible>("connected".into()) });
        scope.note("disk logs", Duration::from_secs(1), || async {
            Finding::bad(Status::Failed, "1 MiB free", "free some space")
        });
        health
            .scoped("executor")
            .note("disk workspaces", Duration::from_secs(1), || async { Finding::ok("") });
        assert!(health.readiness().await.ready);
        let report = scope.report("api").await;
        let names: Vec<_> = report.looks.iter().map(|look| look.name.as_str()).collect();
        assert_eq!(names, ["disk logs", "nats"], "another service of the process is left out");
        assert_eq!(report.looks[0].finding.hint.as_deref(), Some("free some space"));
        assert!(report.asked_at_ms <= report.answered_at_ms);
        let text = metrics::render().unwrap();
        assert!(text.contains(r#"emboflow_health_check_ok{check="api/disk logs"} 0"#), "{text}");
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
