//! Starts the API: connections, listeners for what happens, HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use emboflow_bus::Bus;
use emboflow_records::SharedRecords;
use emboflow_service::{Health, Shutdown, Tracer, served_certificate, telemetry, vitals};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::access::{Access, invite_first_admin};
use crate::admission::Admission;
use crate::app::{App, Parts, now};
use crate::config::{Config, Watch};
use crate::cordons::Cordons;
use crate::intake::Intake;
use crate::limits::Buckets;
use crate::live::executors::Executors;
use crate::live::feed::Feed;
use crate::live::kept;
use crate::live::progress::Pulls;
use crate::maintenance::MaintenanceBook;
use crate::objects::Objects;
use crate::oidc::Provider;
use crate::queues::Queues;
use crate::secrets::Secrets;
use crate::uploads::Uploads;
use crate::watch::{self, Watchman};
use crate::{limits, listener, removal, router, secrets};

const CHECK_TIMEOUT: Duration = Duration::from_secs(3);
const INVITE_AGAIN: Duration = Duration::from_secs(5);
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// An API that answers.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    /// Where.
    pub address: SocketAddr,
}

impl Started {
    /// The base URL for clients.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Records without room are no reason not to start: who is known can still look.
async fn keep_inviting(app: &App, address: SocketAddr) {
    while let Err(failure) = invite_first_admin(&app.access, address).await {
        tracing::warn!(%failure, "the first administrator cannot be invited yet");
        tokio::time::sleep(INVITE_AGAIN).await;
    }
}

/// What the API shares with other services of its process.
#[derive(Clone)]
pub struct Connections {
    /// NATS.
    pub bus: Bus,
    /// The records.
    pub records: SharedRecords,
    /// The route of the storage gateway that takes the bytes of uploads, when the gateway is in this process. Otherwise
    /// the proxy before both leads there.
    pub uploads: Option<Router>,
}

/// Runs the API as a process of its own until `shutdown`.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<()> {
    let started = start(config, &shutdown, &Health::new("api")).await?;
    tracing::info!(address = %started.address, "the API answers");
    shutdown.cancelled().await;
    Ok(())
}

/// Starts the API with connections of its own; it ends with `shutdown`.
pub async fn start(config: Config, shutdown: &Shutdown, health: &Health) -> Result<Started> {
    let records = config.records.as_ref().context("the configuration says nothing of records")?;
    let records = emboflow_records::open(records).await.context("opening the records")?;
    let bus = Bus::connect(&config.bus()).await.context("connecting to NATS")?;
    start_on(config, Connections { bus, records, uploads: None }, shutdown, health).await
}

