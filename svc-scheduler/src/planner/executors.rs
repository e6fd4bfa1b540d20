//! What is known of executors: heartbeats, and what their open attempts hold (derived from transitions, never counted
//! apart, so that nothing can leak).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use emboflow_model::executor::{ExecutorState, Heartbeat};
use emboflow_model::state::AttemptState;
use emboflow_model::transition::{AttemptEnd, AttemptTimes, Change};
use emboflow_model::{
    Attempt, AttemptId, Cause, DeviceId, ExecutorId, LogSeal, Outcome, PoolName, Reason, Resources,
    Timestamp, object_key,
};
use emboflow_protocol::command::Command;

use super::Planner;
use super::effect;
use super::ready::LaneKey;
use super::step::Step;
use super::strays::Stray;
use super::timers::Timer;

/// So much later than its timer a step is not merely busy.
const LATE_MS: u64 = 2_000;

/// An executor that has sent a heartbeat or holds an attempt.
#[derive(Clone, Default)]
pub(super) struct KnownExecutor {
    /// None until the first one since this scheduler started.
    pub(super) heartbeat: Option<Heartbeat>,
    /// When something was last heard of it, by the scheduler's clock.
    pub(super) last_seen: Timestamp,
    /// When this start of it was heard of first, by the scheduler's clock.
    began: Timestamp,
    /// What its open attempts hold.
    pub(super) used: Resources,
    /// Its open attempts, and what each holds.
    pub(super) open: BTreeMap<AttemptId, Hold>,
    /// The devices that they have for themselves.
    pub(super) taken: BTreeSet<DeviceId>,
    /// Those of its open attempts that may be stopped for more urgent work.
    pub(super) preemptible: BTreeSet<AttemptId>,
    /// Its attempts that were given up unseen, in runs that are open.
    pub(super) strays: BTreeMap<AttemptId, Stray>,
    /// A timer will look at its silence.
    watched: bool,
}

/// What an open attempt holds of its executor.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub(super) resources: Resources,
    pub(super) devices: Vec<DeviceId>,
    /// Since when.
    pub(super) since: Timestamp,
    /// When its executor's right to run it was renewed last, if it is exclusive.
    pub(super) renewed: Timestamp,
    /// When its time limit will have ended it at the latest, the fetching of its image not counted; none without one.
    pub(super) ends_at: Option<Timestamp>,
    /// The lane that it came from.
    pub(super) lane: Option<Arc<LaneKey>>,
}

impl Hold {
    /// What a new attempt holds.
    pub(super) fn new(resources: Resources, devices: Vec<DeviceId>, since: Timestamp) -> Self {
        Self { resources, devices, since, renewed: since, ends_at: None, lane: None }
    }

    /// Whether it will still be there at a moment to come, as far as anybody can tell. One that should have ended by now
    /// shows that nobody can.
    pub(super) fn ends_after(&self, at: Timestamp, now: Timestamp) -> bool {
        self.ends_at.filter(|end| *end > now).is_none_or(|end| end > at)
    }
}

impl KnownExecutor {
    /// Its attempts that may be stopped for more urgent work, and what they hold.
    pub(super) fn preemptible(&self) -> impl Iterator<Item = (&AttemptId, &Hold)> {
        self.preemptible.iter().filter_map(|id| self.open.get_key_value(id))
    }

    /// Whether work may be given to it.
    pub(super) fn takes_work(&self, now: Timestamp, suspect_after_ms: u64) -> bool {
        self.is_here(ExecutorState::Online, now, suspect_after_ms)
    }

    /// Whether it only ends what it has: today that means that its disk is full.
    pub(super) fn drains(&self, now: Timestamp, suspect_after_ms: u64) -> bool {
        self.is_here(ExecutorState::Draining, now, suspect_after_ms)
    }

    fn is_here(&self, state: ExecutorState, now: Timestamp, suspect_after_ms: u64) -> bool {
        let is_so = self.heartbeat.as_ref().is_some_and(|beat| beat.state == state);
        is_so && now.ms_since(self.last_seen) < suspect_after_ms
    }
}

