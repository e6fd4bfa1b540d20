//! One life of the driver: reads back, then ticks until it is stopped or has lost the shard.
//!
//! A tick takes everything that has arrived, lets the planner decide on all of it, commits all decisions as one batch,
//! and only then tells anybody. When nothing arrives nothing happens: there is no polling.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use emboflow_bus::Delivery;
use emboflow_model::{LogEntry, RunId, RunSummary};
use emboflow_protocol::report::Reports;
use emboflow_protocol::request::Answer;
use emboflow_records::{Cursor, RequestRecord};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clock::Clock;
use super::fail_point::FailPoint;
use super::feeds::{self, Signal};
use super::known_requests::KnownRequests;
use super::outbox::{self, Parcel};
use super::project::{self, Changed};
use super::requests::{Reader, Reply};
use super::workflows::Workflows;
use super::{SHARD, Surroundings, WAITING_SIGNALS, calls, commit, recovery};
use crate::measure;
use crate::planner::{Decisions, Effect, Input, Planner};

/// Messages of one tick at most: bounds how long a commit can become.
const MESSAGES_A_TICK: usize = 1_024;
/// How long a message waits before it is looked at again when the records did not answer.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The effects cursor is written at most this often; after a crash effects are only repeated.
const CURSOR_EACH: Duration = Duration::from_secs(1);

/// The owner of the planner, and its channels.
struct Driver {
    surroundings: Arc<Surroundings>,
    planner: Planner,
    clock: Clock,
    known: KnownRequests,
    workflows: Workflows,
    parcels: mpsc::UnboundedSender<Parcel>,
    changes: mpsc::UnboundedSender<Changed>,
    written: watch::Receiver<u64>,
}

/// What a tick brings to the planner, and whom it owes something.
#[derive(Default)]
struct Batch {
    inputs: Vec<Input>,
    replies: Vec<(String, Reply)>,
    settle: Vec<Delivery>,
    /// Messages that nobody could read, and why. They are buried once the refusal is in the records.
    bury: Vec<(Delivery, String)>,
    messages: usize,
}

/// Lives until `stop`. Errors: the shard is lost, or the records cannot be read back.
pub(super) async fn live(surroundings: Arc<Surroundings>, stop: CancellationToken) -> anyhow::Result<()> {
    let records = surroundings.records.clone();
    let clock = Clock::start(recovery::newest_decision(&*records).await?);
    let recovered = recovery::recover(&*records, surroundings.config.policy.clone(), clock.now()).await?;
    let tasks = TaskTracker::new();
    // Also when this life ends by a panic, its feeds must not outlive it.
    let _stop_feeds = stop.clone().drop_guard();
    let (parcels, sent) = mpsc::unbounded_channel();
    let (changes, changed) = mpsc::unbounded_channel();
    let (told, follow) = watch::channel(0);
    let (wrote, written) = watch::channel(0);
    tasks.spawn(outbox::send_parcels(surroundings.bus.clone(), surroundings.fail_points.clone(), sent, told));
    tasks.spawn(project::write_behind(records.clone(), SHARD, changed, wrote));
    tasks.spawn(follow_effects(surroundings.clone(), follow));
    let (signals, mut inbox) = mpsc::channel(WAITING_SIGNALS);
    feeds::open(&surroundings.bus, signals, stop.clone(), &tasks).await?;
    let mut driver = Driver {
        surroundings,
        planner: recovered.planner,
        clock,
        known: KnownRequests::default(),
        workflows: recovered.workflows,
        parcels,
        changes,
        written,
    };
    driver.hand_over(recovered.parcel);
    let ended = driver.tick_until(&stop, &mut inbox).await;
    stop.cancel();
    // What was committed is still told and written before the process goes.
    drop((driver, inbox));
    tasks.close();
    tasks.wait().await;
    ended
}

