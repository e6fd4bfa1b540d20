//! Starts an executor: identity, journal, engine, reconciliation, then commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use emboflow_bus::Bus;
use emboflow_model::executor::ExecutorState;
use emboflow_model::{ExecutorId, PoolName, Reason};
use emboflow_protocol::health::AskHealth;
use emboflow_service::health::Report;
use emboflow_service::{FailPoints, Health, Shutdown, Tracer, vitals};
use emboflow_storage::Client;
use tokio_util::task::TaskTracker;

use crate::clerk::Clerk;
use crate::config::{Config, RuntimeChoice};
use crate::executor::Executor;
use crate::fail_point::fail_points;
use crate::guard::{Guard, Post};
use crate::heartbeat::{self, Offer};
use crate::journal::{Journal, Replay};
use crate::kept_files::KeptFiles;
use crate::outbox::{Carrier, Outbox};
use crate::runtime::docker::DockerRuntime;
use crate::runtime::simulated::Simulated;
use crate::runtime::{Engine, Owner, Runtime};
use crate::secrets::SecretsDir;
use crate::{at_hand, commands, devices, identity, machine, reconcile, seat};

const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(2);
/// How long another process may still hold the data directory.
const TAKE_OVER: Duration = Duration::from_secs(5);
/// How long the last reports may take.
const FLUSH: Duration = Duration::from_secs(2);
const WARN_EACH: u32 = 30;

/// An executor that was started.
#[derive(Clone, Debug)]
pub struct Started {
    /// Its id.
    pub executor: ExecutorId,
}

/// Runs an executor as a process of its own until `shutdown`.
///
/// # Errors
/// The configuration or the data directory cannot be used.
pub async fn run(mut config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    let _seat = seat::take(&mut config)?;
    let health = Health::new("executor");
    let address = health.serve(config.health_listen, &shutdown).await?;
    let started = start(config, &shutdown, &health).await?;
    tracing::info!(executor = %started.executor, %address, "the executor runs");
    shutdown.cancelled().await;
    Ok(())
}

/// Starts an executor inside this process; it ends with `shutdown`, and its checks go into `health`. Returns before
/// engine and NATS are there: it takes work as soon as they are.
///
/// # Errors
/// The configuration or the data directory cannot be used.
pub async fn start(config: Config, shutdown: &Shutdown, health: &Health) -> anyhow::Result<Started> {
    start_on(config, &Simulated::default(), shutdown, health).await
}

/// Like [`start`]; a simulated runtime uses the given engine, whose containers outlive the executor then.
///
/// # Errors
/// The configuration or the data directory cannot be used.
pub async fn start_on(
    config: Config,
    simulated: &Simulated,
    shutdown: &Shutdown,
    health: &Health,
) -> anyhow::Result<Started> {
    let identity = identity::open(&config.data_dir, config.executor.as_deref())?;
    // The engine mounts folders by their absolute path.
    let data_dir = config.data_dir.canonicalize().context("finding the data directory")?;
    let config = Config { data_dir, ..config };
    let fail_points = FailPoints::parse(config.fail_at.as_deref(), &fail_points())?;
    let pool = PoolName::new(&config.pool).context("reading the pool's name")?;
    let owner = Owner { instance: config.instance.clone(), executor: identity.executor.clone() };
    let guard = Guard::of(post(&config, &owner));
    let runtime = runtime(&config.runtime, owner, simulated)?;
    let (journal, replay) = open_journal(&config).await?;
    let bus = Bus::connect(&config.nats).await.context("connecting to NATS")?;
    let storage = Client::new(&config.storage_url, "").context("setting up the storage client")?;
    let (outbox, carrier) = Outbox::new(bus.clone(), pool.clone(), identity.executor.clone());
    let started = Started { executor: identity.executor.clone() };
    let tracer = Tracer::start(&config.telemetry, "executor", identity.executor.as_str(), shutdown)?;
    let secrets_dir = config.secrets_dir.clone();
    let secrets_dir = secrets_dir
        .unwrap_or_else(|| format!("/dev/shm/emboflow-{}-{}", config.instance, identity.executor).into());
    let clerk = Clerk::new(bus.clone(), pool.clone(), &identity);
    let executor = Arc::new(Executor {
        identity,
        pool,
        data_dir: config.data_dir.clone(),
        runtime,
        journal,
        bus,
        clerk,
        storage,
        outbox,
        held: Default::default(),
        devices: Default::default(),
        recent: Default::default(),
        kept_files: kept_files(&config),
        disk_limit_bytes: config.disk_limit_bytes,
        survey: Default::default(),
        removals: Default::default(),
        orphans: Default::default(),
        guard,
        secrets: SecretsDir::new(secrets_dir),
        storage_patience: Duration::from_millis(config.storage_patience_ms),
        tracer,
        fail_points,
        closed: AtomicBool::new(false),
        stop: Default::default(),
        tasks: TaskTracker::new(),
    });
    watch(health, &executor);
    answer_health(executor.clone(), health.clone(), shutdown);
    let stop = shutdown.clone();
    shutdown.spawn_vital("executor", async move { live(executor, config, replay, carrier, stop).await });
    Ok(started)
}

