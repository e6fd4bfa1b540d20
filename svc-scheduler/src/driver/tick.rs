//! A tick takes everything that has arrived, lets the planner decide on all of it, commits all decisions as one batch,
//! and only then tells anybody. When nothing arrives nothing happens: there is no polling.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use emboflow_model::runtime_spec::SecretUse;
use emboflow_model::{ProjectName, RunId, RunSummary, Timestamp};
use emboflow_protocol::batch::BatchAnswer;
use emboflow_protocol::call::{Claim, ClaimAnswer, ForgetAnswer};
use emboflow_protocol::event::Event;
use emboflow_protocol::report::Reports;
use emboflow_protocol::request::Answer;
use emboflow_records::RequestRecord;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::calls::Answered;
use super::clock::Clock;
use super::fail_point::FailPoint;
use super::feeds::Signal;
use super::known_projects::KnownProjects;
use super::known_requests::KnownRequests;
use super::message::Message;
use super::outbox::{self, Parcel, Told};
use super::project::Changed;
use super::queues::NewQueues;
use super::requests::{Reader, Reply, Settled};
use super::results::Asked;
use super::workflows::Workflows;
use super::world::{Letter, World};
use super::{SHARD, Surroundings, calls, commit, learning, trace, vault};
use crate::forecast::{Durations, Snapshot};
use crate::measure;
use crate::planner::{Decisions, Effect, Input, Planner, Wanted};

/// Requests and reports of one tick, about: bounds how long a commit can become. A message is never cut in two.
const ASKED_A_TICK: usize = 1_024;
/// How long a message waits before it is looked at again when the records did not answer.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long a message waits before it is looked at again while there is maintenance.
const AFTER_MAINTENANCE: Duration = Duration::from_secs(5);

/// The owner of the planner, and its channels.
pub(super) struct Driver<W: World> {
    pub(super) surroundings: Arc<Surroundings<W>>,
    pub(super) planner: Planner,
    pub(super) clock: Clock<W>,
    pub(super) known: KnownRequests,
    pub(super) projects: KnownProjects,
    pub(super) workflows: Workflows,
    /// How long tasks have taken.
    pub(super) durations: Durations,
    /// Messages of the intake that the ticks so far had no room for.
    pub(super) backlog: VecDeque<W::Letter>,
    /// Tasks whose child runs are to be made, or looked for.
    pub(super) wanted: Vec<Wanted>,
    /// To itself: what it is to look at again.
    pub(super) signals: mpsc::Sender<Signal<W::Letter>>,
    /// Requests stay in their stream.
    pub(super) maintenance: watch::Sender<bool>,
    pub(super) parcels: mpsc::UnboundedSender<Parcel<W::Letter>>,
    pub(super) changes: mpsc::UnboundedSender<Changed>,
    pub(super) questions: mpsc::UnboundedSender<Asked>,
    pub(super) written: watch::Receiver<u64>,
}

/// What a tick brings to the planner, and whom it owes something.
pub(super) struct Batch<L> {
    inputs: Vec<Input>,
    replies: Vec<(String, Reply)>,
    settle: Vec<L>,
    /// Messages that nobody could read, and why. They are buried once the refusal is in the records.
    bury: Vec<(L, String)>,
    /// Who waits for the end of an executor.
    forgetting: Vec<oneshot::Sender<ForgetAnswer>>,
    /// Requests and reports in it.
    asked: usize,
}

impl<L> Batch<L> {
    /// Nothing that anybody waits for.
    pub(super) fn of(inputs: Vec<Input>) -> Self {
        Self {
            inputs,
            replies: Vec::new(),
            settle: Vec::new(),
            bury: Vec::new(),
            forgetting: Vec::new(),
            asked: 0,
        }
    }
}

