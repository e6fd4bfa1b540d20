//! Executors' heartbeats: the newest of each is kept in a key-value bucket, and every one is seen live.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use async_nats::HeaderMap;
use bytes::Bytes;
use emboflow_model::ExecutorId;
use emboflow_model::executor::Heartbeat;
use emboflow_protocol::command::Commands;
use emboflow_protocol::stream::{COMMANDS, bucket_stream, heartbeat_subject};
use futures::Stream;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::backoff::Backoff;
use crate::bus::Bus;
use crate::connection::Connection;
use crate::error::BusError;
use crate::publish::to_json;
use crate::subscription::{Frame, Subscription};

/// Changes that wait for a slow reader at most; then heartbeats wait in the subscription.
const QUEUE: usize = 256;
/// Marks a key's removal; see NATS' ADR-8.
const OPERATION: &str = "KV-Operation";
/// When the server took a stored message; see NATS' ADR-31.
const TAKEN_AT: &str = "Nats-Time-Stamp";

/// A change among the executors.
#[derive(Clone, Debug, PartialEq)]
pub enum HeartbeatChange {
    /// A heartbeat; may be one that was kept right after the start and after a reconnect, and the same may come twice.
    Seen(Box<Heartbeat>),
    /// The executor was removed by [`Bus::forget_executor`]. An executor that is only silent never shows here.
    Gone(ExecutorId),
}

/// What a watcher does with a message in the bucket that is no heartbeat. Every watcher sees it, so only one may bury
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Garbage {
    /// Make it a dead letter: the scheduler's part.
    Bury,
    /// Leave it to the scheduler.
    PassOver,
}

/// A never-ending stream of changes, first of all what is known. Dropping it stops it.
#[derive(Debug)]
pub struct Heartbeats {
    changes: mpsc::Receiver<HeartbeatChange>,
    task: AbortHandle,
}

impl Heartbeats {
    /// The next change.
    pub async fn next(&mut self) -> Option<HeartbeatChange> {
        self.changes.recv().await
    }
}

impl Stream for Heartbeats {
    type Item = HeartbeatChange;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<HeartbeatChange>> {
        self.changes.poll_recv(cx)
    }
}

impl Drop for Heartbeats {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Bus {
    /// Says that an executor lives. Errors: unavailable; the next one makes up for it.
    pub async fn put_heartbeat(&self, heartbeat: &Heartbeat) -> Result<(), BusError> {
        let subject = heartbeat_subject(heartbeat.executor.as_str());
        let body = to_json(&subject, heartbeat)?;
        self.publish_raw(&subject, HeaderMap::new(), body).await
    }

    /// Removes an executor's heartbeat, and the commands that wait for it; all watchers see it as gone. It appears
    /// again with its next heartbeat. Errors: NATS is away; may be repeated.
    pub async fn forget_executor(&self, executor: &ExecutorId) -> Result<(), BusError> {
        let mut headers = HeaderMap::new();
        headers.insert(OPERATION, "DEL");
        self.publish_raw(&heartbeat_subject(executor.as_str()), headers, Bytes::new()).await?;
        let (stream, doing) = (COMMANDS.name, || format!("removing what is left of executor {executor}"));
        let consumer = Commands::consumer_of(executor);
        let deleted: Result<Value, _> =
            self.api(&format!("CONSUMER.DELETE.{stream}.{consumer}"), &json!({}), doing()).await;
        // One that never took a command has none.
        if let Err(error) = deleted
            && !error.is_not_found()
        {
            return Err(error);
        }
        let commands = json!({ "filter": Commands::subjects_of(executor).as_str() });
        let _purged: Value = self.api(&format!("STREAM.PURGE.{stream}"), &commands, doing()).await?;
        Ok(())
    }

    /// The newest heartbeat of each executor; those that cannot be read are left out.
    pub async fn heartbeats(&self) -> Result<Vec<Heartbeat>, BusError> {
        self.heartbeats_of_last(Duration::MAX).await
    }

