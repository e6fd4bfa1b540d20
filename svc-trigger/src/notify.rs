//! Notifications out: tells people and systems that a run ended, or waits for a person.
//!
//! A delivery is noted in the records before anything is sent, so that a crash repeats it and never loses it. Receivers
//! get each at least once, with an id that is the same every time.

mod courier;
mod deliveries;
mod email;
mod guard;
mod known;
mod letter;
mod metrics;
mod send;
mod webhook;

pub use email::{Smtp, SmtpTls};

use std::time::Duration;

use anyhow::{Context, Result};
use emboflow_bus::Bus;
use emboflow_model::notification::{Delivery, KIND};
use emboflow_model::{RunSummary, TaskKey, Timestamp};
use emboflow_protocol::notice::Notice;
use emboflow_protocol::secret_box::KeyRing;
use emboflow_records::{RecordsError, SharedRecords};
use emboflow_service::{Keys, Secret, Shutdown};
use futures::FutureExt;
use futures::future::BoxFuture;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use self::courier::Courier;
use self::deliveries::{Deliveries, DeliveryId};
use self::email::Mail;
use self::known::Known;
use self::send::Ways;
use self::webhook::Webhooks;
use crate::ended::Listener;
use crate::kept::now;

/// How long a change may stay unnoticed when its notice is lost.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How often deliveries are looked for that another service has left.
const TAKE_UP_EVERY: Duration = Duration::from_secs(5 * 60);
/// How long before what was left over is asked for again.
const RETRY: Duration = Duration::from_secs(2);

/// Settings of notifications.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Networks that webhooks may reach although they are not public.
    #[schemars(with = "Vec<String>")]
    pub allowed_networks: Vec<IpNet>,
    /// Whether webhooks may be sent over plain http.
    pub plain_http: bool,
    /// The server that takes mail; none = no mail is sent.
    pub smtp: Option<Smtp>,
}

/// Hears of ended runs, and has their notifications sent.
pub(crate) struct Notifier {
    known: Known,
    records: SharedRecords,
    deliveries: Deliveries,
    due: mpsc::UnboundedSender<(DeliveryId, Timestamp)>,
}

impl Notifier {
    /// Starts sending what was left over, and looks for notifications now, whenever one changes, and now and then.
    pub(crate) async fn start(
        config: &crate::Config,
        bus: &Bus,
        records: &SharedRecords,
        shutdown: &Shutdown,
    ) -> Result<Self> {
        let Config { allowed_networks, plain_http, smtp } = &config.notify;
        let ways = Ways {
            webhooks: Webhooks::new(allowed_networks, *plain_http)?,
            mail: smtp.as_ref().map(Mail::new).transpose()?,
            bus: bus.clone(),
            records: records.clone(),
            keys: config.secrets.as_ref().map(key_ring).transpose()?,
            public_url: config.public_url.clone(),
        };
        let (known, deliveries) = (Known::default(), Deliveries::new(records.clone()));
        let (due, noted) = mpsc::unbounded_channel();
        let courier = Courier::new(ways, known.clone(), deliveries.clone());
        let (stop, left_over) = (shutdown.token(), keep_taking_up(deliveries.clone(), due.clone()));
        // Nothing is sent before it is known what is wanted: a delivery without its notification would be dropped.
        let first_look = looked_once(known.clone(), records.clone());
        shutdown.spawn("courier of notifications", async move {
            let work = async {
                first_look.await;
                courier.work(noted).await;
            };
            tokio::select! { () = stop.cancelled() => {}, () = work => {}, () = left_over => {} }
        });
        keep_looking(known.clone(), bus, records.clone(), shutdown).await?;
        Ok(Self { known, records: records.clone(), deliveries, due })
    }

    /// Notes the deliveries about a run that ended; they are safe when this returns.
    async fn note(&self, run: &RunSummary) -> Result<(), RecordsError> {
        let ended_at = run.finished_at.unwrap_or(run.created_at);
        for notification in self.known.telling(run) {
            let id = DeliveryId { project: run.project.clone(), notification, run: run.id, task: None };
            let delivery = Delivery::new(run.id, run.workflow.clone(), run.state, ended_at, now());
            self.note_one(id, &delivery).await?;
        }
        Ok(())
    }

