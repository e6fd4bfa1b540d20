//! One life of the driver after the other: while this scheduler holds the lease it lives; otherwise it stands by.

use std::sync::Arc;
use std::time::Duration;

use emboflow_bus::Bus;
use emboflow_protocol::call::{AskLeader, Leader};
use emboflow_service::telemetry;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::lease::Office;
use super::machine::Machine;
use super::world::World;
use super::{SHARD, Surroundings, life};
use crate::measure;

/// First pause before the driver starts over; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Lives until `stop`. A life that loses the shard, or meets an input that it cannot survive, is followed by another one
/// that starts over from the records.
pub(super) async fn lead(surroundings: Arc<Surroundings<Machine>>, bus: Bus, stop: CancellationToken) {
    let office = Office {
        records: surroundings.records.clone(),
        bus: bus.clone(),
        shard: SHARD,
        holder: format!("{}-{}", telemetry::instance(), Uuid::new_v4().simple()),
    };
    let world = surroundings.world.clone();
    let mut pause = FIRST_PAUSE;
    loop {
        let stands_by = |holder: &str| surroundings.liveness.stands_by(holder);
        let entered = office.enter(&stop, || world.monotonic(), world.wall_clock(), stands_by).await;
        let Some(held) = entered else { break };
        surroundings.liveness.reads_back();
        measure::LEADS.set(1);
        let began = Instant::now();
        let life = stop.child_token();
        let answers = answer_as_leader(bus.clone(), office.holder.clone(), life.clone());
        let lived = live(surroundings.clone(), life.clone());
        let keeps = held.keep(&life, || world.monotonic(), &surroundings.tenure);
        tokio::join!(lived, answers, keeps);
        measure::LEADS.set(0);
        if stop.is_cancelled() {
            break;
        }
        if began.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
    office.leave().await;
}

/// One life; `life` is over with it.
async fn live(surroundings: Arc<Surroundings<Machine>>, life: CancellationToken) {
    let _ends = life.clone().drop_guard();
    match tokio::spawn(life::live(surroundings.clone(), life)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!("the scheduler starts over: {error:#}");
            surroundings.liveness.starts_over(format!("{error:#}"));
        }
        Err(panic) => {
            tracing::error!(%panic, "the scheduler starts over after a defect");
            surroundings.liveness.starts_over(format!("after a defect: {panic}"));
        }
    }
}

/// Tells those who stand by that this scheduler decides.
async fn answer_as_leader(bus: Bus, holder: String, life: CancellationToken) {
    let answer = move |_: AskLeader| {
        let holder = holder.clone();
        async move { Ok(Leader { holder }) }
    };
    if let Err(error) = bus.serve(AskLeader::filter(), life, answer).await {
        tracing::warn!(%error, "nobody is told any more that this scheduler decides");
    }
}
