//! The sources of signals: streams, heartbeats and calls, each with its own task, all into one channel.

use std::collections::BTreeMap;
use std::time::Duration;

use emboflow_bus::{Bus, ConsumerSpec, Delivery, Garbage, HeartbeatChange, StreamState};
use emboflow_model::executor::Heartbeat;
use emboflow_model::{ExecutorId, PoolName, RunId};
use emboflow_protocol::call::{
    AskCordons, AskQueues, Claim, ClaimAnswer, Claims, ClaimsAnswer, CordonFigures, Explain, Explanation,
    ForgetAnswer, ForgetExecutor, QueueFigures,
};
use emboflow_protocol::report::Report;
use emboflow_protocol::stream::{EVENTS, INTAKE, INTAKE_CONSUMER, REPORTS, REPORTS_CONSUMER};
use futures::FutureExt;
use futures::future::join_all;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::foresight::Foresight;
use super::hearing;
use super::machine::Machine;
use super::world::Feeds;
use crate::forecast::{Learned, Snapshot};
use crate::planner::{Input, Wanted};

/// Messages taken from a stream at once at most.
const BATCH: usize = 256;
/// A heartbeat that NATS has kept for longer says nothing of its executor.
const KEPT_HEARTBEAT: Duration = Duration::from_secs(60);
/// How old the count of what waits may be.
const MEASURED_EACH: Duration = Duration::from_secs(5);
/// How long to wait before NATS is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Something for the owner of the planner.
pub(crate) enum Signal<L> {
    Requests(Vec<L>),
    Reports(Vec<L>),
    Heartbeat(Box<Heartbeat>),
    Claim(Claim, oneshot::Sender<Result<ClaimAnswer, String>>),
    Explain(Explain, oneshot::Sender<Explanation>),
    Queues(oneshot::Sender<QueueFigures>),
    Cordons(oneshot::Sender<CordonFigures>),
    /// A copy of the plan, and how long it took to make.
    Snapshot(oneshot::Sender<(Snapshot, Duration)>),
    /// What was learned of durations before this life began.
    Learned(Vec<Learned>),
    Forget(ForgetExecutor, oneshot::Sender<ForgetAnswer>),
    /// Nothing may be made of these runs from now on; the answer is the place up to which something may have been.
    Removing(Vec<RunId>, oneshot::Sender<u64>),
    /// These runs are gone, or stay.
    Removed(Vec<RunId>),
    /// What an executor was to be told can never be sent: this is how its attempt ends.
    Refused(Box<(ExecutorId, Report)>),
    /// Something for the planner that nobody waits for.
    Input(Box<Input>),
    /// The run that a task waits for is to be looked for again.
    Wanted(Wanted),
    /// Nothing is taken in and started, for this reason; none when it is. And in which pools nothing is started.
    Maintenance {
        installation: Option<String>,
        pools: BTreeMap<PoolName, String>,
    },
    /// NATS has forgotten the events.
    Emptied,
    /// It is time to count what waits.
    Measure,
}

/// Opens every feed. They end with `stop`, or when nobody listens any more. That of requests is shut while `is_shut`.
pub(super) async fn open(bus: &Bus, feeds: Feeds<Machine>) -> anyhow::Result<()> {
    let Feeds { signals, pulse, is_shut, stop, tasks } = feeds;
    // Each may be a batch of hundreds: what is in work is held in memory.
    let intake = ConsumerSpec {
        max_ack_pending: BATCH,
        pulse: pulse.clone(),
        ..ConsumerSpec::new(INTAKE, INTAKE_CONSUMER)
    };
    let reports =
        ConsumerSpec { max_ack_pending: 4 * BATCH, pulse, ..ConsumerSpec::new(REPORTS, REPORTS_CONSUMER) };
    tasks.spawn(take_requests_in(bus.clone(), intake, is_shut, signals.clone(), stop.clone()));
    tasks.spawn(pump(bus.consume(reports).await?.until(stop.clone()), signals.clone(), Signal::Reports));
    tasks.spawn(hear(bus.clone(), signals.clone(), stop.clone()));
    tasks.spawn(notice_emptied(bus.clone(), signals.clone(), stop.clone()));
    tasks.spawn(hearing::notice(bus.clone(), signals.clone(), stop.clone()));
    tasks.spawn(measure(signals.clone(), stop.clone()));
    tasks.spawn(serve_claims(bus.clone(), signals.clone(), stop.clone()));
    tasks.spawn(serve_claims_together(bus.clone(), signals.clone(), stop.clone()));
    tasks.spawn(serve_forgetting(bus.clone(), signals.clone(), stop.clone()));
    tasks.spawn(serve_queues(bus.clone(), signals.clone(), stop.clone()));
    tasks.spawn(serve_cordons(bus.clone(), signals.clone(), stop.clone()));
    tasks.spawn(Foresight::new(signals.clone(), stop.clone()).serve(bus.clone()));
    tasks.spawn(serve_explanations(bus.clone(), signals, stop));
    Ok(())
}

