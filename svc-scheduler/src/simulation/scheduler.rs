//! Scheduler processes: the shipped driver in a simulated world. One may be killed between any two of its awaits,
//! stopped and continued, cut off, or started beside another.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use emboflow_bus::BusError;
use emboflow_model::{ExecutorId, RunId, Timestamp};
use emboflow_protocol::call::{ObjectsRemoved, RemoveObjects};
use emboflow_protocol::command::Commands;
use emboflow_protocol::message::Message;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::post::{SimulatedLetter, Stream, timeout};
use super::records::SimulatedRecords;
use super::sabotage::{self, Sabotage};
use super::stage::{Shared, Stage};
use crate::config::Config;
use crate::driver::{Feeds, Signal, Tenure, Told, World, one_life};
use crate::planner::Planner;

/// A driver that has lost the shard starts over after this long.
const STARTS_OVER_MS: u64 = 200;
/// A publisher gives up waiting for NATS after this long.
const UNSENT_MS: u64 = 2_000;

/// How often the lease is kept again, when it may be taken from its holder, and how long the holder trusts in it. Between
/// the last two there is more time than the slowest write takes.
const LEASE_KEPT_EACH_MS: u64 = 2_000;
const LEASE_LAPSES_MS: u64 = 8_000;
const LEASE_TRUSTED_MS: u64 = 4_000;

/// Who surely leads: the shipped lease in a few lines. It keeps nobody from deciding here, which is the harder case.
#[derive(Default)]
pub(super) struct Lease {
    holder: Option<(usize, u64)>,
    kept_at: u64,
}

/// Whether a process works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Running,
    /// By SIGSTOP, or because its machine is that slow: everything it knows grows old.
    Stopped,
    Dead,
}

