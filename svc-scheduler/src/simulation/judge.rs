//! The judge: the promises, checked whenever something happens that they speak of. It believes the log, the witness
//! and the clients' own history, and nobody else.

mod approval;
mod borders;
mod change;
mod child;
mod end;
mod fan_out;
mod gang;
mod heed;
mod limits;
mod results;
mod shares;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use emboflow_model::run::accepted;
use emboflow_model::workflow::{self, Workflow};
use emboflow_model::{
    AttemptId, ExecutorId, LogEntry, ProjectName, Rejection, Run, RunId, RunState, Transition, epoch,
};
use emboflow_protocol::event::Event;

use super::stage::Stage;
use super::witness::Start;
use gang::judge_gangs;

/// Runs of the project `small` that may be open.
pub(super) const SMALL_OPEN_RUNS: usize = 2;

/// An attempt that was claimed in time starts this long after its end was decided, at most.
const UNDER_WAY_MS: u64 = 10_000;

/// What the judge knows.
#[derive(Default)]
pub(super) struct Judge {
    last_seq: u64,
    pub(super) runs: BTreeMap<RunId, Judged>,
    keys: BTreeMap<(ProjectName, String), RunId>,
    rejected: BTreeSet<(ProjectName, String)>,
    /// Every fence that was ever given, also in a time that a restore has undone.
    fences: BTreeSet<u64>,
    /// Open attempts and where they are.
    open: BTreeMap<AttemptId, (ExecutorId, u64)>,
    /// When attempts were closed.
    closed_at: BTreeMap<Start, u64>,
    /// Attempts that were given up unseen: nobody knows what runs of them.
    lost: BTreeSet<Start>,
    /// Runs that clients were told of.
    acked: BTreeMap<(ProjectName, String), RunId>,
    tally: shares::Tally,
    heed: heed::Heed,
    /// Numbers of transitions whose events were published.
    told: BTreeSet<(RunId, u64)>,
}

/// A run as the log says it is.
pub(super) struct Judged {
    pub(super) run: Run,
    pub(super) workflow: Arc<Workflow>,
    /// Its events are not asked for: they are from before a restore, or NATS was emptied since.
    excused_events: u64,
}

impl Judge {
    /// The open attempt of the same task, if it is on this executor.
    pub(super) fn open_attempt_on(&self, executor: &ExecutorId, attempt: &AttemptId) -> Option<(u32, u64)> {
        let task = self.runs.get(&attempt.run)?.run.tasks.get(&attempt.task)?;
        let open = task.open_attempt().filter(|open| open.executor == *executor)?;
        Some((open.number, open.fence))
    }

    /// Runs that have not ended.
    pub(super) fn open_runs(&self) -> impl Iterator<Item = &Judged> {
        self.runs.values().filter(|judged| !judged.run.summary.state.is_terminal())
    }

    /// Whether the request has become a run.
    pub(super) fn has_made(&self, project: &ProjectName, key: &str) -> bool {
        self.keys.contains_key(&(project.clone(), key.to_owned()))
    }

    /// Events that were published before are gone.
    pub(super) fn post_was_emptied(&mut self) {
        for judged in self.runs.values_mut() {
            judged.excused_events = judged.run.summary.version;
        }
    }

    /// Whether the fence is of a time before the last restore.
    fn is_of_before(&self, fence: u64) -> bool {
        epoch::of_fence(fence) < epoch::of_place(self.last_seq)
    }
}

thread_local! {
    /// The few files of all simulations, parsed once: the same text is the same workflow.
    static WORKFLOWS: RefCell<BTreeMap<Arc<str>, Arc<Workflow>>> = const { RefCell::new(BTreeMap::new()) };
}

fn parse(source: &Arc<str>) -> Option<Arc<Workflow>> {
    WORKFLOWS.with_borrow_mut(|known| {
        if let Some(known) = known.get(source) {
            return Some(known.clone());
        }
        let parsed = Arc::new(workflow::parse(source).ok()?);
        known.insert(source.clone(), parsed.clone());
        Some(parsed)
    })
}