impl Driver {
    async fn tick_until(
        &mut self,
        stop: &CancellationToken,
        inbox: &mut mpsc::Receiver<Signal>,
    ) -> anyhow::Result<()> {
        loop {
            let timer = self.planner.next_timer().map(|at| self.clock.until(at));
            let first = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                signal = inbox.recv() => match signal {
                    Some(signal) => Some(signal),
                    None => return Ok(()),
                },
                () = tokio::time::sleep(timer.unwrap_or_default()), if timer.is_some() => None,
            };
            let mut batch = Batch::default();
            let mut next = first;
            while let Some(signal) = next {
                self.take(signal, &mut batch).await;
                next = if batch.messages < MESSAGES_A_TICK { inbox.try_recv().ok() } else { None };
            }
            self.decide(batch).await?;
        }
    }

    async fn take(&mut self, signal: Signal, batch: &mut Batch) {
        match signal {
            Signal::Requests(deliveries) => {
                batch.messages += deliveries.len();
                for delivery in deliveries {
                    self.take_request(delivery, batch).await;
                }
            }
            Signal::Reports(deliveries) => {
                batch.messages += deliveries.len();
                for delivery in deliveries {
                    take_reports(delivery, batch).await;
                }
            }
            Signal::Heartbeat(beat) => batch.inputs.push(Input::Heartbeat(beat)),
            Signal::Claim(claim, answer) => {
                // Nobody waits for it any more when this fails.
                let _ =
                    answer.send(calls::answer_claim(&self.planner, &self.surroundings.storage_key, &claim));
            }
            Signal::Explain(question, answer) => {
                let _ = answer.send(calls::explain(&self.planner, &question, self.clock.now()));
            }
        }
    }

    async fn take_request(&mut self, delivery: Delivery, batch: &mut Batch) {
        let mut reader = Reader {
            planner: &self.planner,
            records: &*self.surroundings.records,
            known: &mut self.known,
            workflows: &mut self.workflows,
        };
        let read = match reader.read(&delivery).await {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(%error, "a request waits for the records");
                return delivery.retry_after(LOOK_AGAIN).await;
            }
        };
        batch.inputs.extend(read.input);
        batch.replies.extend(read.reply);
        match read.unreadable {
            None => batch.settle.push(delivery),
            Some(why) => batch.bury.push((delivery, why)),
        }
    }

    /// Lets the planner decide, commits, and hands over what follows. Errors: the shard is lost.
    async fn decide(&mut self, batch: Batch) -> anyhow::Result<()> {
        let Batch { inputs, replies, settle, bury, .. } = batch;
        let timing = measure::DECISION.start_timer();
        let now = self.clock.now();
        let decisions = self.planner.step(inputs, now);
        timing.observe_duration();
        self.commit(&decisions.entries).await?;
        measure::observe(&decisions.runs, &decisions.tasks, now);
        self.known.place(&decisions.entries);
        self.known.forget_through(*self.written.borrow());
        measure::OPEN_RUNS.set(self.planner.open_runs() as i64);
        measure::QUEUED_TASKS.set(self.planner.queued_tasks() as i64);
        let replies = self.answers(replies, &decisions);
        let Decisions { entries, effects, unlogged, runs, tasks } = decisions;
        let through_seq = self.planner.last_seq();
        if !entries.is_empty() {
            let requests = entries.iter().filter_map(RequestRecord::of).collect();
            // The receivers live as long as this driver.
            let _ = self.changes.send(Changed { through_seq, runs, tasks, requests });
        }
        let effects: Vec<Effect> = effects.into_iter().map(|(_, effect)| effect).chain(unlogged).collect();
        self.hand_over(Parcel { through_seq, effects, replies, settle, bury });
        Ok(())
    }

    async fn commit(&self, entries: &[LogEntry]) -> anyhow::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        self.surroundings.fail_points.visit(FailPoint::BeforeCommit);
        let timing = measure::COMMIT.start_timer();
        let shared = entries.iter().cloned().map(Arc::new).collect();
        commit::commit(&*self.surroundings.records, SHARD, shared).await?;
        timing.observe_duration();
        measure::COMMIT_ENTRIES.observe(entries.len() as f64);
        measure::count(entries);
        self.surroundings.fail_points.visit(FailPoint::AfterCommit);
        Ok(())
    }

    fn hand_over(&self, parcel: Parcel) {
        if !parcel.is_empty() {
            // The receiver lives as long as this driver.
            let _ = self.parcels.send(parcel);
        }
    }

    fn answers(&self, replies: Vec<(String, Reply)>, decisions: &Decisions) -> Vec<(String, Answer)> {
        let changed: HashMap<RunId, &RunSummary> = decisions.runs.iter().map(|run| (run.id, run)).collect();
        let answer = |reply| match reply {
            Reply::Now(answer) => answer,
            Reply::Run(run_id) => {
                let run = changed.get(&run_id).map(|run| Box::new((*run).clone()));
                Answer::Accepted { run_id, repeated: false, run }
            }
        };
        replies.into_iter().map(|(subject, reply)| (subject, answer(reply))).collect()
    }
}

async fn take_reports(delivery: Delivery, batch: &mut Batch) {
    match delivery.decode::<Reports>() {
        Ok(reports) => {
            let executor = reports.executor;
            let inputs = reports
                .reports
                .into_iter()
                .map(|report| Input::Report { executor: executor.clone(), report });
            batch.inputs.extend(inputs);
            batch.settle.push(delivery);
        }
        Err(error) => outbox::bury(delivery, "unreadable_report", &error.to_string()).await,
    }
}

/// Keeps the effects cursor near the place up to which everything has been told.
async fn follow_effects(surroundings: Arc<Surroundings>, mut told: watch::Receiver<u64>) {
    while told.changed().await.is_ok() {
        let seq = *told.borrow_and_update();
        if let Err(error) = surroundings.records.put_cursor(SHARD, Cursor::Effects, seq).await {
            tracing::warn!(%error, seq, "the effects cursor cannot be moved; effects would be repeated after a crash");
        }
        tokio::time::sleep(CURSOR_EACH).await;
    }
}