    /// Those of [`Bus::heartbeats`] that came not longer ago than `age`, by the time that the bucket took them.
    pub(crate) async fn heartbeats_of_last(&self, age: Duration) -> Result<Vec<Heartbeat>, BusError> {
        self.ready().await?;
        let mut kept = self.stored(&bucket_stream(), &heartbeat_subject(">")).await?;
        let mut heartbeats = Vec::new();
        while let Some(frame) = kept.next().await? {
            if frame.headers.get(OPERATION).is_none() && !is_older(&frame, age) {
                heartbeats.extend(serde_json::from_slice(&frame.payload));
            }
        }
        Ok(heartbeats)
    }

    /// Watches the executors for ever: what is known first, then each heartbeat as it comes. It goes on over
    /// reconnects and when the bucket is made anew, and then tells again what is known. What is known and came longer
    /// ago than `kept` is left out.
    pub async fn watch_heartbeats(&self, garbage: Garbage, kept: Duration) -> Result<Heartbeats, BusError> {
        let live = self.subscribe_text(&heartbeat_subject("*")).await?;
        let (sender, changes) = mpsc::channel(QUEUE);
        let task = tokio::spawn(watch(self.clone(), live, garbage, kept, sender)).abort_handle();
        Ok(Heartbeats { changes, task })
    }
}

async fn watch(
    bus: Bus,
    mut live: Subscription,
    garbage: Garbage,
    kept: Duration,
    changes: mpsc::Sender<HeartbeatChange>,
) {
    let mut connection = bus.connection();
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
    let mut wants_all = true;
    loop {
        let retry = if wants_all { backoff.step() } else { Duration::MAX };
        let change = tokio::select! {
            () = changes.closed() => return,
            frame = live.next() => match frame {
                Some(frame) => bus.change_of(frame, garbage).await,
                None => return,
            },
            changed = connection.changed() => {
                if changed.is_err() {
                    return;
                }
                wants_all |= *connection.borrow_and_update() == Connection::Connected;
                backoff.reset();
                None
            }
            () = tokio::time::sleep(retry), if wants_all => {
                match bus.heartbeats_of_last(kept).await {
                    Ok(known) => {
                        wants_all = false;
                        backoff.reset();
                        for heartbeat in known {
                            if changes.send(HeartbeatChange::Seen(Box::new(heartbeat))).await.is_err() {
                                return;
                            }
                        }
                    }
                    Err(error) => tracing::debug!(%error, "the heartbeats cannot be read yet"),
                }
                None
            }
        };
        if let Some(change) = change
            && changes.send(change).await.is_err()
        {
            return;
        }
    }
}

/// Whether the bucket took it longer ago. One from the future is young: the server's clock is ahead of ours.
fn is_older(frame: &Frame, age: Duration) -> bool {
    let taken = frame.headers.get(TAKEN_AT).and_then(|text| text.parse::<jiff::Timestamp>().ok());
    taken.is_some_and(|taken| SystemTime::now().duration_since(taken.into()).is_ok_and(|came| came > age))
}

impl Bus {
    /// What a live message of the bucket says.
    async fn change_of(&self, frame: Frame, garbage: Garbage) -> Option<HeartbeatChange> {
        let key = frame.subject.rsplit('.').next().unwrap_or_default();
        if frame.headers.get(OPERATION).is_some() {
            return ExecutorId::new(key).ok().map(HeartbeatChange::Gone);
        }
        let error = match serde_json::from_slice::<Heartbeat>(&frame.payload) {
            Ok(heartbeat) if heartbeat.executor.as_str() == key => {
                return Some(HeartbeatChange::Seen(Box::new(heartbeat)));
            }
            Ok(heartbeat) => format!("it is a heartbeat of {}", heartbeat.executor),
            Err(error) => error.to_string(),
        };
        if garbage == Garbage::Bury {
            self.bury_quietly("unreadable_heartbeat", &frame.subject, frame.payload, &error).await;
        }
        None
    }
}