fn kept_files(config: &Config) -> KeptFiles {
    let by_disk = || machine::artifact_cache(machine::disk(&config.data_dir));
    KeptFiles::new(&config.data_dir, config.artifact_cache_bytes.unwrap_or_else(by_disk))
}

/// What the guard of this executor watches; none where containers end with the executor.
fn post(config: &Config, owner: &Owner) -> Option<Post> {
    let RuntimeChoice::Docker(docker) = &config.runtime else { return None };
    Some(Post {
        attempts_folder: config.data_dir.join("attempts"),
        host: docker.host.clone(),
        instance: owner.instance.clone(),
        executor: owner.executor.clone(),
    })
}

fn runtime(choice: &RuntimeChoice, owner: Owner, simulated: &Simulated) -> anyhow::Result<Arc<dyn Runtime>> {
    Ok(match choice {
        RuntimeChoice::Docker(docker) => Arc::new(
            DockerRuntime::new(docker.host.as_deref(), owner).context("setting up the Docker client")?,
        ),
        RuntimeChoice::Simulated => Arc::new(simulated.for_owner(owner)),
    })
}

/// The process before this one may be a moment from its end.
async fn open_journal(config: &Config) -> anyhow::Result<(Journal, Replay)> {
    let until = tokio::time::Instant::now() + TAKE_OVER;
    loop {
        match Journal::open(&config.data_dir) {
            Ok(opened) => return Ok(opened),
            Err(error) if tokio::time::Instant::now() >= until => {
                return Err(error).context("opening the journal");
            }
            Err(error) => tracing::debug!(%error, "the journal is not free yet"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn watch(health: &Health, executor: &Arc<Executor>) {
    let engine = executor.clone();
    health.check("runtime", CHECK_TIMEOUT, move || {
        let engine = engine.clone();
        async move { engine.runtime.probe().await.map(|engine| engine.version) }
    });
    let nats = executor.clone();
    health.check("nats", CHECK_TIMEOUT, move || {
        let bus = nats.bus.clone();
        async move {
            if bus.is_connected() {
                Ok("connected".to_owned())
            } else {
                Err(format!("no connection to {}", bus.url()))
            }
        }
    });
    let disk = executor.clone();
    health.check("disk", CHECK_TIMEOUT, move || {
        let (free, closed) =
            (machine::disk(&disk.data_dir).free_bytes >> 20, disk.closed.load(Ordering::Relaxed));
        let said = format!("{free} MiB free");
        std::future::ready(if closed { Err(format!("{said}: too full to take work")) } else { Ok(said) })
    });
}

/// Tells those who ask how this executor is.
fn answer_health(executor: Arc<Executor>, health: Health, shutdown: &Shutdown) {
    vitals::disk(&health, "workspaces", &executor.data_dir);
    let (bus, stop) = (executor.bus.clone(), shutdown.token());
    shutdown.spawn("health answers", async move {
        let answer = move |_: AskHealth| {
            let (health, instance) = (health.clone(), executor.identity.executor.to_string());
            async move { Report { instance, ..health.report("executor").await } }
        };
        bus.serve_each(AskHealth::filter(), stop, answer).await;
    });
}

async fn live(
    executor: Arc<Executor>,
    config: Config,
    replay: Replay,
    carrier: Carrier,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let stop = shutdown.token();
    let carrying = tokio::spawn(carrier.run());
    let engine = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        engine = find_engine(&executor) => engine,
    };
    let disk = machine::disk(&config.data_dir);
    let is_real = matches!(config.runtime, RuntimeChoice::Docker(_));
    let devices = devices::offered(config.devices.as_deref(), is_real).await;
    let devices = executor.devices.get_or_init(|| devices);
    let offer = Offer {
        capacity: machine::capacity(&engine, disk, devices.len(), &config.capacity),
        slots: config.slots.unwrap_or_else(|| machine::slots(&engine)),
        labels: config.labels.clone(),
        taints: config.taints.clone(),
        runtime: engine.version.clone(),
        disk_reserve_bytes: config.disk_reserve_bytes.unwrap_or_else(|| machine::disk_reserve(disk)),
    };
    tracing::info!(executor = %executor.identity.executor, runtime = engine.version, ?offer.capacity, "offering work");
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        () = reconcile::reconcile(&executor, replay) => {}
    }
    let consumer = commands::consume(&executor, stop.clone()).await.context("consuming commands")?;
    let every = Duration::from_millis(config.heartbeat_ms.max(100));
    let beating = tokio::spawn(heartbeat::beat(executor.clone(), offer.clone(), every, stop.clone()));
    let looking = tokio::spawn(at_hand::look(executor.clone(), stop.clone()));
    let registering = tokio::spawn(register(executor.clone(), engine, stop));
    commands::take(executor.clone(), consumer).await;

    beating.await.context("sending heartbeats")?;
    registering.abort();
    looking.abort();
    if config.stop_containers_on_exit {
        end_attempts(&executor).await;
    }
    executor.stop.cancel();
    executor.tasks.close();
    executor.tasks.wait().await;
    heartbeat::send(&executor, &offer, ExecutorState::Stopped).await;
    let _late_reports_come_again = tokio::time::timeout(FLUSH, executor.outbox.flush()).await;
    executor.bus.flush().await;
    carrying.abort();
    Ok(())
}

async fn find_engine(executor: &Executor) -> Engine {
    let mut rounds = 0u32;
    loop {
        match executor.runtime.probe().await {
            Ok(engine) => return engine,
            Err(error) if rounds.is_multiple_of(WARN_EACH) => {
                tracing::warn!(%error, "no container engine yet; `make setup` installs and starts one");
            }
            Err(_) => {}
        }
        rounds = rounds.wrapping_add(1);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Shows the executor among NATS' services, as soon as NATS is there.
async fn register(executor: Arc<Executor>, engine: Engine, stop: tokio_util::sync::CancellationToken) {
    let details = std::collections::HashMap::from([
        ("executor".to_owned(), executor.identity.executor.to_string()),
        ("pool".to_owned(), executor.pool.to_string()),
        ("runtime".to_owned(), engine.version),
    ]);
    let (name, version) = ("emboflow-executor", env!("CARGO_PKG_VERSION"));
    loop {
        match executor.bus.register_service(name, version, "Carries out attempts", details.clone()).await {
            Ok(_registration) => return stop.cancelled().await,
            Err(error) => tracing::debug!(%error, "not registered yet"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn end_attempts(executor: &Executor) {
    let open = executor.held.stop_all(Reason::Drained);
    tracing::info!(open, "ending attempts");
    while executor.held.inventory().open > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