/// Reads requests while it is not shut. Shut, it fetches none: each fetch counts as a delivery, and a request that was
/// acknowledged must not be buried because the scheduler was started often meanwhile.
async fn take_requests_in(
    bus: Bus,
    spec: ConsumerSpec,
    is_shut: watch::Receiver<bool>,
    signals: mpsc::Sender<Signal<Delivery>>,
    stop: CancellationToken,
) {
    while becomes(&is_shut, false, &stop).await {
        let consumer = match bus.consume(spec.clone()).await {
            Ok(consumer) => consumer,
            Err(error) => {
                tracing::error!(%error, "requests cannot be read; trying again");
                tokio::time::sleep(ASK_AGAIN).await;
                continue;
            }
        };
        let open = stop.child_token();
        let shutting = async {
            becomes(&is_shut, true, &stop).await;
            open.cancel();
        };
        // What was fetched and not handed out goes back to the stream.
        tokio::join!(pump(consumer.until(open.clone()), signals.clone(), Signal::Requests), shutting);
    }
}

/// Waits until it is shut, or open; false when everything ends instead.
async fn becomes(is_shut: &watch::Receiver<bool>, wanted: bool, stop: &CancellationToken) -> bool {
    let mut is_shut = is_shut.clone();
    let changed = async move { is_shut.wait_for(|found| *found == wanted).await.is_ok() };
    tokio::select! {
        biased;
        () = stop.cancelled() => false,
        changed = changed => changed,
    }
}

async fn pump(
    mut consumer: emboflow_bus::Consumer,
    signals: mpsc::Sender<Signal<Delivery>>,
    signal: impl Fn(Vec<Delivery>) -> Signal<Delivery> + Send,
) {
    loop {
        let batch = consumer.next_batch(BATCH).await;
        if batch.is_empty() {
            return;
        }
        let room = tokio::select! {
            biased;
            room = signals.reserve() => room,
            // What has come meanwhile would otherwise look lost.
            () = consumer.read_on() => return,
        };
        match room {
            Ok(room) => room.send(signal(batch)),
            Err(_) => return,
        }
    }
}