impl Stage {
    /// An entry has become durable.
    pub(super) fn judge_entry(&mut self, entry: &LogEntry) {
        let next = self.judge.last_seq + 1;
        if entry.seq() != next {
            return self.fail(format!("I4: the log goes on at {} instead of {next}", entry.seq()));
        }
        self.judge.last_seq = next;
        let judged = match entry {
            LogEntry::Rejection(rejection) => self.judge_rejection(rejection),
            LogEntry::Transition(transition) => self.judge_transition(transition),
        };
        if let Err(why) = judged {
            self.fail(format!("at {next}: {why}"));
        }
    }

    fn judge_rejection(&mut self, rejection: &Rejection) -> Result<(), String> {
        let key = (rejection.project.clone(), rejection.key.clone());
        if !self.clients.bodies.contains_key(&key) {
            return Err(format!("I2: nobody has asked for what is rejected as {}", rejection.key));
        }
        if let Some(run) = self.judge.keys.get(&key) {
            return Err(format!("I1: {} has become {run} and is rejected now", rejection.key));
        }
        self.judge.rejected.insert(key);
        Ok(())
    }

    fn judge_transition(&mut self, transition: &Transition) -> Result<(), String> {
        let mut judged = match accepted(transition) {
            Some(_) => self.judge_acceptance(transition)?,
            None => {
                let known = self.judge.runs.remove(&transition.run);
                known.ok_or_else(|| format!("I2: {} was never accepted", transition.run))?
            }
        };
        if judged.run.summary.state.is_terminal() {
            return Err(format!("I4: {} has ended and goes on", transition.run));
        }
        if transition.number != judged.run.summary.version + 1 {
            return Err(format!(
                "I4: transition {} of {} is out of order",
                transition.number, transition.run
            ));
        }
        judge_gangs(&judged, transition)?;
        for change in &transition.changes {
            self.judge_change(&mut judged, change, transition)?;
            judged.run.apply_change(change, transition.at);
        }
        judged.run.seal(transition.seq);
        self.judge_state(&judged)?;
        self.judge.runs.insert(transition.run, judged);
        Ok(())
    }

    fn judge_acceptance(&mut self, transition: &Transition) -> Result<Judged, String> {
        let Some(asked) = accepted(transition) else { return Err("no acceptance".to_owned()) };
        let key = (transition.project.clone(), asked.key.clone());
        match self.clients.bodies.get(&key) {
            None if asked.parent.is_some() => {}
            None => return Err(format!("I2: nobody has asked for a run under {}", asked.key)),
            Some(body) if *body != asked.body_sha256 => {
                return Err(format!("I1: {} was asked with another body first", asked.key));
            }
            Some(_) => {}
        }
        if let Some(parent) = &asked.parent {
            self.judge_birth(parent, transition.run)?;
        }
        if self.judge.rejected.contains(&key) {
            return Err(format!("I1: {} was rejected before", asked.key));
        }
        if let Some(earlier) = self.judge.keys.insert(key, transition.run) {
            return Err(format!("I1: {} makes {} and has made {earlier}", asked.key, transition.run));
        }
        let own = |other: &&Judged| other.run.summary.project == transition.project;
        let open = self.judge.open_runs().filter(own).count();
        if transition.project.as_str() == "small" && open >= SMALL_OPEN_RUNS {
            return Err(format!("I9: project small has more than {SMALL_OPEN_RUNS} open runs"));
        }
        let workflow = parse(&asked.source).ok_or("a run of a file that nobody can read")?;
        let run = Run::begin_unsealed(transition).map_err(|error| format!("I4: {error}"))?;
        Ok(Judged { run, workflow, excused_events: 0 })
    }