impl<W: World> Driver<W> {
    pub(super) async fn tick_until(
        &mut self,
        stop: &CancellationToken,
        inbox: &mut mpsc::Receiver<Signal<W::Letter>>,
    ) -> anyhow::Result<()> {
        loop {
            self.surroundings.liveness.waits();
            let timer = self.planner.next_timer().map(|at| self.clock.until(at));
            let mut next = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = std::future::ready(()), if !(self.backlog.is_empty() && self.wanted.is_empty()) => None,
                signal = inbox.recv() => match signal {
                    Some(signal) => Some(signal),
                    None => return Ok(()),
                },
                () = self.surroundings.world.pause(timer.unwrap_or_default()), if timer.is_some() => None,
            };
            self.surroundings.liveness.ticks();
            let mut batch = Batch::of(Vec::new());
            while batch.asked < ASKED_A_TICK {
                let Some(signal) = next.or_else(|| inbox.try_recv().ok()) else { break };
                self.take(signal, &mut batch).await?;
                next = None;
            }
            self.take_children(&mut batch.inputs).await;
            self.take_requests(&mut batch).await;
            self.decide(batch).await?;
        }
    }

    /// Errors: the shard is lost.
    async fn take(&mut self, signal: Signal<W::Letter>, batch: &mut Batch<W::Letter>) -> anyhow::Result<()> {
        match signal {
            Signal::Requests(letters) => self.backlog.extend(letters),
            Signal::Reports(letters) => {
                for letter in letters {
                    take_reports(letter, batch).await;
                }
            }
            Signal::Heartbeat(beat) => batch.inputs.push(Input::Heartbeat(beat)),
            Signal::Claim(claim, answer) => {
                self.answer_claim(&claim, answer).await?;
            }
            Signal::Explain(question, answer) => {
                let _ = answer.send(calls::explain(&self.planner, &question, self.clock.now()));
            }
            Signal::Maintenance { installation: reason, pools } => {
                batch.inputs.push(Input::PoolMaintenance(pools));
                self.maintenance.send_replace(reason.is_some());
                batch.inputs.push(Input::Maintenance(reason));
            }
            Signal::Forget(call, answer) => {
                batch.inputs.push(Input::Forget(call.executor));
                batch.forgetting.push(answer);
            }
            Signal::Removing(runs, answer) => {
                let _ = answer.send(self.planner.begin_removal(runs));
            }
            Signal::Removed(runs) => self.planner.end_removal(&runs),
            Signal::Refused(refused) => {
                let (executor, report) = *refused;
                batch.inputs.push(Input::Report { executor, report });
            }
            Signal::Input(input) => batch.inputs.push(*input),
            Signal::Wanted(wanted) => self.wanted.push(wanted),
            Signal::Emptied => self.tell_open_runs().await,
            Signal::Queues(answer) => {
                let _ = answer.send(super::queues::figures(&self.planner));
            }
            Signal::Cordons(answer) => {
                let _ = answer.send(super::cordons::figures(&self.planner));
            }
            Signal::Snapshot(answer) => drop(answer.send(self.snapshot())),
            Signal::Learned(learned) => self.durations.learn_earlier(learned),
            Signal::Measure => {
                let now = self.clock.now();
                measure::waiting(self.planner.waiting(now));
                measure::queues(&self.planner.queue_use(), now);
                measure::approvals(self.planner.open_approvals(), now);
            }
        }
        Ok(())
    }

    /// A copy of the plan for whoever looks ahead, and how long it took.
    fn snapshot(&self) -> (Snapshot, Duration) {
        let began = self.surroundings.world.monotonic();
        let (planner, durations) = (self.planner.clone(), self.durations.clone());
        let took = self.surroundings.world.monotonic().saturating_sub(began);
        measure::SNAPSHOT.observe(took.as_secs_f64());
        (Snapshot { planner, durations, at: self.clock.now() }, took)
    }

    /// An attempt that this planner does not know may be another scheduler's, and one that it knows may have been taken
    /// away meanwhile. Errors: the shard is lost.
    async fn answer_claim(
        &mut self,
        claim: &Claim,
        asker: oneshot::Sender<Result<ClaimAnswer, String>>,
    ) -> anyhow::Result<()> {
        let Surroundings { config, storage_key, .. } = &*self.surroundings;
        let life = Duration::from_millis(config.storage_token_ms);
        let leads = self.surroundings.tenure.holds(self.surroundings.world.monotonic());
        let answered = calls::answer_claim(&self.planner, storage_key, life, claim);
        if let Ok(Answered::Granted { is_exclusive: true, .. }) = &answered
            && leads
        {
            self.planner.note_renewal(claim, self.clock.now());
        }
        let answer = match answered {
            Err(error) => Err(error.to_string()),
            // Whoever leads could not know of it, and take the attempt for ended.
            Ok(Answered::Granted { is_exclusive: true, .. }) if !leads => {
                Err("it is not sure that this scheduler leads".to_owned())
            }
            Ok(answered)
                if !self.may_answer(&answered)
                    && let Some(why) = self.look_for_others().await? =>
            {
                Err(why)
            }
            Ok(Answered::Granted { answer, project, secrets, .. }) if !secrets.is_empty() => {
                self.open_secrets(answer, project, secrets, asker);
                return Ok(());
            }
            Ok(Answered::Granted { answer, .. }) => Ok(answer),
            Ok(Answered::Refused { reason }) => Ok(ClaimAnswer::Refused { reason }),
        };
        // Nobody waits for it any more when this fails.
        let _ = asker.send(answer);
        Ok(())
    }

    /// Whether this answer may be given without a look at the log.
    fn may_answer(&self, answered: &Answered) -> bool {
        let Surroundings { tenure, world, .. } = &*self.surroundings;
        matches!(answered, Answered::Granted { .. }) && tenure.holds(world.monotonic())
    }

    /// Why it is not known whether another scheduler has decided meanwhile; none: nobody has. Errors: somebody has.
    async fn look_for_others(&self) -> anyhow::Result<Option<String>> {
        let decided = self.planner.last_seq();
        match self.surroundings.records.last_seq(SHARD).await {
            Ok(stored) if stored == decided => Ok(None),
            Ok(stored) => {
                bail!("the log ends at {stored} instead of {decided}: this scheduler has lost the shard")
            }
            Err(error) => Ok(Some(format!("the records do not answer: {error}"))),
        }
    }

    /// Beside the ticks: no decision waits for what one task needs.
    fn open_secrets(
        &self,
        answer: ClaimAnswer,
        project: ProjectName,
        secrets: Vec<SecretUse>,
        asker: oneshot::Sender<Result<ClaimAnswer, String>>,
    ) {
        let surroundings = self.surroundings.clone();
        self.surroundings.world.clone().spawn(async move {
            let opened = surroundings.vault.open(&*surroundings.records, &project, &secrets).await;
            let _ = asker.send(vault::with_secrets(answer, opened));
        });
    }

    /// Says of each open run what it is now: whoever reads the events from their beginning has lost the earlier ones.
    async fn tell_open_runs(&self) {
        let open = match self.surroundings.records.open_runs(SHARD).await {
            Ok(open) => open,
            Err(error) => return tracing::warn!(%error, "the open runs cannot be told again"),
        };
        let at = self.clock.now();
        let runs = open.into_iter().filter_map(|run| self.planner.run(run));
        let events = runs.map(|open| Event::of_state(&open.run.summary, SHARD, at, Vec::new(), true));
        let effects: Vec<_> = events.map(|event| Effect::Publish(Box::new(event))).collect();
        tracing::info!(runs = effects.len(), "NATS has forgotten the events: telling the open runs again");
        self.hand_over(Parcel { through_seq: self.planner.last_seq(), effects, ..Parcel::default() });
    }

    /// Reads waiting messages of the intake until the tick is full; the keys of all of them in one look-up.
    async fn take_requests(&mut self, batch: &mut Batch<W::Letter>) {
        if *self.maintenance.borrow() {
            // Their feed is shut: they go back to the stream, once for each maintenance.
            for letter in self.backlog.drain(..) {
                letter.retry_after(AFTER_MAINTENANCE).await;
            }
            return;
        }
        let Surroundings { world, tracer, records, .. } = &*self.surroundings;
        let mut letters = Vec::new();
        let mut messages = Vec::new();
        while batch.asked < ASKED_A_TICK
            && let Some(letter) = self.backlog.pop_front()
        {
            let message = Message::read(&letter.envelope(), || world.new_trace_id());
            batch.asked += message.requests().len().max(1);
            messages.push(message);
            letters.push(letter);
        }
        let mut reader = Reader {
            world,
            planner: &self.planner,
            records: &**records,
            known: &mut self.known,
            projects: &mut self.projects,
            workflows: &mut self.workflows,
            queues: NewQueues::default(),
        };
        let earlier = match reader.look_up(&messages).await {
            Ok(earlier) => earlier,
            Err(error) => {
                tracing::warn!(%error, requests = messages.len(), "requests wait for the records");
                for letter in letters {
                    letter.retry_after(LOOK_AGAIN).await;
                }
                return;
            }
        };
        for (message, letter) in messages.into_iter().zip(letters) {
            let asked = trace::Asked::of(tracer, &message, letter.envelope().published_at);
            let taken = batch.inputs.len();
            match reader.read(message, &earlier, &mut batch.inputs).await {
                Ok(read) => {
                    asked.tell(tracer, &batch.inputs[taken..], self.clock.now());
                    batch.replies.extend(read.reply);
                    match read.unreadable {
                        None => batch.settle.push(letter),
                        Some(why) => batch.bury.push((letter, why)),
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a request waits for the records");
                    letter.retry_after(LOOK_AGAIN).await;
                }
            }
        }
    }

    /// Lets the planner decide, commits, and hands over what follows. Errors: the shard is lost.
    pub(super) async fn decide(&mut self, batch: Batch<W::Letter>) -> anyhow::Result<()> {
        let Batch { inputs, replies, settle, bury, forgetting, asked: _ } = batch;
        let timing = measure::DECISION.start_timer();
        let now = self.clock.now();
        let alone_since = self.alone_since();
        self.planner.lead_since(alone_since);
        let decisions = self.planner.step(inputs, now);
        timing.observe_duration();
        self.commit(&decisions).await?;
        self.surroundings.world.looks_on(&self.planner);
        // One that has nothing to write would never meet the place that another scheduler has taken, and settle what is
        // meant for that one. Without an answer, what it was told comes again.
        if decisions.is_overtaken
            && let Some(why) = self.look_for_others().await?
        {
            tracing::warn!(why, "whether another scheduler has taken over cannot be seen yet");
        }
        learning::learn(&mut self.durations, &decisions);
        measure::observe(&decisions.runs, &decisions.tasks, now);
        measure::observe_begun(&decisions.entries, &decisions.tasks, now);
        trace::tell(&self.surroundings.tracer, &decisions.runs, &decisions.tasks, now);
        self.known.place(&decisions.entries);
        self.known.forget_through(*self.written.borrow());
        self.wanted.extend(decisions.wanted.iter().cloned());
        measure::OPEN_RUNS.set(self.planner.open_runs() as i64);
        measure::QUEUED_TASKS.set(self.planner.queued_tasks() as i64);
        let replies = self.answers(replies, &decisions);
        let Decisions { entries, effects, unlogged, runs, tasks, forgotten, look_ups, .. } = decisions;
        let through_seq = self.planner.last_seq();
        if !entries.is_empty() {
            let requests = entries.iter().filter_map(RequestRecord::of).collect();
            // The receivers live as long as this driver.
            let _ = self.changes.send(Changed { through_seq, runs, tasks, requests });
        }
        let effects: Vec<Effect> = effects.into_iter().map(|(_, effect)| effect).chain(unlogged).collect();
        let forgotten = forgotten.into_iter().zip(forgetting).collect();
        self.hand_over(Parcel { through_seq, effects, replies, settle, bury, forgotten });
        if !look_ups.is_empty() {
            let _ = self.questions.send(Asked { look_ups, through_seq });
        }
        Ok(())
    }

    /// Since when nobody else can have renewed a claim.
    fn alone_since(&self) -> Option<Timestamp> {
        let Surroundings { tenure, world, .. } = &*self.surroundings;
        tenure.alone_since(world.monotonic()).map(|since| self.clock.at(since))
    }

    async fn commit(&self, decisions: &Decisions) -> anyhow::Result<()> {
        let entries = &decisions.entries;
        if entries.is_empty() {
            return Ok(());
        }
        self.surroundings.fail_points.visit(FailPoint::BeforeCommit);
        let timing = measure::COMMIT.start_timer();
        let shared = entries.iter().cloned().map(Arc::new).collect();
        let Surroundings { records, world, liveness, tenure, .. } = &*self.surroundings;
        let may_write = || !decisions.relies_on_leading || tenure.holds(world.monotonic());
        commit::commit(&**records, world, &liveness.pulse, SHARD, shared, &may_write).await?;
        timing.observe_duration();
        measure::COMMIT_ENTRIES.observe(entries.len() as f64);
        measure::count(entries);
        self.surroundings.fail_points.visit(FailPoint::AfterCommit);
        Ok(())
    }

    pub(super) fn hand_over(&self, parcel: Parcel<W::Letter>) {
        if !parcel.is_empty() {
            // The receiver lives as long as this driver.
            let _ = self.parcels.send(parcel);
        }
    }

    fn answers(&self, replies: Vec<(String, Reply)>, decisions: &Decisions) -> Vec<(String, Told)> {
        let changed: HashMap<RunId, &RunSummary> = decisions.runs.iter().map(|run| (run.id, run)).collect();
        let accepted = |settled| match settled {
            Settled::Now(answer) => answer,
            Settled::Run(run_id) => {
                let run = changed.get(&run_id).map(|run| Box::new((*run).clone()));
                Answer::Accepted { run_id, repeated: false, run }
            }
            Settled::Decided(run_id, place) => match decisions.decided.get(&place) {
                Some(Err(errors)) => Answer::Rejected { errors: errors.clone() },
                told => {
                    let repeated = matches!(told, Some(Ok(true)));
                    let run = changed.get(&run_id).map(|run| Box::new((*run).clone()));
                    Answer::Accepted { run_id, repeated, run }
                }
            },
        };
        // Also where the same request came twice in one tick.
        let answer = |settled| match accepted(settled) {
            Answer::Accepted { run_id, .. } if decisions.refused.contains_key(&run_id) => {
                Answer::Rejected { errors: decisions.refused[&run_id].clone() }
            }
            answer => answer,
        };
        let told = |reply| match reply {
            Reply::One(settled) => Told::One(answer(settled)),
            Reply::Batch(all) => Told::Batch(BatchAnswer::fitted(all.into_iter().map(answer).collect())),
        };
        replies.into_iter().map(|(subject, reply)| (subject, told(reply))).collect()
    }
}

async fn take_reports<L: Letter>(letter: L, batch: &mut Batch<L>) {
    match letter.decode::<Reports>() {
        Ok(reports) => {
            let executor = reports.executor;
            batch.asked += reports.reports.len();
            let inputs = reports
                .reports
                .into_iter()
                .map(|report| Input::Report { executor: executor.clone(), report });
            batch.inputs.extend(inputs);
            batch.settle.push(letter);
        }
        Err(error) => outbox::bury(letter, "unreadable_report", &error.to_string()).await,
    }
}
