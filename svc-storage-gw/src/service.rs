//! Starts the gateway: back end, listener, health.

use crate::config::Config;
use crate::created::Created;
use crate::fail_point::fail_points;
use crate::http::{Gateway, router, uploads};
use crate::measure;
use anyhow::Context;
use axum::Router;
use emboflow_bus::Bus;
use emboflow_objects::Backend;
use emboflow_objects::{ObjectStore, open_backend};
use emboflow_protocol::health::AskHealth;
use emboflow_protocol::storage_token::TokenKey;
use emboflow_service::{FailPoints, Health, Shutdown, vitals};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// A gateway that answers.
#[derive(Debug, Clone)]
pub struct Started {
    /// Where.
    pub address: SocketAddr,
    /// The route that people put uploads to, to be served by the process that serves the page, when it is this one.
    pub uploads: Router,
}

impl Started {
    /// The base URL for clients.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Runs the gateway as a process of its own until `shutdown`.
pub async fn run(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    let started = start(config, &shutdown, &Health::new("storage-gw")).await?;
    tracing::info!(address = %started.address, "the storage gateway answers");
    shutdown.cancelled().await;
    Ok(())
}

/// Starts the gateway inside this process; it ends with `shutdown`. Its check goes into `health`, which its
/// listener shows too (`/health`, `/ready`, `/metrics`).
pub async fn start(config: Config, shutdown: &Shutdown, health: &Health) -> anyhow::Result<Started> {
    let key = TokenKey::new(config.signing_key.reveal().as_bytes()).context("reading signing_key")?;
    let fail_points = FailPoints::parse(config.fail_at.as_deref(), &fail_points())?;
    let store = open_backend(&config.backend, Duration::from_millis(config.limits.stall_ms))?;
    match &config.backend {
        Backend::Directory(settings) => {
            tracing::info!(root = %settings.root.display(), "objects lie in a directory")
        }
        Backend::S3(settings) => tracing::info!(bucket = settings.bucket, "objects lie in a bucket"),
    }
    watch(health, store.clone());
    if let Backend::Directory(settings) = &config.backend {
        vitals::disk(health, "objects", settings.root.clone());
    }
    let created = match &config.nats {
        Some(nats) => Created::over(register(nats, shutdown, health).await?, shutdown),
        None => Created::default(),
    };
    let gateway = Gateway::new(store, key, config.limits, created, fail_points);
    let (uploads, router) = (uploads(gateway.clone()), router(gateway).merge(health.router()));
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("listening for objects on {}", config.listen))?;
    let address = listener.local_addr().context("reading the listener's address")?;
    let stop = shutdown.token();
    shutdown.spawn_vital("object listener", async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
            .context("serving objects")
    });
    Ok(Started { address, uploads })
}

/// Makes the gateway visible to `nats micro`; objects do not depend on it.
async fn register(nats: &emboflow_bus::Config, shutdown: &Shutdown, health: &Health) -> anyhow::Result<Bus> {
    let bus = Bus::connect(nats).await.context("connecting to NATS")?;
    let connected = bus.clone();
    let (asked, stop, own) = (bus.clone(), shutdown.token(), health.clone());
    shutdown.spawn("health answers", async move {
        let answer = move |_: AskHealth| {
            let own = own.clone();
            async move { own.report("storage-gw").await }
        };
        asked.serve_each(AskHealth::filter(), stop, answer).await;
    });
    let stop = shutdown.token();
    shutdown.spawn("micro service", async move {
        let about = "objects on a directory or S3, with scoped tokens";
        let name = "emboflow-storage-gw";
        match bus.register_service(name, env!("CARGO_PKG_VERSION"), about, HashMap::new()).await {
            Ok(registration) => {
                stop.cancelled().await;
                registration.stop().await;
            }
            Err(error) => tracing::warn!(%error, "not registered as a NATS micro service"),
        }
    });
    Ok(connected)
}

fn watch(health: &Health, store: Arc<dyn ObjectStore>) {
    health.check("backend", CHECK_TIMEOUT, move || {
        let store = store.clone();
        async move {
            let outcome = store.check().await;
            measure::up(store.kind(), outcome.is_ok());
            outcome
        }
    });
}