    /// Notes the deliveries about a task on which a person is to decide.
    async fn note_asked(&self, run: &RunSummary, task: &TaskKey, at: Timestamp) -> Result<(), RecordsError> {
        for notification in self.known.asking(run, at) {
            let (project, task) = (run.project.clone(), task.clone());
            let delivery =
                Delivery::new(run.id, run.workflow.clone(), run.state, at, now()).about(task.clone());
            let id = DeliveryId { project, notification, run: run.id, task: Some(task) };
            self.note_one(id, &delivery).await?;
        }
        Ok(())
    }

    async fn note_one(&self, id: DeliveryId, delivery: &Delivery) -> Result<(), RecordsError> {
        if self.deliveries.note(&id, delivery).await? {
            // The courier ends with the process: then the next one finds it.
            let _ = self.due.send((id, delivery.next_at.unwrap_or_default()));
        }
        Ok(())
    }
}

impl Listener for Notifier {
    fn name(&self) -> &'static str {
        "notifications"
    }

    fn is_listening(&self) -> bool {
        !self.known.is_empty()
    }

    fn look(&self) -> BoxFuture<'_, Result<()>> {
        async move { Ok(self.known.look(self.records.as_ref()).await?) }.boxed()
    }

    fn ended<'a>(&'a self, run: &'a RunSummary) -> BoxFuture<'a, Result<()>> {
        async move { Ok(self.note(run).await?) }.boxed()
    }

    fn asked<'a>(
        &'a self,
        run: &'a RunSummary,
        task: &'a TaskKey,
        at: Timestamp,
    ) -> BoxFuture<'a, Result<()>> {
        async move { Ok(self.note_asked(run, task, at).await?) }.boxed()
    }
}

fn key_ring(keys: &Keys) -> Result<KeyRing> {
    let older = keys.old_keys.iter().map(Secret::reveal);
    KeyRing::new(keys.key.reveal(), older).context("reading secrets.key and secrets.old_keys")
}

async fn looked_once(known: Known, records: SharedRecords) {
    while let Err(error) = known.look_first(records.as_ref()).await {
        tracing::warn!(%error, "the notifications cannot be read yet");
        tokio::time::sleep(RETRY).await;
    }
}

/// Finds what other services have noted and left, at the start and now and then, for ever.
async fn keep_taking_up(deliveries: Deliveries, due: mpsc::UnboundedSender<(DeliveryId, Timestamp)>) {
    loop {
        let pause = match deliveries.all().await {
            Ok(all) => {
                for (id, delivery) in all {
                    let _ = due.send((id, delivery.next_at.unwrap_or_default()));
                }
                TAKE_UP_EVERY
            }
            Err(error) => {
                tracing::warn!(%error, "the deliveries that are under way cannot be read yet");
                RETRY
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn keep_looking(known: Known, bus: &Bus, records: SharedRecords, shutdown: &Shutdown) -> Result<()> {
    let mut notices = bus.subscribe(Notice::filter(Some(KIND))).await?;
    let stop = shutdown.token();
    shutdown.spawn("changes of notifications", async move {
        let looking = async {
            let mut every = tokio::time::interval(LOOK_EVERY);
            loop {
                tokio::select! { _ = every.tick() => {}, Some(_) = notices.next() => {} }
                if let Err(error) = known.look(records.as_ref()).await {
                    tracing::warn!(%error, "the notifications cannot be read; those of before are sent");
                }
            }
        };
        tokio::select! { () = stop.cancelled() => {}, () = looking => {} }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use emboflow_model::RunState;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_another_service_has_noted_and_left_is_taken_up_later_too() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("records.db");
        let records = emboflow_records::open(&emboflow_records::Config::Sqlite { path }).await.unwrap();
        let deliveries = Deliveries::new(records.clone());
        let (due, mut noted) = mpsc::unbounded_channel();
        let taking_up = tokio::spawn(keep_taking_up(deliveries.clone(), due));
        let note = async |run: u128| {
            let id = DeliveryId {
                project: "lab".parse().unwrap(),
                notification: "on-call".parse().unwrap(),
                run: emboflow_model::RunId::from_bits(run),
                task: (run == 2).then(|| "review".parse().unwrap()),
            };
            let delivery =
                Delivery::new(id.run, "story".parse().unwrap(), RunState::Failed, Timestamp(1), Timestamp(2));
            assert!(Deliveries::new(records.clone()).note(&id, &delivery).await.unwrap());
            id
        };
        // One is there at the start or not long after, the other one comes when this has been running for long.
        let first = note(1).await;
        while noted.recv().await.map(|(id, _)| id) != Some(first.clone()) {}
        let second = note(2).await;
        while noted.recv().await.map(|(id, _)| id) != Some(second.clone()) {}
        taking_up.abort();
    }
}