    /// What must hold between two transitions.
    fn judge_state(&self, judged: &Judged) -> Result<(), String> {
        let Judged { run, .. } = judged;
        let id = run.summary.id;
        let active = |task: &&emboflow_model::Task| task.state == emboflow_model::TaskState::Active;
        if let Some(task) = run.tasks.values().filter(active).find(|task| task.open_attempt().is_none()) {
            return Err(format!("{id}: {} is active and has no open attempt", task.key));
        }
        if run.summary.state == RunState::Cancelled {
            self.judge_nothing_runs(judged)?;
        }
        Ok(())
    }

    /// I6: nothing of a cancelled run runs.
    fn judge_nothing_runs(&self, judged: &Judged) -> Result<(), String> {
        let run = judged.run.summary.id;
        let alive = self.witness.running().find(|(_, attempt, container)| {
            attempt.run == run && !self.is_undone(judged, attempt, container.fence)
        });
        match alive {
            Some((executor, attempt, _)) => {
                Err(format!("I6: {run} is cancelled and {attempt} still runs on e{executor}"))
            }
            None => Ok(()),
        }
    }

    /// Whether the attempt was opened in a time that a restore has undone: the log does not know it.
    fn is_undone(&self, judged: &Judged, id: &AttemptId, fence: u64) -> bool {
        let attempts = judged.run.tasks.get(&id.task).into_iter().flat_map(|task| &task.attempts);
        self.judge.is_of_before(fence) && attempts.into_iter().all(|attempt| attempt.fence != fence)
    }

    /// Whether two attempts of the task may run at once when one of them was given up.
    fn may_run_beside(&self, id: &AttemptId, fence: u64) -> bool {
        match self.judge.runs.get(&id.run) {
            Some(judged) if judged.workflow.class(id.task.name.as_str()).is_exclusive() => {
                self.is_undone(judged, id, fence)
            }
            _ => self.is_given_up(id, fence),
        }
    }

    fn is_given_up(&self, attempt: &AttemptId, fence: u64) -> bool {
        self.judge.is_of_before(fence) || self.judge.lost.contains(&(attempt.clone(), fence))
    }

    /// A program is started.
    pub(super) fn judge_start(&mut self, index: usize, attempt: &AttemptId, fence: u64) {
        let starts = self.witness.starts.entry((attempt.clone(), fence)).or_insert(0);
        *starts += 1;
        if *starts > 1 {
            return self.fail(format!("I3: {attempt} ({fence}) starts a second time"));
        }
        if self.judge.is_of_before(fence) {
            return;
        }
        // One that was given up while its start was under way runs like one that ran already, however long its executor
        // was stopped in the middle of that.
        let is_excused = self.may_run_beside(attempt, fence);
        let closed_at = self.judge.closed_at.get(&(attempt.clone(), fence));
        if closed_at.is_some_and(|at| self.now - at > UNDER_WAY_MS) && !is_excused {
            return self.fail(format!("I3: {attempt} ({fence}) starts long after its end"));
        }
        let beside = self.witness.running().filter(|_| !is_excused).find(|(executor, other, container)| {
            let is_other = (*executor, *other) != (index, attempt);
            let is_same_task = other.run == attempt.run && other.task == attempt.task;
            is_other && is_same_task && !self.may_run_beside(other, container.fence)
        });
        if let Some((executor, other, _)) = beside {
            return self.fail(format!("I3: {attempt} starts beside {other} on e{executor}"));
        }
        let run = self.judge.runs.get(&attempt.run);
        match run {
            None => self.fail(format!("I2: {attempt} starts, and nobody has decided on its run")),
            Some(judged) => {
                let known = judged.run.tasks.get(&attempt.task).map(|task| &task.attempts);
                let known = known.and_then(|all| all.iter().find(|one| one.fence == fence));
                if known.is_none() {
                    return self.fail(format!("I3: {attempt} ({fence}) starts and is not in the log"));
                }
                if judged.run.summary.state == RunState::Cancelled && !self.is_undone(judged, attempt, fence)
                {
                    self.fail(format!("I6: {attempt} starts and its run is cancelled"));
                }
            }
        }
    }