/// A scheduler process.
pub(super) struct Process {
    pub(super) condition: Condition,
    /// Which of its lives; work of an earlier one is dropped.
    pub(super) life: u64,
    /// Its wall clock is so much ahead.
    pub(super) wall_ahead_ms: i64,
    pub(super) is_cut_from_records: bool,
    /// What it sends to NATS does not arrive.
    pub(super) is_mute: bool,
    /// What NATS sends does not arrive.
    pub(super) is_deaf: bool,
    /// When it was told that its connection to NATS is gone.
    pub(super) told_deaf_at: Option<u64>,
    /// For how long it may trust in the lease.
    tenure: Arc<Tenure>,
    feed: Option<Feed>,
    notices: Vec<(&'static str, mpsc::UnboundedSender<()>)>,
    stop: CancellationToken,
}

struct Feed {
    signals: mpsc::Sender<Signal<SimulatedLetter>>,
    is_shut: watch::Receiver<bool>,
}

impl Process {
    pub(super) fn new() -> Self {
        Self {
            condition: Condition::Dead,
            life: 0,
            wall_ahead_ms: 0,
            is_cut_from_records: false,
            is_mute: false,
            is_deaf: false,
            told_deaf_at: None,
            tenure: Arc::default(),
            feed: None,
            notices: Vec::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Whether what it says to NATS arrives.
    pub(super) fn is_heard(&self) -> bool {
        self.condition == Condition::Running && !self.is_mute
    }
}

impl Stage {
    /// Starts a process, or starts it over.
    pub(super) fn start_scheduler(&mut self, index: usize) {
        let Some(shared) = self.shared.clone() else { return };
        let policy = sabotage::policy(self, self.plan.policy.clone());
        let process = &mut self.schedulers[index];
        process.condition = Condition::Running;
        process.life += 1;
        process.feed = None;
        process.notices.clear();
        process.told_deaf_at = None;
        process.stop = CancellationToken::new();
        process.tenure = Arc::default();
        let (life, stop, tenure) = (process.life, process.stop.clone(), process.tenure.clone());
        self.keep_lease(index, life);
        self.note(|| format!("s{index} starts its life {life}"));
        let world = SimulatedWorld { shared: shared.clone(), process: index, life };
        let records = Arc::new(SimulatedRecords { shared: shared.clone(), process: index });
        let work = async move {
            let ended = one_life(Config::with(policy), records, world, tenure, stop).await;
            let mut stage = shared.stage();
            let why = ended.as_ref().err().map(|error| format!(": {error:#}")).unwrap_or_default();
            stage.note(|| format!("s{index} ends its life {life}{why}"));
            stage.count("life ended by itself");
            stage.schedulers[index].condition = Condition::Dead;
            if ended.is_err() {
                stage.after(STARTS_OVER_MS, move |stage| {
                    let process = &stage.schedulers[index];
                    if process.life == life && process.condition == Condition::Dead {
                        stage.start_scheduler(index);
                    }
                });
            }
        };
        self.begun.push((index, life, Box::pin(work)));
    }

    /// A process keeps the lease, or takes it when its holder is gone or does not keep it.
    fn keep_lease(&mut self, index: usize, life: u64) {
        let process = &self.schedulers[index];
        if process.life != life || process.condition == Condition::Dead {
            return;
        }
        self.after(LEASE_KEPT_EACH_MS, move |stage| stage.keep_lease(index, life));
        if self.schedulers[index].condition == Condition::Stopped {
            return;
        }
        if self.is_sabotaged(Sabotage::EverybodyLeads) {
            self.trust_lease(index);
        }
        if !self.reaches_records(index) {
            return;
        }
        let lives = |(holder, life): (usize, u64)| {
            let process = &self.schedulers[holder];
            process.life == life && process.condition != Condition::Dead
        };
        let holder = self.lease.holder.filter(|holder| lives(*holder));
        let has_lapsed = self.now - self.lease.kept_at >= LEASE_LAPSES_MS;
        let may_keep = has_lapsed || holder.is_none_or(|holder| holder == (index, life));
        if may_keep {
            self.lease = Lease { holder: Some((index, life)), kept_at: self.now };
            self.trust_lease(index);
        }
    }

    /// A process takes itself for the one that leads, for a while.
    fn trust_lease(&self, index: usize) {
        let ms = Duration::from_millis;
        self.schedulers[index].tenure.keep(ms(self.now), ms(LEASE_TRUSTED_MS));
    }

    /// Ends a process at once, wherever it is.
    pub(super) fn kill_scheduler(&mut self, index: usize) {
        self.count("scheduler killed");
        self.note(|| format!("s{index} is killed"));
        let process = &mut self.schedulers[index];
        process.condition = Condition::Dead;
        // So that one that was about to start over does not.
        process.life += 1;
        process.feed = None;
    }

    /// Asks a process to end.
    #[cfg(test)]
    pub(super) fn stop_scheduler_cleanly(&mut self, index: usize) {
        self.note(|| format!("s{index} is asked to end"));
        self.schedulers[index].feed = None;
        self.schedulers[index].stop.cancel();
    }

    /// A process that takes messages of a stream.
    pub(super) fn a_listener(&mut self, stream: Stream) -> Option<usize> {
        let takes = |process: &Process| {
            let open = process.feed.as_ref().is_some_and(|feed| {
                let is_shut =
                    feed.signals.is_closed() || (stream == Stream::Intake && *feed.is_shut.borrow());
                !is_shut && feed.signals.capacity() > 0
            });
            // NATS does not know that a process has been stopped.
            open && process.condition != Condition::Dead && !process.is_deaf
        };
        let listeners: Vec<usize> =
            (0..self.schedulers.len()).filter(|index| takes(&self.schedulers[*index])).collect();
        self.dice.pick(&listeners)
    }

    pub(super) fn signal(&self, process: usize, signal: Signal<SimulatedLetter>) {
        if let Some(feed) = &self.schedulers[process].feed {
            // One that does not arrive comes again.
            let _ = feed.signals.try_send(signal);
        }
    }

    /// Every process that listens hears it.
    pub(super) fn broadcast(&mut self, signal: impl Fn() -> Signal<SimulatedLetter>) {
        for index in 0..self.schedulers.len() {
            let process = &self.schedulers[index];
            if process.condition != Condition::Dead && !process.is_deaf {
                self.signal(index, signal());
            }
        }
    }

    /// Kept documents of a kind have changed.
    pub(super) fn notify(&mut self, kind: &'static str) {
        for process in self.schedulers.iter().filter(|process| !process.is_deaf) {
            for (own, listener) in &process.notices {
                if *own == kind {
                    let _ = listener.send(());
                }
            }
        }
    }

    pub(super) fn reaches_records(&self, process: usize) -> bool {
        !self.trouble.records.is_away && !self.schedulers[process].is_cut_from_records
    }

    /// A short time, and sometimes one up to `slow` milliseconds.
    pub(super) fn delay(&mut self, slow: u64) -> u64 {
        if slow > 0 && self.dice.in_a_thousand(150) { self.dice.between(1, slow) } else { self.dice.below(2) }
    }

    /// How long a message is on its way.
    pub(super) fn way(&mut self) -> u64 {
        self.delay(self.trouble.post.slow)
    }

    /// What a process has published arrives in its stream.
    fn arrive(&mut self, process: usize, subject: String, payload: Bytes) {
        if subject.starts_with("emboflow.event.") {
            self.post.events += 1;
            return self.judge_event(&subject, &payload);
        }
        let Ok(commands) = serde_json::from_slice::<Commands>(&payload) else {
            return self.fail(format!("a scheduler publishes on {subject}"));
        };
        let Some(commands) = sabotage::commands(self, commands) else { return };
        let Some(executor) = self.executors.iter().position(|one| one.id == commands.executor) else {
            return;
        };
        self.note(|| format!("s{process} commands {}", super::trace::commands(&commands)));
        let payload = serde_json::to_vec(&commands).unwrap_or_default();
        self.store_mail(Stream::Commands(executor), subject, (None, None), payload.into());
    }
}

/// The world of one life of a process.
#[derive(Clone)]
pub(super) struct SimulatedWorld {
    shared: Shared,
    process: usize,
    life: u64,
}

impl SimulatedWorld {
    /// Has something done at NATS. Gives whether it is known to be done.
    fn at_post(&self, carry_out: impl FnOnce(&mut Stage) + Send + 'static) -> BoxFuture<'static, bool> {
        let (done, is_done) = oneshot::channel();
        let mut stage = self.shared.stage();
        let process = &stage.schedulers[self.process];
        let (is_away, is_mute, is_deaf) = (stage.trouble.post.is_away, process.is_mute, process.is_deaf);
        let (there, back) = (stage.way(), stage.way());
        if is_away || is_mute {
            stage.count("post away");
            stage.after(UNSENT_MS, move |_| {
                let _ = done.send(false);
            });
        } else {
            let lost = stage.trouble.post.lost;
            let is_answer_lost = is_deaf || stage.dice.in_a_thousand(lost);
            let back = if is_answer_lost { UNSENT_MS } else { back };
            stage.after(there, move |stage| {
                carry_out(stage);
                stage.after(back, move |_| {
                    let _ = done.send(!is_answer_lost);
                });
            });
        }
        drop(stage);
        async move { is_done.await.unwrap_or(false) }.boxed()
    }
}

impl World for SimulatedWorld {
    type Letter = SimulatedLetter;

    fn wall_clock(&self) -> Timestamp {
        let stage = self.shared.stage();
        Timestamp(stage.wall_ms() + stage.schedulers[self.process].wall_ahead_ms)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.shared.stage().now)
    }

    fn pause(&self, pause: Duration) -> impl Future<Output = ()> + Send {
        let (over, is_over) = oneshot::channel();
        self.shared.stage().after(pause.as_millis() as u64, move |_| {
            let _ = over.send(());
        });
        async move {
            let _ = is_over.await;
        }
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.shared.stage().begun.push((self.process, self.life, Box::pin(work)));
    }

    fn new_run_id(&self) -> RunId {
        let mut stage = self.shared.stage();
        let (time, chance) = (stage.now, stage.dice.next());
        RunId::from_bits((u128::from(time) << 64) | u128::from(chance))
    }

    fn new_trace_id(&self) -> String {
        let mut stage = self.shared.stage();
        format!("{:016x}{:016x}", stage.dice.next(), stage.dice.next())
    }

    fn looks_on(&self, planner: &Planner) {
        super::audit::look(&mut self.shared.stage(), self.process, planner);
    }

    async fn reply(&self, subject: &str, answer: &Told) -> Result<(), BusError> {
        let subject = subject.to_owned();
        let answer = serde_json::to_value(answer).unwrap_or_default();
        let is_sent = self.at_post(move |stage| stage.answer_client(&subject, answer)).await;
        if is_sent { Ok(()) } else { Err(timeout("answering")) }
    }

    async fn publish_all<M: Message + Send + Sync>(
        &self,
        messages: &[M],
    ) -> Result<Vec<(usize, BusError)>, BusError> {
        // One by one: the process may die between any two.
        for message in messages {
            let subject = message.subject().as_str().to_owned();
            let payload = Bytes::from(serde_json::to_vec(message).unwrap_or_default());
            let process = self.process;
            if !self.at_post(move |stage| stage.arrive(process, subject, payload)).await {
                return Err(timeout("publishing"));
            }
        }
        Ok(Vec::new())
    }

    async fn forget_executor(&self, executor: &ExecutorId) -> Result<(), BusError> {
        let id = executor.clone();
        let is_done = self.at_post(move |stage| {
            if let Some(index) = stage.executors.iter().position(|one| one.id == id) {
                stage.post.drop_commands_of(index);
            }
        });
        if is_done.await { Ok(()) } else { Err(timeout("forgetting an executor")) }
    }

    async fn remove_objects(&self, _call: &RemoveObjects) -> Result<ObjectsRemoved, BusError> {
        Ok(ObjectsRemoved { removed: 0, done: true })
    }

    async fn notices(&self, kind: &'static str) -> BoxStream<'static, ()> {
        let (sender, heard) = mpsc::unbounded_channel();
        self.shared.stage().schedulers[self.process].notices.push((kind, sender));
        stream::unfold(heard, |mut heard| async move { heard.recv().await.map(|()| ((), heard)) }).boxed()
    }

    async fn open_feeds(&self, feeds: Feeds<Self>) -> anyhow::Result<()> {
        let mut stage = self.shared.stage();
        let process = &mut stage.schedulers[self.process];
        process.feed = Some(Feed { signals: feeds.signals, is_shut: feeds.is_shut });
        stage.tell_heartbeats(self.process);
        Ok(())
    }
}
