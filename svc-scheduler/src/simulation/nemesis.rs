//! Faults: what breaks, for how long, and how everything is made whole again.

use super::client::Patience;
use super::fault::Fault;
use super::sabotage::Sabotage;
use super::scheduler::{Condition, Process};
use super::stage::Stage;
use crate::driver::Signal;
use crate::planner::Input;
use emboflow_model::epoch;

/// How records and NATS treat those who use them, now. Chances are in a thousand, times in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trouble {
    pub(super) records: RecordsTrouble,
    pub(super) post: PostTrouble,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RecordsTrouble {
    pub(super) is_away: bool,
    pub(super) slow: u64,
    /// A batch of which only a prefix is stored.
    pub(super) torn: u64,
    /// Carried out, but the caller sees an error.
    pub(super) answer_lost: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PostTrouble {
    pub(super) is_away: bool,
    pub(super) slow: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
}

impl Stage {
    /// Faults happen over the time of trouble.
    pub(super) fn let_trouble_come(&mut self) {
        for _ in 0..self.plan.faults {
            let at = self.dice.below(self.plan.trouble_ms);
            let fault = self.dice.pick(&self.plan.kinds).unwrap_or(Fault::KillScheduler);
            let lasts = self.dice.between(1, 25_000);
            self.after(at, move |stage| stage.strike(fault, lasts));
        }
    }

    /// A few short faults, in the first half, of those that leave every executor its work.
    pub(super) fn let_little_trouble_come(&mut self) {
        const LIGHT: [Fault; 10] = [
            Fault::KillScheduler,
            Fault::KillSchedulerAtWork,
            Fault::ZombieScheduler,
            Fault::StallScheduler,
            Fault::SchedulerIsMute,
            Fault::RecordsAway,
            Fault::RecordsSlow,
            Fault::PostLossy,
            Fault::PostSlow,
            Fault::KillExecutor,
        ];
        for _ in 0..self.plan.faults {
            let at = self.dice.between(3_000, 20_000);
            let fault = self.dice.pick(&LIGHT).unwrap_or(Fault::KillScheduler);
            let lasts = self.dice.between(1, 4_000);
            // What was under way comes again after a while.
            self.demand.excused_ms += lasts + 16_000;
            self.after(at, move |stage| stage.strike(fault, lasts));
        }
    }

    /// A fault happens, for so many milliseconds where it passes by itself.
    pub(super) fn strike(&mut self, fault: Fault, lasts: u64) {
        if self.is_healed {
            return;
        }
        self.count(fault.word());
        self.note(|| format!("FAULT {fault:?} for {lasts} ms"));
        self.note_fault(fault, lasts);
        let scheduler = self.a_scheduler();
        let executor = self.dice.below(self.executors.len() as u64) as usize;
        self.strike_scheduler(fault, scheduler, lasts);
        self.strike_executor(fault, executor, lasts);
        self.strike_records(fault, lasts);
        self.strike_post(fault, lasts);
        match fault {
            Fault::Maintenance => {
                self.set_maintenance(true);
                self.after(lasts, |stage| stage.set_maintenance(false));
            }
            Fault::CordonExecutor | Fault::DrainExecutor => {
                self.cordon(executor, fault == Fault::DrainExecutor);
                self.after(lasts, move |stage| stage.uncordon(executor));
            }
            Fault::RestoreBackup => self.restore_backup(),
            _ => {}
        }
    }

    fn strike_scheduler(&mut self, fault: Fault, index: usize, lasts: u64) {
        match fault {
            Fault::KillScheduler => self.kill_and_restart(index, lasts.min(5_000)),
            Fault::KillSchedulerAtWork => self.kill_at_next_entry = Some(lasts % 3),
            Fault::ZombieScheduler => {
                self.pause_scheduler(index, lasts);
                let other = self.another_scheduler();
                self.start_scheduler(other);
            }
            Fault::StallScheduler => self.pause_scheduler(index, lasts),
            Fault::SecondScheduler => {
                let other = self.another_scheduler();
                self.start_scheduler(other);
                self.after(lasts, move |stage| stage.kill_scheduler(other));
            }
            Fault::CutSchedulerFromRecords => {
                self.schedulers[index].is_cut_from_records = true;
                self.after(lasts, move |stage| stage.schedulers[index].is_cut_from_records = false);
            }
            Fault::SchedulerIsMute => {
                self.schedulers[index].is_mute = true;
                self.after(lasts, move |stage| stage.schedulers[index].is_mute = false);
            }
            Fault::SchedulerIsDeaf => {
                self.schedulers[index].is_deaf = true;
                self.after(lasts, move |stage| stage.schedulers[index].is_deaf = false);
            }
            Fault::SchedulerIsCut => {
                self.cut_scheduler(index, true);
                let life = self.schedulers[index].life;
                self.after(lasts, move |stage| {
                    if stage.schedulers[index].life == life {
                        stage.cut_scheduler(index, false);
                    }
                });
            }
            Fault::SchedulerClockJumps => self.schedulers[index].wall_ahead_ms = self.jump(),
            _ => {}
        }
    }

    fn strike_executor(&mut self, fault: Fault, index: usize, lasts: u64) {
        match fault {
            Fault::KillExecutor => {
                self.kill_executor(index);
                self.after(lasts, move |stage| stage.revive(index));
            }
            Fault::StopExecutor => self.stop_executor(index, lasts),
            Fault::CutPower => {
                self.cut_power(index);
                self.after(lasts, move |stage| stage.revive(index));
            }
            Fault::LoseMachine => self.lose_machine(index),
            Fault::EmptyDisk => {
                self.kill_executor(index);
                self.empty_disk(index);
                self.after(lasts, move |stage| stage.revive(index));
            }
            Fault::ExecutorIsMute => self.cut_executor(index, (true, false), lasts),
            Fault::ExecutorIsDeaf => self.cut_executor(index, (false, true), lasts),
            Fault::CutExecutor => self.cut_executor(index, (true, true), lasts),
            Fault::ExecutorClockJumps => self.executors[index].clock_ahead_ms = self.jump(),
            _ => {}
        }
    }

    /// Its connection to NATS is lost, or stands again; it is told so, as the client of NATS tells it.
    pub(super) fn cut_scheduler(&mut self, index: usize, is_cut: bool) {
        let process = &mut self.schedulers[index];
        (process.is_mute, process.is_deaf) = (is_cut, is_cut);
        process.told_deaf_at = is_cut.then_some(self.now);
        if self.is_sabotaged(Sabotage::KeepDeafnessQuiet) {
            return;
        }
        self.signal(index, Signal::Input(Box::new(Input::Hearing(!is_cut))));
    }

    /// Up to an hour, forward or back.
    fn jump(&mut self) -> i64 {
        self.dice.below(7_200_000) as i64 - 3_600_000
    }

    fn strike_records(&mut self, fault: Fault, lasts: u64) {
        match fault {
            Fault::RecordsAway => {
                self.trouble.records.is_away = true;
                self.after(lasts, |stage| stage.trouble.records.is_away = false);
            }
            Fault::RecordsTorn => {
                let torn = RecordsTrouble { torn: 200, answer_lost: 100, ..self.trouble.records };
                self.trouble.records = torn;
                self.after(lasts, |stage| {
                    (stage.trouble.records.torn, stage.trouble.records.answer_lost) = (0, 0);
                });
            }
            Fault::RecordsSlow => {
                self.trouble.records.slow = 3_000;
                self.after(lasts, |stage| stage.trouble.records.slow = 0);
            }
            Fault::RecordsPowerCut => self.cut_power_of_records(),
            _ => {}
        }
    }

    fn strike_post(&mut self, fault: Fault, lasts: u64) {
        match fault {
            Fault::PostAway => {
                self.trouble.post.is_away = true;
                self.after(lasts, |stage| stage.trouble.post.is_away = false);
            }
            Fault::PostLossy => {
                self.trouble.post = PostTrouble { lost: 200, doubled: 200, ..self.trouble.post };
                self.after(lasts, |stage| (stage.trouble.post.lost, stage.trouble.post.doubled) = (0, 0));
            }
            Fault::PostSlow => {
                self.trouble.post.slow = 4_000;
                self.after(lasts, |stage| stage.trouble.post.slow = 0);
            }
            Fault::PostEmptied => self.empty_post(),
            _ => {}
        }
    }

    /// One that is running, if there is one.
    pub(super) fn a_scheduler(&mut self) -> usize {
        let running: Vec<usize> = (0..self.schedulers.len())
            .filter(|index| self.schedulers[*index].condition == Condition::Running)
            .collect();
        self.dice.pick(&running).unwrap_or(0)
    }

    /// A process that is dead, or a new one.
    pub(super) fn another_scheduler(&mut self) -> usize {
        self.schedulers.push(Process::new());
        self.schedulers.len() - 1
    }

    fn kill_and_restart(&mut self, index: usize, after: u64) {
        if self.schedulers[index].condition == Condition::Dead {
            return;
        }
        self.kill_scheduler(index);
        self.after(after, move |stage| {
            if stage.schedulers[index].condition == Condition::Dead {
                stage.start_scheduler(index);
            }
        });
    }

    /// The process dies while the decision that it has just stored is still untold.
    pub(super) fn kill_if_at_work(&mut self, process: usize) {
        match &mut self.kill_at_next_entry {
            Some(0) => {
                self.kill_at_next_entry = None;
                self.count("killed between decision and effect");
                let within = self.dice.below(8);
                self.after(within, move |stage| stage.kill_and_restart(process, 500));
            }
            Some(more) => *more -= 1,
            None => {}
        }
    }

    fn pause_scheduler(&mut self, index: usize, lasts: u64) {
        let process = &mut self.schedulers[index];
        if process.condition != Condition::Running {
            return;
        }
        process.condition = Condition::Stopped;
        let life = process.life;
        self.after(lasts, move |stage| {
            let process = &mut stage.schedulers[index];
            if process.life == life && process.condition == Condition::Stopped {
                process.condition = Condition::Running;
                stage.note(|| format!("s{index} goes on"));
            }
        });
    }

    fn revive(&mut self, executor: usize) {
        if !self.executors[executor].is_up && !self.executors[executor].is_gone {
            self.start_executor(executor);
        }
    }

    /// Never the last one.
    fn lose_machine(&mut self, executor: usize) {
        let others = self.executors.iter().filter(|one| !one.is_gone).count();
        if others > 1 && !self.executors[executor].is_gone {
            self.cut_power(executor);
            self.executors[executor].is_gone = true;
            let later = self.dice.between(10_000, 40_000);
            self.after(later, move |stage| stage.forget_machine(executor));
        }
    }

    /// A partition both ways, until it is taken back.
    #[cfg(test)]
    pub(super) fn silence(&mut self, executor: usize, is_silent: bool) {
        let executor = &mut self.executors[executor];
        (executor.is_mute, executor.is_deaf) = (is_silent, is_silent);
    }

    fn cut_executor(&mut self, index: usize, (is_mute, is_deaf): (bool, bool), lasts: u64) {
        self.executors[index].is_mute |= is_mute;
        self.executors[index].is_deaf |= is_deaf;
        self.after(lasts, move |stage| {
            stage.executors[index].is_mute &= !is_mute;
            stage.executors[index].is_deaf &= !is_deaf;
        });
    }

    /// What was not forced to disk is as it was a while ago.
    fn cut_power_of_records(&mut self) {
        if let Some(older) = self.older_documents.clone() {
            self.store.lazy = older;
        }
        self.power_cuts += 1;
        for index in 0..self.schedulers.len() {
            self.kill_and_restart(index, 1_000);
        }
    }

    /// Now and then everything is kept as it is, for power cuts and restores.
    pub(super) fn keep_copies(&mut self) {
        self.older_documents = Some(self.store.lazy.clone());
        if self.dice.below(3) == 0 {
            self.backup = Some(Box::new(self.store.clone()));
        }
        self.after(4_000, Stage::keep_copies);
    }

    /// NATS comes back with nothing in it.
    pub(super) fn empty_post(&mut self) {
        self.post.empty();
        self.judge.post_was_emptied();
        for place in 0..self.clients.asked.len() {
            let ask = &mut self.clients.asked[place];
            if ask.patience == Patience::TrustsNats && ask.is_stored {
                // Its publisher learns that NATS is a new one, and asks again.
                ask.is_stored = false;
                self.after(1_000, move |stage| stage.ask_once(place));
            }
        }
        self.broadcast(|| Signal::Emptied);
    }

    /// Everything that was decided since the backup is lost; the operator does as the handbook says.
    pub(super) fn restore_backup(&mut self) {
        let Some(backup) = self.backup.clone() else { return };
        for index in 0..self.schedulers.len() {
            if self.schedulers[index].condition != Condition::Dead {
                self.kill_scheduler(index);
            }
        }
        self.store = *backup;
        let last = self.store.last_seq();
        if !self.is_sabotaged(Sabotage::ForgetEpoch) {
            self.store.removed = epoch::restored_after(last);
        }
        // What waits in NATS is of a time that never was.
        self.post.empty();
        // Nobody has heard yet which machines will never come back.
        self.forgotten.clear();
        for ask in &mut self.clients.asked {
            ask.is_excused = true;
        }
        self.backup = None;
        self.older_documents = None;
        self.judge_restore();
        self.after(1_000, |stage| stage.start_scheduler(0));
    }

    /// All faults end; what is to work, works.
    pub(super) fn heal(&mut self) {
        self.note(|| "all faults end".to_owned());
        self.is_healed = true;
        if self.plan.has_clients {
            self.tidy_up();
        }
        self.kill_at_next_entry = None;
        self.trouble = Trouble::default();
        self.set_maintenance(false);
        (0..self.executors.len()).for_each(|executor| self.uncordon(executor));
        // A process that was stopped wakes up once more beside the one that stays, and ends then.
        for index in 0..self.schedulers.len() {
            let process = &mut self.schedulers[index];
            process.is_cut_from_records = false;
            if process.condition == Condition::Stopped {
                process.condition = Condition::Running;
            }
            self.cut_scheduler(index, false);
            let process = &self.schedulers[index];
            if index > 0 && process.condition != Condition::Dead {
                self.after(3_000, move |stage| stage.kill_scheduler(index));
            }
        }
        if self.schedulers[0].condition == Condition::Dead {
            self.start_scheduler(0);
        }
        if self.plan.has_clients {
            // Whoever stays has something to write then, and meets what others wrote: no lease tells it here.
            self.after(4_000, Stage::submit_once_more);
        }
        for index in 0..self.executors.len() {
            self.executors[index].is_mute = false;
            self.executors[index].is_deaf = false;
            self.continue_executor(index);
            self.revive(index);
            if self.executors[index].is_gone {
                self.forget_machine(index);
            }
        }
    }
}