/// Says when the stream of events is another one than before, or has nothing in it at the start.
pub(super) async fn notice_emptied(
    bus: Bus,
    signals: mpsc::Sender<Signal<Delivery>>,
    stop: CancellationToken,
) {
    let (mut connection, mut made) = (bus.connection(), bus.streams_made());
    let mut known = None;
    while !stop.is_cancelled() {
        connection.mark_unchanged();
        made.mark_unchanged();
        let pause = match bus.stream_state(&EVENTS).await {
            Ok(StreamState { made_at, messages }) => {
                let is_emptied = known.as_ref().map_or(messages == 0, |before| *before != made_at);
                known = Some(made_at);
                if is_emptied && signals.send(Signal::Emptied).await.is_err() {
                    return;
                }
                Duration::MAX
            }
            Err(error) => {
                tracing::debug!(%error, "the stream of events cannot be looked at yet");
                ASK_AGAIN
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            Ok(()) = connection.changed() => {}
            Ok(()) = made.changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn hear(bus: Bus, signals: mpsc::Sender<Signal<Delivery>>, stop: CancellationToken) {
    let mut heartbeats = match bus.watch_heartbeats(Garbage::Bury, KEPT_HEARTBEAT).await {
        Ok(heartbeats) => heartbeats,
        Err(error) => return tracing::error!(%error, "heartbeats cannot be watched"),
    };
    loop {
        let change = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            change = heartbeats.next() => change,
        };
        match change {
            None => return,
            // A key that left the bucket says nothing that silence does not say.
            Some(HeartbeatChange::Gone(_)) => {}
            Some(HeartbeatChange::Seen(beat)) => {
                if signals.send(Signal::Heartbeat(beat)).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn measure(signals: mpsc::Sender<Signal<Delivery>>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(MEASURED_EACH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if signals.send(Signal::Measure).await.is_err() {
            return;
        }
    }
}

async fn serve_claims(bus: Bus, signals: mpsc::Sender<Signal<Delivery>>, stop: CancellationToken) {
    let served = bus
        .serve(Claim::filter(), stop, move |claim: Claim| {
            let signals = signals.clone();
            async move { ask(&signals, |answer| Signal::Claim(claim, answer)).await? }
        })
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "claims are no longer answered");
    }
}

async fn serve_claims_together(bus: Bus, signals: mpsc::Sender<Signal<Delivery>>, stop: CancellationToken) {
    let served = bus
        .serve(Claims::filter(), stop, move |claims: Claims| {
            let signals = signals.clone();
            async move {
                let answers = claims.apart().map(|claim| {
                    let executor = claim.executor.clone();
                    let asked = ask(&signals, |answer| Signal::Claim(claim, answer));
                    asked.map(move |answer| {
                        let answer = answer.and_then(|answer| answer);
                        answer
                            .inspect_err(|why| tracing::debug!(%executor, why, "a claim has no answer"))
                            .ok()
                    })
                });
                Ok(ClaimsAnswer { answers: join_all(answers).await })
            }
        })
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "claims that come together are no longer answered");
    }
}

async fn serve_explanations(bus: Bus, signals: mpsc::Sender<Signal<Delivery>>, stop: CancellationToken) {
    let served = bus
        .serve(Explain::filter(), stop, move |question: Explain| {
            let signals = signals.clone();
            async move { ask(&signals, |answer| Signal::Explain(question, answer)).await }
        })
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "explanations are no longer answered");
    }
}

async fn serve_queues(bus: Bus, signals: mpsc::Sender<Signal<Delivery>>, stop: CancellationToken) {
    let served = bus
        .serve(AskQueues::filter(), stop, move |AskQueues {}| {
            let signals = signals.clone();
            async move { ask(&signals, Signal::Queues).await }
        })
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "nobody is told of the queues any more");
    }
}

async fn serve_cordons(bus: Bus, signals: mpsc::Sender<Signal<Delivery>>, stop: CancellationToken) {
    let served = bus
        .serve(AskCordons::filter(), stop, move |AskCordons {}| {
            let signals = signals.clone();
            async move { ask(&signals, Signal::Cordons).await }
        })
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "nobody is told of cordoned executors any more");
    }
}

async fn serve_forgetting(bus: Bus, signals: mpsc::Sender<Signal<Delivery>>, stop: CancellationToken) {
    let served = bus
        .serve(ForgetExecutor::filter(), stop, move |call: ForgetExecutor| {
            let signals = signals.clone();
            async move { ask(&signals, |answer| Signal::Forget(call, answer)).await }
        })
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "executors can no longer be forgotten");
    }
}

/// Asks the driver. Errors: it does not answer any more.
pub(super) async fn ask<A>(
    signals: &mpsc::Sender<Signal<Delivery>>,
    signal: impl FnOnce(oneshot::Sender<A>) -> Signal<Delivery>,
) -> Result<A, String> {
    let (answer, answered) = oneshot::channel();
    let unheard = || "the scheduler is starting over".to_owned();
    signals.send(signal(answer)).await.map_err(|_| unheard())?;
    answered.await.map_err(|_| unheard())
}
