//! One life of the driver: reads back, then ticks until it is stopped or has lost the shard.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use emboflow_model::cordon::Cordon;
use emboflow_model::maintenance::Maintenance;
use emboflow_model::queue::Queue;
use emboflow_records::Cursor;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clock::Clock;
use super::feeds::Signal;
use super::known_projects::KnownProjects;
use super::known_requests::KnownRequests;
use super::outbox::{Outbox, Parcel};
use super::recovery::Recovered;
use super::results::Asked;
use super::tick::{Batch, Driver};
use super::world::{Feeds, World};
use super::{
    SHARD, Surroundings, WAITING_SIGNALS, cordons, kept, learning, maintenance, project, queues, quotas,
    recovery, results, retention,
};
use crate::forecast::Durations;
use crate::planner::Input;

/// The effects cursor is written at most this often; after a crash effects are only repeated.
const CURSOR_EACH: Duration = Duration::from_secs(1);

/// Lives until `stop`. Errors: the shard is lost, or the records cannot be read back.
pub(super) async fn live<W: World>(
    surroundings: Arc<Surroundings<W>>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (records, world) = (surroundings.records.clone(), surroundings.world.clone());
    let clock = Clock::start(world.clone(), recovery::newest_decision(&*records).await?);
    let recovered = recovery::recover(&*records, surroundings.config.policy.clone(), clock.now()).await?;
    let tasks = TaskTracker::new();
    // Also when this life ends by a panic, its feeds must not outlive it.
    let _stop_feeds = stop.clone().drop_guard();
    let (parcels, sent) = mpsc::unbounded_channel();
    let (changes, changed) = mpsc::unbounded_channel();
    let (told, follow) = watch::channel(0);
    let (wrote, written) = watch::channel(recovered.planner.last_seq());
    beside(&world, &tasks, project::write_behind(records.clone(), world.clone(), SHARD, changed, wrote));
    beside(&world, &tasks, follow_effects(surroundings.clone(), follow));
    let (signals, mut inbox) = mpsc::channel(WAITING_SIGNALS);
    let Surroundings { fail_points, liveness, .. } = &*surroundings;
    let outbox = Outbox {
        world: world.clone(),
        fail_points: fail_points.clone(),
        pulse: liveness.pulse.clone(),
        signals: signals.clone(),
        told,
    };
    beside(&world, &tasks, outbox.send_parcels(sent));
    let quotas = quotas::read(&*records).await.context("reading the quotas of projects")?;
    let queues = queues::read(&*records).await.context("reading the rules of queues")?;
    let maintenance = maintenance::read(&*records).await.context("reading whether there is maintenance")?;
    let cordoned = cordons::read(&*records).await.context("reading which executors are cordoned")?;
    let (shut, is_shut) = watch::channel(maintenance.installation.is_some());
    let feeds = Feeds {
        signals: signals.clone(),
        pulse: liveness.pulse.clone(),
        is_shut,
        stop: stop.clone(),
        tasks: tasks.clone(),
    };
    world.open_feeds(feeds).await?;
    let learns = learning::read_back(surroundings.clone(), signals.clone(), clock.now(), stop.clone());
    beside(&world, &tasks, learns);
    let questions = work_beside(&surroundings, signals.clone(), written.clone(), &stop, &tasks);
    let Recovered { planner, through_seq, effects, workflows } = recovered;
    let mut driver = Driver {
        surroundings,
        wanted: planner.wanted_children(),
        signals,
        planner,
        clock,
        known: KnownRequests::default(),
        projects: KnownProjects::default(),
        workflows,
        durations: Durations::default(),
        backlog: VecDeque::new(),
        maintenance: shut,
        parcels,
        changes,
        questions,
        written,
    };
    driver.hand_over(Parcel { through_seq, effects, ..Parcel::default() });
    let maintenance::Read { installation, pools } = maintenance;
    let held_back = [cordoned, Input::Maintenance(installation), Input::PoolMaintenance(pools)];
    driver.decide(Batch::of([queues, quotas].into_iter().chain(held_back).collect())).await?;
    let ended = driver.tick_until(&stop, &mut inbox).await;
    stop.cancel();
    finish((driver, inbox), &tasks).await;
    ended
}

/// What was committed is still told and written before the process goes.
async fn finish<D>(driver: D, tasks: &TaskTracker) {
    drop(driver);
    tasks.close();
    tasks.wait().await;
}

/// Follows what others keep in the records, removes what is no longer kept there, and answers the questions about results
/// for which it gives the channel.
fn work_beside<W: World>(
    surroundings: &Arc<Surroundings<W>>,
    signals: mpsc::Sender<Signal<W::Letter>>,
    written: watch::Receiver<u64>,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> mpsc::UnboundedSender<Asked> {
    let (records, world) = (&surroundings.records, &surroundings.world);
    let stop = || stop.clone();
    let kinds: [(&str, kept::Reads<W::Letter>); 4] = [
        (Maintenance::KIND, maintenance::signal),
        (Queue::KIND, queues::signal),
        (Cordon::KIND, cordons::signal),
        (quotas::PROJECT, quotas::signal),
    ];
    for kind in kinds {
        let follows = kept::follow(records.clone(), world.clone(), kind, signals.clone(), stop());
        beside(world, tasks, follows);
    }
    let (questions, asked) = mpsc::unbounded_channel();
    let answers = results::answer(surroundings.clone(), asked, written.clone(), signals.clone(), stop());
    beside(world, tasks, answers);
    beside(world, tasks, retention::keep(surroundings.clone(), signals, written, stop()));
    questions
}

/// Work that the end of this life waits for.
fn beside(world: &impl World, tasks: &TaskTracker, work: impl Future<Output = ()> + Send + 'static) {
    world.spawn(tasks.track_future(work));
}

/// Keeps the effects cursor near the place up to which everything has been told.
async fn follow_effects<W: World>(surroundings: Arc<Surroundings<W>>, mut told: watch::Receiver<u64>) {
    while told.changed().await.is_ok() {
        loop {
            let seq = *told.borrow_and_update();
            let moved = surroundings.records.put_cursor(SHARD, Cursor::Effects, seq).await;
            surroundings.world.pause(CURSOR_EACH).await;
            let Err(error) = moved else { break };
            tracing::warn!(%error, seq, "the effects cursor cannot be moved; effects would be repeated after a crash");
            // Nobody waits for it at the end of this life.
            if told.has_changed().is_err() {
                return;
            }
        }
    }
}