/// Starts the API on connections that are there; it ends with `shutdown`. Its checks go into `health`, which it shows
/// at `/health`, `/ready` and `/metrics`.
pub async fn start_on(
    config: Config,
    Connections { bus, records, uploads }: Connections,
    shutdown: &Shutdown,
    health: &Health,
) -> Result<Started> {
    let objects = Objects::new(&config.storage)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("listening for HTTP on {}", config.listen))?;
    let address = listener.local_addr().context("reading the listener's address")?;

    let access = Access::start(&config, &records, &bus, shutdown).await?;
    check(health, &bus, &records, &objects);
    look_around(health, &config.watch);
    let tracer = Tracer::start(&config.telemetry, "api", telemetry::instance(), shutdown)?;
    let maintenance = MaintenanceBook::open(records.clone(), bus.clone(), shutdown).await?;
    let intake = Intake::start(bus.clone(), maintenance.clone(), shutdown).await?;
    let feed = Feed::start(&bus, records.clone(), shutdown).await?;
    kept::start(&bus, feed.clone(), shutdown).await?;
    let executors = Executors::start(&bus, feed.clone(), shutdown).await?;
    let pulls = Pulls::start(&bus, feed.clone(), shutdown).await?;
    removal::serve(bus.clone(), records.clone(), objects.clone(), shutdown);
    register(bus.clone(), address, shutdown);
    let provider = config.oidc.map(|oidc| Provider::new(oidc, config.public_url.as_deref())).transpose()?;
    let secrets = Secrets::new(records.clone(), bus.clone(), config.secrets.as_ref())?;
    secrets::seal_anew(records.clone(), config.secrets.as_ref(), shutdown)?;
    let cordons = Cordons::new(records.clone(), bus.clone());
    let kept_uploads = Uploads::new(records.clone(), bus.clone(), objects.clone());
    let app = App::new(Parts {
        instance: config.instance,
        started_at: now(),
        queues: Queues::new(records.clone(), bus.clone()),
        access,
        records,
        bus,
        objects,
        admission: Admission::new(config.waiting_bytes),
        buckets: Buckets::new(&config.limits),
        other_hosts: config.other_hosts,
        cordons,
        secrets,
        uploads: kept_uploads,
        provider,
        maintenance,
        intake,
        putting_workflows: Mutex::default(),
        feed,
        executors,
        pulls,
        health: health.clone(),
        watch: Watchman::default(),
        tracer,
        shutdown: shutdown.clone(),
    });
    if config.page_code.is_none() {
        let (app, stop) = (app.clone(), shutdown.token());
        shutdown.spawn("invitation of the first administrator", async move {
            tokio::select! { () = stop.cancelled() => {}, () = keep_inviting(&app, address) => {} }
        });
    }
    watch::start(app.clone(), shutdown);
    limits::forget_idle_clients(app.clone(), shutdown);
    let trusted = config.trusted_proxies;
    let (router, stop) = (router::serving(app, uploads)?, shutdown.token());
    shutdown.spawn_vital("HTTP listener", async move {
        listener::serve(listener, router, &config.limits, trusted, stop).await.context("serving HTTP")
    });
    Ok(Started { address })
}

/// What nobody else looks at.
fn look_around(health: &Health, wanted: &Watch) {
    for (used_for, folder) in &wanted.disks {
        vitals::disk(health, used_for.clone(), folder.clone());
    }
    for (name, file) in &wanted.certificates {
        vitals::certificate(health, name.clone(), file.clone());
    }
    if let Some(address) = &wanted.address {
        served_certificate(health, "public", address);
    }
}

/// What has to work for requests to be answered.
fn check(health: &Health, bus: &Bus, records: &SharedRecords, objects: &Objects) {
    let bus = bus.clone();
    health.check("nats", CHECK_TIMEOUT, move || {
        let bus = bus.clone();
        async move {
            if bus.is_connected() {
                Ok(bus.url().to_owned())
            } else {
                Err(format!("no connection to {}", bus.url()))
            }
        }
    });
    let records = records.clone();
    health.check("records", CHECK_TIMEOUT, move || {
        let records = records.clone();
        async move { records.ping().await.map(|()| records.backend().to_owned()) }
    });
    let objects = objects.clone();
    health.check("storage", CHECK_TIMEOUT, move || {
        let objects = objects.clone();
        async move { objects.answers().await }
    });
}

/// Shows this process as a NATS micro service as soon as there is a connection.
fn register(bus: Bus, address: SocketAddr, shutdown: &Shutdown) {
    let stop = shutdown.token();
    shutdown.spawn("service registration", async move {
        let details = [("address".to_owned(), address.to_string())].into();
        let registering = async {
            let mut connection = bus.connection();
            connection.wait_for(|state| *state == emboflow_bus::Connection::Connected).await.ok()?;
            match bus.register_service("emboflow-api", VERSION, "HTTP API and page", details).await {
                Ok(registration) => Some(registration),
                Err(error) => {
                    tracing::warn!(%error, "the API is not registered as a NATS service");
                    None
                }
            }
        };
        let registration = tokio::select! { () = stop.cancelled() => None, made = registering => made };
        stop.cancelled().await;
        if let Some(registration) = registration {
            registration.stop().await;
        }
    });
}
