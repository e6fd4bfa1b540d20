//! Starts the API: connections, listeners for what happens, HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::serve::ListenerExt;
use emboflow_bus::Bus;
use emboflow_model::ProjectName;
use emboflow_records::SharedRecords;
use emboflow_service::{Health, Shutdown};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::admission::Admission;
use crate::app::{App, Parts, now};
use crate::config::Config;
use crate::intake::Intake;
use crate::live::executors::Executors;
use crate::live::feed::Feed;
use crate::live::progress::Pulls;
use crate::objects::Objects;
use crate::sign_in::SignIn;
use crate::{removal, router};

const CHECK_TIMEOUT: Duration = Duration::from_secs(3);
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

/// What the API shares with other services of its process.
#[derive(Clone)]
pub struct Connections {
    /// NATS.
    pub bus: Bus,
    /// The records.
    pub records: SharedRecords,
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
    start_on(config, Connections { bus, records }, shutdown, health).await
}

/// Starts the API on connections that are there; it ends with `shutdown`. Its checks go into `health`, which it shows
/// at `/health`, `/ready` and `/metrics`.
pub async fn start_on(
    config: Config,
    Connections { bus, records }: Connections,
    shutdown: &Shutdown,
    health: &Health,
) -> Result<Started> {
    let sign_in = SignIn::new(&config.token, config.page_code.as_ref())?;
    let objects = Objects::new(&config.storage)?;
    let default = ProjectName::new("default").expect("`default` has the form of a name");
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("listening for HTTP on {}", config.listen))?;
    let address = listener.local_addr().context("reading the listener's address")?;

    watch(health, &bus, &records, &objects);
    let intake = Intake::start(bus.clone(), shutdown).await?;
    let feed = Feed::start(&bus, records.clone(), shutdown).await?;
    let executors = Executors::start(&bus, feed.clone(), shutdown).await?;
    let pulls = Pulls::start(&bus, feed.clone(), shutdown).await?;
    removal::serve(bus.clone(), records.clone(), objects.clone(), shutdown);
    register(bus.clone(), address, shutdown);
    let app = App::new(Parts {
        instance: config.instance,
        started_at: now(),
        projects: config.projects.into_iter().chain([default]).collect(),
        sign_in,
        records,
        bus,
        objects,
        admission: Admission::new(config.waiting_bytes),
        intake,
        putting_workflows: Mutex::default(),
        feed,
        executors,
        pulls,
        health: health.clone(),
        shutdown: shutdown.clone(),
    });
    let (router, stop) = (router::serving(app), shutdown.token());
    // Events are small: the system must not hold one back until the one before is acknowledged.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays slow");
        }
    });
    shutdown.spawn_vital("HTTP listener", async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
            .context("serving HTTP")
    });
    Ok(Started { address })
}

/// What has to work for requests to be answered.
fn watch(health: &Health, bus: &Bus, records: &SharedRecords, objects: &Objects) {
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
