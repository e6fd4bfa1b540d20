//! Tells the world what was decided, in the order of the log. Everything here may be told twice; the cursor says up to
//! where it has been told once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use emboflow_bus::{BusError, Pulse};
use emboflow_model::transition::{AttemptEnd, AttemptTimes};
use emboflow_model::{Cause, ExecutorId, Outcome, PoolName, Reason};
use emboflow_protocol::batch::BatchAnswer;
use emboflow_protocol::call::ForgetAnswer;
use emboflow_protocol::command::{Command, Commands, Start};
use emboflow_protocol::event::Event;
use emboflow_protocol::message::Message;
use emboflow_protocol::report::{Phase, Report};
use emboflow_protocol::request::Answer;
use emboflow_service::FailPoints;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};

use super::fail_point::FailPoint;
use super::feeds::Signal;
use super::world::{Letter, World};
use crate::planner::Effect;

/// Commands in one message at most, well below the server's message limit.
const MAX_COMMANDS: usize = 64;
/// Bytes of commands in one message at most.
const MAX_COMMAND_BYTES: usize = 512 * 1024;

/// The answer to a message.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Told {
    One(Answer),
    Batch(BatchAnswer),
}

/// What one tick has to tell.
pub(super) struct Parcel<L> {
    /// All entries up to here are durable.
    pub(super) through_seq: u64,
    pub(super) effects: Vec<Effect>,
    pub(super) replies: Vec<(String, Told)>,
    pub(super) settle: Vec<L>,
    /// Requests that nobody could read, and why.
    pub(super) bury: Vec<(L, String)>,
    /// What became of executors that were to be forgotten, and who waits for it.
    pub(super) forgotten: Vec<((ExecutorId, ForgetAnswer), oneshot::Sender<ForgetAnswer>)>,
}

impl<L> Default for Parcel<L> {
    fn default() -> Self {
        Self {
            through_seq: 0,
            effects: Vec::new(),
            replies: Vec::new(),
            settle: Vec::new(),
            bury: Vec::new(),
            forgotten: Vec::new(),
        }
    }
}

impl<L> Parcel<L> {
    pub(super) fn is_empty(&self) -> bool {
        let Self { through_seq: _, effects, replies, settle, bury, forgotten } = self;
        effects.is_empty()
            && replies.is_empty()
            && settle.is_empty()
            && bury.is_empty()
            && forgotten.is_empty()
    }

    fn merge(&mut self, other: Self) {
        self.through_seq = self.through_seq.max(other.through_seq);
        self.effects.extend(other.effects);
        self.replies.extend(other.replies);
        self.settle.extend(other.settle);
        self.bury.extend(other.bury);
        self.forgotten.extend(other.forgotten);
    }
}

/// Where the outbox sends to.
pub(super) struct Outbox<W: World> {
    pub(super) world: W,
    pub(super) fail_points: Arc<FailPoints>,
    pub(super) pulse: Pulse,
    /// Where it says that an attempt cannot be given to its executor.
    pub(super) signals: mpsc::Sender<Signal<W::Letter>>,
    /// Follows the log.
    pub(super) told: watch::Sender<u64>,
}

impl<W: World> Outbox<W> {
    /// Sends parcels until the channel is closed.
    pub(super) async fn send_parcels(self, mut parcels: mpsc::UnboundedReceiver<Parcel<W::Letter>>) {
        while let Some(mut parcel) = parcels.recv().await {
            while let Ok(next) = parcels.try_recv() {
                parcel.merge(next);
            }
            let through_seq = parcel.through_seq;
            self.tell(parcel).await;
            self.told.send_if_modified(|seq| {
                let grows = through_seq > *seq;
                *seq = through_seq.max(*seq);
                grows
            });
        }
    }

    async fn tell(&self, parcel: Parcel<W::Letter>) {
        let Self { world, fail_points, .. } = self;
        for effect in &parcel.effects {
            fail_points.visit(FailPoint::Before(effect.kind()));
        }
        let (events, commands) = sort_effects(parcel.effects);
        // The answer does not wait for the watchers: it is in the records, which is all that it promises.
        for (subject, answer) in &parcel.replies {
            fail_points.visit(FailPoint::BeforeReply);
            if let Err(error) = world.reply(subject, answer).await {
                tracing::warn!(%subject, %error, "answer could not be sent; the caller can ask for the request by its key");
            }
        }
        self.send_commands(commands).await;
        self.send_events(events).await;
        for ((executor, answer), caller) in parcel.forgotten {
            forget(world, executor, answer, caller).await;
        }
        for (delivery, why) in parcel.bury {
            bury(delivery, "unreadable_request", &why).await;
        }
        if !parcel.settle.is_empty() {
            fail_points.visit(FailPoint::BeforeSettle);
            if let Err(error) = W::Letter::settle(parcel.settle).await {
                tracing::debug!(%error, "a message could not be settled; it comes again and is recognised");
            }
        }
    }

