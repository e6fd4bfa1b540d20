//! Says at short intervals what an executor has and does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use emboflow_bus::Connection;
use emboflow_model::executor::{ExecutorState, Heartbeat};
use emboflow_model::{Resources, Timestamp};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::executor::Executor;
use crate::{machine, metrics};

/// What does not change from one heartbeat to the next.
#[derive(Clone)]
pub(crate) struct Offer {
    pub(crate) capacity: Resources,
    pub(crate) slots: u32,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) taints: BTreeMap<String, String>,
    pub(crate) runtime: String,
    pub(crate) disk_reserve_bytes: u64,
}

/// Sends heartbeats until the signal: at intervals, and at once when NATS is back. It may have lost what it had taken of
/// both sides: the heartbeat says what is held, and what has ended is said again.
pub(crate) async fn beat(executor: Arc<Executor>, offer: Offer, every: Duration, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connection = executor.bus.connection();
    connection.mark_unchanged();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
            Ok(()) = connection.changed() => {
                if *connection.borrow_and_update() == Connection::Disconnected {
                    continue;
                }
                executor.held.ask_again();
            }
        }
        send(&executor, &offer, ExecutorState::Online).await;
    }
}

/// Sends one heartbeat. A full disk turns `online` into `draining`: what runs may end, nothing new comes.
pub(crate) async fn send(executor: &Executor, offer: &Offer, state: ExecutorState) {
    let disk = machine::disk(&executor.data_dir);
    let full = machine::is_full(disk, offer.disk_reserve_bytes);
    if executor.closed.swap(full, Ordering::Relaxed) != full {
        let free_bytes = disk.free_bytes;
        if full {
            let reserve_bytes = offer.disk_reserve_bytes;
            tracing::error!(
                free_bytes,
                reserve_bytes,
                "the disk is full: no new work is taken until space is free"
            );
        } else {
            tracing::info!(free_bytes, "there is space again: work is taken");
        }
    }
    let held = executor.held.inventory();
    metrics::disk_free(disk.free_bytes);
    metrics::slots(held.open, offer.slots);
    let heartbeat = Heartbeat {
        executor: executor.identity.executor.clone(),
        pool: executor.pool.clone(),
        incarnation: executor.identity.incarnation.clone(),
        journal: executor.identity.journal.clone(),
        state: if full && state == ExecutorState::Online { ExecutorState::Draining } else { state },
        capacity: offer.capacity,
        used: held.used,
        slots: offer.slots,
        labels: offer.labels.clone(),
        taints: offer.taints.clone(),
        devices: executor.devices.get().cloned().unwrap_or_default(),
        at_hand: executor.recent.told(),
        runtime: offer.runtime.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        fences: true,
        attempts: held.attempts,
        disk,
        sent_at: now(),
    };
    if let Err(error) = executor.bus.put_heartbeat(&heartbeat).await {
        tracing::warn!(%error, "a heartbeat could not be sent");
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