    /// An event has been published.
    pub(super) fn judge_event(&mut self, subject: &str, payload: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Event>(payload) else {
            return self.fail("an event that nobody can read".to_owned());
        };
        let version = event.data.run.version;
        let run = event.subject;
        if let Err(why) = self.judge_event_of(subject, run) {
            return self.fail(why);
        }
        let durable = self.judge.runs.get(&run).map_or(0, |judged| judged.run.summary.version);
        // One that was under way while everything was set back.
        let is_undone = epoch::of_place(event.data.seq) < epoch::of_place(self.judge.last_seq);
        if version > durable && is_undone {
            return;
        }
        if version > durable {
            return self.fail(format!("{run}/{version} is told, and the log knows it up to {durable}"));
        }
        self.judge.told.insert((run, version));
    }

    /// A client is answered.
    pub(super) fn judge_answer(&mut self, place: usize, answer: &Result<RunId, Vec<String>>) {
        let ask = self.clients.asked[place].clone();
        if answer.is_ok() {
            self.judge_decision_told(place);
        }
        if let Err(why) = self.judge_borders(place, answer.is_ok()) {
            return self.fail(why);
        }
        if !ask.makes_run() {
            return;
        }
        let key = (ask.project.clone(), ask.key.clone());
        let is_own_body =
            self.clients.bodies.get(&key) == Some(&emboflow_protocol::request::body_sha256(&ask.body));
        match answer {
            Ok(_) if !is_own_body => {
                self.fail(format!("I1: {} is accepted for another body", ask.key));
            }
            Ok(run) => {
                // An answer that was under way while everything was set back says nothing.
                if self.judge.keys.get(&key) != Some(run) && self.restores == 0 {
                    return self
                        .fail(format!("I1: {} is answered with {run}, which is not in the log", ask.key));
                }
                if let Some(earlier) = self.judge.acked.insert(key, *run)
                    && earlier != *run
                    && self.restores == 0
                {
                    self.fail(format!("I1: {} was answered with {earlier} and now with {run}", ask.key));
                }
            }
            Err(_) => {
                if is_own_body && self.judge.acked.contains_key(&key) && self.restores == 0 {
                    self.fail(format!("I1: {} was accepted and is rejected now", ask.key));
                }
            }
        }
    }

    /// The log is another one.
    pub(super) fn judge_restore(&mut self) {
        self.restores += 1;
        let judge = &mut self.judge;
        judge.runs.clear();
        judge.keys.clear();
        judge.rejected.clear();
        judge.open.clear();
        judge.told.clear();
        judge.acked.clear();
        judge.last_seq = 0;
        self.forget_what_is_kept_away();
        let entries: Vec<_> = self.store.log.values().cloned().collect();
        for entry in entries {
            match &*entry {
                LogEntry::Rejection(rejection) => {
                    judge_key(&mut self.judge, rejection);
                }
                LogEntry::Transition(transition) => self.replay(transition),
            }
        }
        self.judge.last_seq = self.store.last_seq();
        self.judge.post_was_emptied();
    }

    fn replay(&mut self, transition: &Transition) {
        if let Some(asked) = accepted(transition) {
            let key = (transition.project.clone(), asked.key.clone());
            let (Some(workflow), Ok(run)) = (parse(&asked.source), Run::begin_unsealed(transition)) else {
                return;
            };
            self.judge.keys.insert(key, transition.run);
            self.judge.runs.insert(transition.run, Judged { run, workflow, excused_events: 0 });
        }
        let Some(mut judged) = self.judge.runs.remove(&transition.run) else { return };
        for change in &transition.changes {
            self.judge.note_attempts(&judged.run, change, self.now);
            judged.run.apply_change(change, transition.at);
        }
        judged.run.seal(transition.seq);
        self.judge.runs.insert(transition.run, judged);
    }
}

fn judge_key(judge: &mut Judge, rejection: &Rejection) {
    judge.rejected.insert((rejection.project.clone(), rejection.key.clone()));
}
