//! Starts the trigger service: records, NATS, the triggers, its listener.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use emboflow_bus::Bus;
use emboflow_protocol::health::AskHealth;
use emboflow_protocol::trigger::Fire;
use emboflow_records::SharedRecords;
use emboflow_service::{Health, Shutdown};

use crate::answers::Answers;
use crate::backfills::Backfills;
use crate::backoff::Backoff;
use crate::config::Config;
use crate::ended::{Follower, Listener, RunFinished};
use crate::fire::{Firing, Recent};
use crate::hands::Hands;
use crate::journal::Journal;
use crate::keeper::Keeper;
use crate::kept::Triggers;
use crate::measure;
use crate::notify::Notifier;
use crate::objects::{self, Ended, Storage};
use crate::requester::Requester;

const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the trigger service as a process of its own until `shutdown`.
pub async fn run(config: Config, shutdown: Shutdown) -> anyhow::Result<()> {
    let health = Health::new("trigger");
    let address = health.serve(config.listen, &shutdown).await?;
    start(config, &shutdown, &health).await?;
    tracing::info!(%address, "the trigger service waits for what starts runs");
    shutdown.cancelled().await;
    Ok(())
}

/// Starts the trigger service with records of its own; it ends with `shutdown`. Its checks go into `health`.
pub async fn start(config: Config, shutdown: &Shutdown, health: &Health) -> anyhow::Result<()> {
    let records = config.records.as_ref().context("the configuration says nothing of records")?;
    let records = emboflow_records::open(records).await.context("opening the records")?;
    start_on(config, records, shutdown, health).await
}

/// Starts the trigger service on records that are open, inside this process; it ends with `shutdown`. Its checks go into
/// `health`.
pub async fn start_on(
    config: Config,
    records: SharedRecords,
    shutdown: &Shutdown,
    health: &Health,
) -> anyhow::Result<()> {
    measure::announce();
    let bus = Bus::connect(&config.nats).await.context("connecting to NATS")?;
    check(&bus, &records, health);
    let journal = Journal::new(records.clone());
    let answers = Answers::new();
    let heard = answers.listen(&bus).await.context("listening for answers")?;
    forever(shutdown, "answers", answers.clone().note_all(heard, journal.clone()));
    forever(shutdown, "history", journal.clone().write_notes());

    let requester = Requester::new(bus.clone(), answers, journal.clone(), config.die_after_requests);
    let triggers = Triggers::default();
    let hands = Hands {
        bus: bus.clone(),
        records: records.clone(),
        requester: requester.clone(),
        journal: journal.clone(),
        foreign: config.foreign.clone().map(Arc::from),
        triggers: triggers.clone(),
        storage: config.storage.as_ref().map(Storage::new).transpose()?,
    };
    let storage = hands.storage.clone();
    if let Some(storage) = &storage {
        forever(shutdown, "objects", storage.hear(bus.clone()));
    }
    forever(shutdown, "objects of triggers that are gone", objects::clean(records.clone()));
    let keeper = Keeper::new(hands);
    forever(shutdown, "notices", keeper.hear_notices());
    shutdown.spawn_vital("triggers", {
        let stop = shutdown.token();
        async move {
            keeper.keep(stop).await;
            Ok(())
        }
    });

    let starts = RunFinished {
        records: records.clone(),
        triggers: triggers.clone(),
        requester: requester.clone(),
        journal: journal.clone(),
    };
    let tells =
        Notifier::start(&config, &bus, &records, shutdown).await.context("setting up notifications")?;
    let mut listeners: Vec<Arc<dyn Listener>> = vec![Arc::new(starts), Arc::new(tells)];
    if let Some(storage) = storage {
        listeners.push(Arc::new(Ended { triggers: triggers.clone(), storage }));
    }
    let follower = Follower::new(records.clone(), listeners);
    forever(shutdown, "events", follower.wake_on_events(bus.clone()));
    forever(shutdown, "ended runs", follower.follow());

    let firing =
        Firing { records, requester, journal, recent: Recent::default(), backfills: Backfills::default() };
    serve(bus.clone(), firing, shutdown, health);
    register(&bus, shutdown);
    Ok(())
}

/// A task that ends only with the service.
fn forever(shutdown: &Shutdown, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    let stop = shutdown.token();
    shutdown.spawn_vital(name, async move {
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            () = task => anyhow::bail!("it ended by itself"),
        }
    });
}

fn check(bus: &Bus, records: &SharedRecords, health: &Health) {
    let checked = records.clone();
    health.check("records", CHECK_TIMEOUT, move || {
        let records = checked.clone();
        async move { records.ping().await.map(|()| records.backend().to_owned()) }
    });
    let checked = bus.clone();
    health.check("nats", CHECK_TIMEOUT, move || {
        let bus = checked.clone();
        async move { if bus.is_connected() { Ok(bus.url().to_owned()) } else { Err("not connected") } }
    });
}

/// Answers the API's questions.
fn serve(bus: Bus, firing: Firing, shutdown: &Shutdown, health: &Health) {
    let (asked, stop, own) = (bus.clone(), shutdown.token(), health.clone());
    shutdown.spawn("health answers", async move {
        let answer = move |_: AskHealth| {
            let own = own.clone();
            async move { own.report("trigger").await }
        };
        asked.serve_each(AskHealth::filter(), stop, answer).await;
    });
    let stop = shutdown.token();
    shutdown.spawn_vital("calls", async move {
        let answer = move |fire: Fire| firing.clone().answer(fire);
        bus.serve(Fire::filter(), stop, answer).await.context("answering calls")
    });
}

/// Shows the service to whoever looks for it over NATS; it works without that as well.
fn register(bus: &Bus, shutdown: &Shutdown) {
    let (bus, stop) = (bus.clone(), shutdown.token());
    shutdown.spawn("micro service", async move {
        let mut backoff = Backoff::new();
        let about = "starts runs by time, messages and ended runs";
        let registration = loop {
            let registering =
                bus.register_service("emboflow-trigger", env!("CARGO_PKG_VERSION"), about, HashMap::new());
            tokio::select! {
                () = stop.cancelled() => return,
                made = registering => match made {
                    Ok(made) => break made,
                    Err(error) => tracing::warn!(%error, "the trigger service is not registered yet"),
                },
            }
            backoff.wait().await;
        };
        stop.cancelled().await;
        registration.stop().await;
    });
}