/// Keeps what executors hold in step with a change that has been decided.
pub(super) fn hold(
    executors: &mut BTreeMap<ExecutorId, KnownExecutor>,
    attempt: AttemptId,
    executor: &ExecutorId,
    held: Hold,
) {
    let known = executors.entry(executor.clone()).or_default();
    if !known.open.contains_key(&attempt) {
        known.used = known.used.plus(&held.resources);
        known.taken.extend(held.devices.iter().cloned());
        known.open.insert(attempt, held);
    }
}

/// The opposite of [`hold`]; gives what it held.
pub(super) fn free(
    executors: &mut BTreeMap<ExecutorId, KnownExecutor>,
    attempt: &AttemptId,
    executor: &ExecutorId,
) -> Option<Hold> {
    let known = executors.get_mut(executor)?;
    let held = known.open.remove(attempt)?;
    known.used = known.used.minus(&held.resources);
    known.taken.retain(|device| !held.devices.contains(device));
    known.preemptible.remove(attempt);
    Some(held)
}

impl Planner {
    /// Says from which lane an open attempt came: what it is worth to others, and when it should end.
    pub(super) fn note_lane(&mut self, id: &AttemptId, executor: &ExecutorId, lane: &Arc<LaneKey>) {
        let Some(known) = self.executors.get_mut(executor) else { return };
        let Some(hold) = known.open.get_mut(id) else { return };
        hold.ends_at = lane.shape.run_ms.map(|run_ms| hold.since.plus_ms(run_ms));
        hold.lane = Some(Arc::clone(lane));
        if lane.shape.preemptible {
            known.preemptible.insert(id.clone());
        }
    }

    /// An executor is in this pool from now on.
    fn note_pool(&mut self, executor: &ExecutorId, pool: &PoolName, before: Option<PoolName>) {
        if before.as_ref() != Some(pool) {
            if let Some(before) = before {
                self.leave_pool(executor, &before);
            }
            self.pools.entry(pool.clone()).or_default().insert(executor.clone());
        }
    }

    fn leave_pool(&mut self, executor: &ExecutorId, pool: &PoolName) {
        if let Some(members) = self.pools.get_mut(pool) {
            members.remove(executor);
            if members.is_empty() {
                self.pools.remove(pool);
            }
        }
    }

    /// Nothing is known of the executor any more, but for what may still run there.
    pub(super) fn drop_executor(&mut self, executor: &ExecutorId) {
        let Some(known) = self.executors.get_mut(executor) else { return };
        let beat = known.heartbeat.take();
        if known.strays.is_empty() {
            self.executors.remove(executor);
        }
        if let Some(beat) = beat {
            self.leave_pool(executor, &beat.pool);
        }
    }

    /// A step that is late for its timer follows a time in which the scheduler heard nobody: it was stopped, or waited
    /// for the records. Nobody was silent in it.
    pub(super) fn excuse_own_absence(&mut self, now: Timestamp) {
        let is_late = self.timers.next().is_some_and(|due| now.ms_since(due) > LATE_MS);
        if is_late {
            let unheard_ms = now.ms_since(self.last_step);
            for known in self.executors.values_mut() {
                known.last_seen = known.last_seen.plus_ms(unheard_ms).min(now);
            }
        }
        self.last_step = now;
    }
}

