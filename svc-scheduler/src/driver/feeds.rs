//! The sources of signals: streams, heartbeats and calls, each with its own task, all into one channel.

use emboflow_bus::{Bus, ConsumerSpec, Delivery, HeartbeatChange};
use emboflow_model::executor::Heartbeat;
use emboflow_protocol::call::{Claim, ClaimAnswer, Explain, Explanation};
use emboflow_protocol::stream::{INTAKE, REPORTS};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Messages taken from a stream at once at most.
const BATCH: usize = 256;

/// Something for the owner of the planner.
pub(super) enum Signal {
    Requests(Vec<Delivery>),
    Reports(Vec<Delivery>),
    Heartbeat(Box<Heartbeat>),
    Claim(Claim, oneshot::Sender<ClaimAnswer>),
    Explain(Explain, oneshot::Sender<Explanation>),
}

/// Opens every feed. They end with `stop`, or when nobody listens any more.
pub(super) async fn open(
    bus: &Bus,
    signals: mpsc::Sender<Signal>,
    stop: CancellationToken,
    tasks: &TaskTracker,
) -> anyhow::Result<()> {
    let intake = ConsumerSpec { max_ack_pending: 4 * BATCH, ..ConsumerSpec::new(INTAKE, "scheduler-intake") };
    let reports =
        ConsumerSpec { max_ack_pending: 4 * BATCH, ..ConsumerSpec::new(REPORTS, "scheduler-reports") };
    tasks.spawn(pump(bus.consume(intake).await?.until(stop.clone()), signals.clone(), Signal::Requests));
    tasks.spawn(pump(bus.consume(reports).await?.until(stop.clone()), signals.clone(), Signal::Reports));
    tasks.spawn(hear(bus.clone(), signals.clone(), stop.clone()));
    tasks.spawn(serve_claims(bus.clone(), signals.clone(), stop.clone()));
    tasks.spawn(serve_explanations(bus.clone(), signals, stop));
    Ok(())
}

async fn pump(
    mut consumer: emboflow_bus::Consumer,
    signals: mpsc::Sender<Signal>,
    signal: impl Fn(Vec<Delivery>) -> Signal + Send,
) {
    loop {
        let batch = consumer.next_batch(BATCH).await;
        if batch.is_empty() || signals.send(signal(batch)).await.is_err() {
            return;
        }
    }
}

async fn hear(bus: Bus, signals: mpsc::Sender<Signal>, stop: CancellationToken) {
    let mut heartbeats = match bus.watch_heartbeats().await {
        Ok(heartbeats) => heartbeats,
        Err(error) => return tracing::error!(%error, "heartbeats cannot be watched"),
    };
    loop {
        let change = tokio::select! {
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

async fn serve_claims(bus: Bus, signals: mpsc::Sender<Signal>, stop: CancellationToken) {
    let served = bus
        .serve(Claim::filter(), stop, move |claim: Claim| {
            let signals = signals.clone();
            async move { ask(&signals, |answer| Signal::Claim(claim, answer)).await }
        })
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "claims are no longer answered");
    }
}

async fn serve_explanations(bus: Bus, signals: mpsc::Sender<Signal>, stop: CancellationToken) {
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

async fn ask<A>(
    signals: &mpsc::Sender<Signal>,
    signal: impl FnOnce(oneshot::Sender<A>) -> Signal,
) -> Result<A, String> {
    let (answer, answered) = oneshot::channel();
    let unheard = || "the scheduler is starting over".to_owned();
    signals.send(signal(answer)).await.map_err(|_| unheard())?;
    answered.await.map_err(|_| unheard())
}
