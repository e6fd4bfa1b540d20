//! Tells the world what was decided, in the order of the log. Everything here may be told twice; the cursor says up to
//! where it has been told once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use emboflow_bus::{Bus, BusError, Delivery, ack_all};
use emboflow_model::{ExecutorId, PoolName};
use emboflow_protocol::command::{Command, Commands};
use emboflow_protocol::event::Event;
use emboflow_protocol::request::Answer;
use tokio::sync::{mpsc, watch};

use super::fail_point::{FailPoint, FailPoints};
use crate::planner::Effect;

/// Commands in one message at most, well below the server's message limit.
const MAX_COMMANDS: usize = 64;
/// Bytes of commands in one message at most.
const MAX_COMMAND_BYTES: usize = 512 * 1024;

/// What one tick has to tell.
#[derive(Default)]
pub(super) struct Parcel {
    /// All entries up to here are durable.
    pub(super) through_seq: u64,
    pub(super) effects: Vec<Effect>,
    pub(super) replies: Vec<(String, Answer)>,
    pub(super) settle: Vec<Delivery>,
    /// Requests that nobody could read, and why.
    pub(super) bury: Vec<(Delivery, String)>,
}

impl Parcel {
    pub(super) fn is_empty(&self) -> bool {
        let Self { through_seq: _, effects, replies, settle, bury } = self;
        effects.is_empty() && replies.is_empty() && settle.is_empty() && bury.is_empty()
    }

    fn merge(&mut self, other: Parcel) {
        self.through_seq = self.through_seq.max(other.through_seq);
        self.effects.extend(other.effects);
        self.replies.extend(other.replies);
        self.settle.extend(other.settle);
        self.bury.extend(other.bury);
    }
}

/// Sends parcels until the channel is closed. `told` follows the log.
pub(super) async fn send_parcels(
    bus: Bus,
    fail_points: Arc<FailPoints>,
    mut parcels: mpsc::UnboundedReceiver<Parcel>,
    told: watch::Sender<u64>,
) {
    while let Some(mut parcel) = parcels.recv().await {
        while let Ok(next) = parcels.try_recv() {
            parcel.merge(next);
        }
        let through_seq = parcel.through_seq;
        tell(&bus, &fail_points, parcel).await;
        told.send_if_modified(|seq| {
            let grows = through_seq > *seq;
            *seq = through_seq.max(*seq);
            grows
        });
    }
}

async fn tell(bus: &Bus, fail_points: &FailPoints, parcel: Parcel) {
    for effect in &parcel.effects {
        fail_points.visit(FailPoint::Before(effect.kind()));
    }
    let (events, commands) = sort_effects(parcel.effects);
    // The answer does not wait for the watchers: it is in the records, which is all that it promises.
    for (subject, answer) in &parcel.replies {
        fail_points.visit(FailPoint::BeforeReply);
        if let Err(error) = bus.reply(subject, answer).await {
            tracing::warn!(%subject, %error, "answer could not be sent; the caller can ask for the request by its key");
        }
    }
    until_sent("commands", || bus.publish_all(&commands)).await;
    until_sent("events", || bus.publish_all(&events)).await;
    for (delivery, why) in parcel.bury {
        bury(delivery, "unreadable_request", &why).await;
    }
    if !parcel.settle.is_empty() {
        fail_points.visit(FailPoint::BeforeSettle);
        if let Err(error) = ack_all(parcel.settle).await {
            tracing::debug!(%error, "a message could not be settled; it comes again and is recognised");
        }
    }
}

/// Puts a message among the dead letters. When that fails it comes again, and is buried then.
pub(super) async fn bury(delivery: Delivery, reason: &str, why: &str) {
    if let Err(error) = delivery.bury(reason, why).await {
        tracing::warn!(%error, reason, "a message could not be buried; it comes again");
    }
}

/// Events in order, and one message for each executor's commands (or several, where they would be too large).
fn sort_effects(effects: Vec<Effect>) -> (Vec<Event>, Vec<Commands>) {
    let mut events = Vec::new();
    let mut by_executor: BTreeMap<(PoolName, ExecutorId), Vec<Command>> = BTreeMap::new();
    for effect in effects {
        match effect {
            Effect::Publish(event) => events.push(*event),
            Effect::Command { pool, executor, command } => {
                by_executor.entry((pool, executor)).or_default().push(command);
            }
        }
    }
    let commands = by_executor.into_iter().flat_map(|((pool, executor), commands)| {
        pack(commands).into_iter().map(move |commands| Commands {
            pool: pool.clone(),
            executor: executor.clone(),
            commands,
        })
    });
    (events, commands.collect())
}

fn pack(commands: Vec<Command>) -> Vec<Vec<Command>> {
    let mut packs: Vec<Vec<Command>> = Vec::new();
    let mut room = 0;
    for command in commands {
        let size = serde_json::to_vec(&command).map_or(MAX_COMMAND_BYTES, |bytes| bytes.len());
        match packs.last_mut() {
            Some(pack) if pack.len() < MAX_COMMANDS && size <= room => {
                room -= size;
                pack.push(command);
            }
            _ => {
                room = MAX_COMMAND_BYTES.saturating_sub(size);
                packs.push(vec![command]);
            }
        }
    }
    packs
}

/// Tries until it works: a decision that is in the records is told sooner or later. A message that can never be sent
/// is left to the reader, who sees the gap and asks the records.
async fn until_sent<F, Fut>(what: &str, send: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<(), BusError>>,
{
    let mut pause = Duration::from_millis(50);
    loop {
        match send().await {
            Ok(()) => return,
            Err(error @ BusError::TooLarge { .. }) => {
                tracing::error!(what, %error, "a message is too large to be sent");
                return;
            }
            Err(error) => {
                tracing::warn!(what, %error, pause_ms = pause.as_millis() as u64, "cannot be sent yet");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
        }
    }
}