    /// A command for which there is no room is left out: the executor is told again after a heartbeat. One that no
    /// message takes ends its attempt.
    async fn send_commands(&self, commands: Vec<Commands>) {
        for (commands, error) in self.until_sent(commands, |_| true).await {
            let executor = &commands.executor;
            if !matches!(error, BusError::TooLarge { .. }) {
                tracing::warn!(%executor, %error, "commands are left out; a heartbeat brings them again");
                continue;
            }
            // Only a start can be so large, and it is alone in its message.
            for command in &commands.commands {
                let Command::Start(start) = command else { continue };
                tracing::warn!(%executor, attempt = %start.attempt, %error, "an attempt cannot be given to its executor");
                let refused = refused_start(executor.clone(), start, &error);
                // This life of the driver is over when it fails; the next one sends the command again.
                let _ = self.signals.send(Signal::Refused(Box::new(refused))).await;
            }
        }
    }

    /// One that is too large is left to the reader, who sees the gap and asks the records.
    async fn send_events(&self, events: Vec<Event>) {
        let is_too_large = |error: &BusError| matches!(error, BusError::TooLarge { .. });
        for (event, error) in self.until_sent(events, is_too_large).await {
            tracing::error!(id = event.id, %error, "an event is too large to be sent");
        }
    }

    /// Tries until it works: a decision that is in the records is told sooner or later. Gives the messages that were
    /// refused for a reason that does not pass.
    async fn until_sent<M: Message + Send + Sync>(
        &self,
        mut messages: Vec<M>,
        gives_up: impl Fn(&BusError) -> bool,
    ) -> Vec<(M, BusError)> {
        let mut given_up = Vec::new();
        let mut pause = Duration::from_millis(50);
        loop {
            let error = match self.world.publish_all(&messages).await {
                Err(error) => Some(error),
                Ok(refused) => {
                    let mut refused: HashMap<usize, BusError> = refused.into_iter().collect();
                    let (mut again, mut last) = (Vec::new(), None);
                    for (index, message) in messages.into_iter().enumerate() {
                        match refused.remove(&index) {
                            None => {}
                            Some(error) if gives_up(&error) => given_up.push((message, error)),
                            Some(error) => {
                                again.push(message);
                                last = Some(error);
                            }
                        }
                    }
                    messages = again;
                    last
                }
            };
            let Some(error) = error else { return given_up };
            tracing::warn!(messages = messages.len(), %error, pause_ms = pause.as_millis() as u64, "cannot be sent yet");
            self.pulse.beat();
            self.world.pause(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
}

/// The end of an attempt whose executor cannot be told of it.
fn refused_start(executor: ExecutorId, start: &Start, error: &BusError) -> (ExecutorId, Report) {
    let end = AttemptEnd {
        outcome: Outcome::Failed,
        cause: Cause::User,
        reason: Some(Reason::SpecInvalid),
        message: Some(format!("what the task is to do, with all its inputs, fits into no message: {error}")),
        exit_code: None,
        times: AttemptTimes::default(),
        log: None,
        artifacts: Vec::new(),
        values: serde_json::Map::new(),
        image_digest: None,
        unseen: false,
    };
    let phase = Phase::Ended { end: Box::new(end) };
    (executor, Report { attempt: start.attempt.clone(), fence: start.fence, phase })
}

/// Takes an executor off the list. The caller gets no answer when that fails, and asks again.
async fn forget(
    world: &impl World,
    executor: ExecutorId,
    answer: ForgetAnswer,
    caller: oneshot::Sender<ForgetAnswer>,
) {
    if !matches!(answer, ForgetAnswer::Online { .. })
        && let Err(error) = world.forget_executor(&executor).await
    {
        return tracing::warn!(%executor, %error, "a forgotten executor is still on the list");
    }
    // Nobody waits for it any more when this fails.
    let _ = caller.send(answer);
}

/// Puts a message among the dead letters. When that fails it comes again, and is buried then.
pub(super) async fn bury(letter: impl Letter, reason: &str, why: &str) {
    if let Err(error) = letter.bury(reason, why).await {
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
