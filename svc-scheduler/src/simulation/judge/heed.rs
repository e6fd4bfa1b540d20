//! What a scheduler has surely been told, it heeds. I26: nothing starts where an operator keeps work away. I27: nobody's
//! silence counts with a scheduler that knows that it hears nobody.

use std::collections::BTreeMap;

use emboflow_model::state::Reason;
use emboflow_model::transition::Change;
use emboflow_model::{ExecutorId, LogEntry};

use super::super::fault::Fault;
use super::super::stage::Stage;

/// Where nothing is broken a change has been read, and what was decided before it is in the log, after so long.
const HEARD_WITHIN_MS: u64 = 2_000;
/// What was missed while something was broken is read so long after it: all is read again each 30 s.
const READ_AGAIN_WITHIN_MS: u64 = 35_000;

/// What schedulers were told, and what may have kept it from them.
#[derive(Default)]
pub(super) struct Heed {
    /// Since when an operator keeps work away from an executor, or from all of them.
    kept_away: BTreeMap<Option<ExecutorId>, u64>,
    /// Until when a scheduler that is cut off may miss what is said.
    missed_until: u64,
    /// Until when schedulers or records may be late with what they read and write.
    late_until: u64,
}

impl Heed {
    /// Since when nothing may be started on the executor.
    fn kept_away_since(&self, executor: &ExecutorId) -> Option<u64> {
        let of = |whom: Option<ExecutorId>| self.kept_away.get(&whom).copied();
        of(Some(executor.clone())).into_iter().chain(of(None)).min()
    }
}

impl Stage {
    /// An operator keeps work away from an executor, or from all with none, or does so no more.
    pub(in super::super) fn note_kept_away(&mut self, executor: Option<ExecutorId>, is_on: bool) {
        let kept_away = &mut self.judge.heed.kept_away;
        match is_on {
            true => drop(kept_away.entry(executor).or_insert(self.now)),
            false => drop(kept_away.remove(&executor)),
        }
    }

    /// What was kept is what it was when the backup was made.
    pub(super) fn forget_what_is_kept_away(&mut self) {
        self.judge.heed.kept_away.clear();
    }

    /// Something breaks for so long.
    pub(in super::super) fn note_fault(&mut self, fault: Fault, lasts: u64) {
        let until = self.now + lasts;
        let heed = &mut self.judge.heed;
        match fault {
            Fault::SchedulerIsCut | Fault::SchedulerIsDeaf => {
                heed.missed_until = heed.missed_until.max(until)
            }
            // Operators' orders and what happens to executors and to streams keeps no notice from anybody.
            Fault::Maintenance | Fault::CordonExecutor | Fault::DrainExecutor => {}
            Fault::KillExecutor | Fault::StopExecutor | Fault::CutPower | Fault::LoseMachine => {}
            Fault::EmptyDisk | Fault::ExecutorIsMute | Fault::ExecutorIsDeaf | Fault::CutExecutor => {}
            Fault::ExecutorClockJumps | Fault::PostAway | Fault::PostLossy | Fault::PostSlow => {}
            _ => heed.late_until = heed.late_until.max(until),
        }
    }

    /// Whether the process heeds what it was told in what it has decided.
    pub(in super::super) fn judge_heed(&mut self, process: usize, entry: &LogEntry) {
        let LogEntry::Transition(transition) = entry else { return };
        for change in &transition.changes {
            match change {
                Change::AttemptOpened { task, executor, .. } => {
                    self.judge_opening_on(executor, &format!("{}.{task}", transition.run));
                }
                Change::AttemptClosed { task, end, .. } if end.reason == Some(Reason::ExecutorLost) => {
                    self.judge_silence(process, &format!("{}.{task}", transition.run));
                }
                _ => {}
            }
        }
    }

    fn judge_opening_on(&mut self, executor: &ExecutorId, task: &str) {
        let heed = &self.judge.heed;
        let is_calm = self.now > heed.missed_until.max(heed.late_until) + READ_AGAIN_WITHIN_MS;
        if !is_calm {
            return;
        }
        match heed.kept_away_since(executor) {
            Some(since) if self.now > since + HEARD_WITHIN_MS => {
                self.fail(format!("I26: {task} starts on {executor}, where nothing may since {since} ms"));
            }
            None if !heed.kept_away.is_empty() => self.count("started beside a cordoned executor"),
            _ => {}
        }
    }

    fn judge_silence(&mut self, process: usize, task: &str) {
        let Some(since) = self.schedulers[process].told_deaf_at else { return };
        if self.now > since + HEARD_WITHIN_MS && self.now > self.judge.heed.late_until + READ_AGAIN_WITHIN_MS
        {
            self.fail(format!("I27: s{process} gives {task} up, and hears nobody since {since} ms"));
        }
    }
}