impl Step<'_> {
    /// Takes in a heartbeat, and puts right what the executor and the plan see differently.
    pub(super) fn hear(&mut self, beat: Heartbeat) {
        let suspected = Timestamp(self.now.0.saturating_sub_unsigned(self.planner.policy.suspect_after_ms));
        let known = self.planner.executors.entry(beat.executor.clone()).or_default();
        known.last_seen = match &known.heartbeat {
            // Told again after a reconnect.
            Some(before) if before.sent_at == beat.sent_at => known.last_seen,
            Some(_) => self.now,
            // The first one may have waited in NATS since its executor went away: only the executor's own clock tells.
            // Whose clock is wrong gets no work until the next one.
            None => beat.sent_at.clamp(suspected, self.now),
        };
        if known.heartbeat.as_ref().is_none_or(|before| before.incarnation != beat.incarnation) {
            known.began = self.now;
        }
        let pool_before = known.heartbeat.replace(beat.clone()).map(|before| before.pool);
        self.planner.note_pool(&beat.executor, &beat.pool, pool_before);
        self.watch_silence(&beat.executor);
        self.answer_held_attempts(&beat);
        self.answer_missing_attempts(&beat);
        self.ask_for_strays(&beat);
    }

    /// An executor whose attempts are known from the log, but which has not been heard of yet.
    pub(super) fn expect_executor(&mut self, executor: &ExecutorId) {
        let now = self.now;
        let known = self.planner.executors.entry(executor.clone()).or_default();
        if known.heartbeat.is_none() {
            known.last_seen = now;
        }
        self.watch_silence(executor);
    }

    pub(super) fn watch_silence(&mut self, executor: &ExecutorId) {
        let lost_after_ms = self.planner.policy.lost_after_ms;
        if let Some(known) = self.planner.executors.get_mut(executor)
            && !known.watched
        {
            known.watched = true;
            let at = self.planner.hearing.silent_since(known.last_seen).plus_ms(lost_after_ms);
            self.planner.timers.set(at, Timer::ExecutorSilent(executor.clone()));
        }
    }

    /// What the executor holds and should not: let go. What it holds and should stop: say so again.
    fn answer_held_attempts(&mut self, beat: &Heartbeat) {
        for held in &beat.attempts {
            let current = self.open_attempt(&held.attempt).filter(|attempt| attempt.fence == held.fence);
            match current {
                None if self.is_stray(&beat.executor, &held.attempt, held.fence) => {}
                None => {
                    if !self.is_of_later(held.fence) {
                        let (attempt, fence) = (held.attempt.clone(), held.fence);
                        self.tell(beat, Command::Release { attempt, fence });
                    }
                }
                Some(attempt) => {
                    if let Some(reason) = attempt.stopping {
                        let reason = effect::told(reason);
                        let command =
                            Command::Stop { attempt: held.attempt.clone(), fence: held.fence, reason };
                        self.tell(beat, command);
                    }
                }
            }
        }
    }

    /// What the executor should hold and does not: gone with an older data directory, or a command that was lost. One
    /// from before the executor was started, or before NATS was away, is sent again at once: it may still be on its way
    /// and come twice, which changes nothing.
    fn answer_missing_attempts(&mut self, beat: &Heartbeat) {
        let Some(known) = self.planner.executors.get(&beat.executor) else { return };
        let (began, hearing) = (known.began, self.planner.hearing);
        let held: BTreeSet<&AttemptId> = beat.attempts.iter().map(|held| &held.attempt).collect();
        let missing: Vec<AttemptId> = known.open.keys().filter(|id| !held.contains(id)).cloned().collect();
        for id in missing {
            let Some(attempt) = self.open_attempt(&id).cloned() else { continue };
            if attempt.state != AttemptState::Dispatched {
                // It began, and somebody has released it since: a scheduler that has nothing to write learns it only so.
                self.suspect_another();
            }
            if attempt.journal != beat.journal {
                self.lose_attempt(
                    &id,
                    format!("executor {} came back with an empty data directory", beat.executor),
                );
            } else if attempt.state == AttemptState::Dispatched
                && (attempt.dispatched_at < began
                    || hearing.may_have_lost(attempt.dispatched_at)
                    || self.now.ms_since(attempt.dispatched_at) >= self.planner.policy.redispatch_after_ms)
            {
                let Some(open) = self.planner.runs.get(&id.run) else { continue };
                let again = match attempt.stopping {
                    None => effect::start(open, &id.task, id.number),
                    Some(_) => effect::stop(open, &id.task, id.number),
                };
                self.effects.extend(again);
            }
        }
    }

    /// A timer found that an executor may have been silent for too long.
    pub(super) fn judge_silence(&mut self, executor: &ExecutorId) {
        let (lost_after_ms, hearing) = (self.planner.policy.lost_after_ms, self.planner.hearing);
        let Some(known) = self.planner.executors.get_mut(executor) else { return };
        known.watched = false;
        if self.now.ms_since(hearing.silent_since(known.last_seen)) < lost_after_ms {
            self.watch_silence(executor);
            return;
        }
        let open: Vec<AttemptId> = known.open.keys().cloned().collect();
        if open.is_empty() && known.strays.is_empty() && !hearing.is_deaf() {
            self.planner.drop_executor(executor);
            return;
        }
        let silence_s = self.now.ms_since(known.last_seen) / 1000;
        // While nobody can be heard it may be well, or have ended well: what it says then comes as soon as it can.
        if !hearing.is_deaf() {
            for id in open {
                self.judge_silence_about(&id, executor, silence_s);
            }
        }
        let pause_ms = self.end_fenced_strays(executor);
        self.watch_silence_again_later(executor, pause_ms);
    }

    /// What becomes of an open attempt whose executor could be heard, and was not for too long.
    fn judge_silence_about(&mut self, id: &AttemptId, executor: &ExecutorId, silence_s: u64) {
        let lost = format!("executor {executor} has been silent for {silence_s} s");
        if self.is_exclusive(id) {
            // Its executor ends it by itself: time tells when it is gone, also to a run that waits for its end.
            if self.is_fenced(executor, id) {
                self.lose_attempt(id, lost);
            }
        } else if self.ending_of_attempt(id).is_some() {
            // "cancelled" promises that nothing of the run runs any more: without the executor's word it waits.
            self.note_wait(id, format!("executor {executor} is unreachable: nobody can confirm the stop"));
        } else {
            self.lose_attempt(id, lost);
        }
    }

    fn watch_silence_again_later(&mut self, executor: &ExecutorId, pause_ms: u64) {
        let at = self.now.plus_ms(pause_ms);
        if let Some(known) = self.planner.executors.get_mut(executor) {
            known.watched = true;
            self.planner.timers.set(at, Timer::ExecutorSilent(executor.clone()));
        }
    }

    pub(super) fn note_wait(&mut self, id: &AttemptId, wait_reason: String) {
        let noted = self.planner.runs.get(&id.run).and_then(|open| open.run.tasks.get(&id.task));
        if noted.is_some_and(|task| task.wait_reason.as_deref() != Some(&*wait_reason)) {
            self.emit(id.run, Change::TaskWaits { task: id.task.clone(), wait_reason });
        }
    }

    pub(super) fn lose_attempt(&mut self, id: &AttemptId, message: String) {
        let is_gone = self.is_fenced_for(id);
        let Some(open) = self.planner.runs.get(&id.run) else { return };
        let times = open.attempt(&id.task, id.number).map(|attempt| attempt.times);
        let end = AttemptEnd {
            outcome: Outcome::Lost,
            cause: Cause::Infra,
            reason: Some(Reason::ExecutorLost),
            message: Some(message),
            exit_code: None,
            times: times.unwrap_or(AttemptTimes::default()),
            log: Some(LogSeal {
                prefix: object_key::attempt_prefix(&open.run.summary.project, id),
                size_bytes: 0,
                lines: 0,
                sha256: String::new(),
                truncated: Some(LogSeal::EXECUTOR_LOST.to_owned()),
            }),
            artifacts: Vec::new(),
            values: serde_json::Map::new(),
            image_digest: None,
            unseen: !is_gone,
        };
        self.close_attempt(id, end);
    }

    fn open_attempt(&self, id: &AttemptId) -> Option<&Attempt> {
        let open = self.planner.runs.get(&id.run)?;
        open.attempt(&id.task, id.number).filter(|attempt| attempt.is_open())
    }

    pub(super) fn tell(&mut self, beat: &Heartbeat, command: Command) {
        self.effects.push(effect::Effect::Command {
            pool: beat.pool.clone(),
            executor: beat.executor.clone(),
            command,
        });
    }
}
