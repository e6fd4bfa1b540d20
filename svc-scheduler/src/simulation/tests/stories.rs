//! What users of other systems have suffered, as scripts: each story of the reference's list that concerns the
//! scheduler. The judge watches all of them; a story adds what must come out of it.

mod asked;
mod cached;
mod children;
mod endings;
mod fanned;
mod foretold;
pub(super) mod leading;
mod others;
mod reruns;

use bytes::Bytes;
use emboflow_model::state::{Cause, Outcome, RunState, TaskState};
use emboflow_model::{Run, RunId, Task};
use emboflow_protocol::request::Verb;

use super::super::client::{Ask, Patience, project};
use super::super::fault::Fault;
use super::super::scheduler::Condition;
use super::super::stage::Stage;
use super::super::workload::ENDLESS;
use super::super::*;

const SINGLE: &str = "version: 1\nname: single\ndefaults: { image: i }\ntasks:\n  a: {}\n";
const CHAIN: &str = "version: 1\nname: chain\ndefaults: { image: i }\ntasks:\n  a: {}\n  b: { needs: [a] }\n  c: { needs: [b] }\n";

/// A simulation that does what the test says.
pub(super) struct Story(Simulation);

impl Story {
    pub(super) fn begin() -> Self {
        Self::of(Plan::scripted(7))
    }

    pub(super) fn of(plan: Plan) -> Self {
        let mut story = Self(Simulation::begin(plan));
        story.0.pass_ms(500);
        story
    }

    pub(super) fn with_one_executor() -> Self {
        Self::of(Plan { executors: 1, ..Plan::scripted(7) })
    }

    /// A run's program runs; the run, and where.
    pub(super) fn with_running(mut self, source: &str, task: &str) -> (Self, RunId, usize) {
        let run = self.submit(source);
        let executor = self.until_runs(task);
        (self, run, executor)
    }

    pub(super) fn on_stage<T>(&self, then: impl FnOnce(&mut Stage) -> T) -> T {
        then(&mut self.0.shared.stage())
    }

    pub(super) fn pass_ms(&mut self, ms: u64) {
        self.0.pass_ms(ms);
        self.check();
    }

    pub(super) fn check(&self) {
        self.on_stage(|stage| {
            assert!(stage.failure().is_none(), "{}\n{:?}", stage.last_lines().join("\n"), stage.failure());
        });
    }

    /// Lets time pass until it is so.
    pub(super) fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Stage) -> bool) {
        for _ in 0..6_000 {
            if self.on_stage(&mut is_so) {
                return;
            }
            self.pass_ms(20);
        }
        panic!("{}\nnot within 120 s: {what}", self.on_stage(|stage| stage.last_lines().join("\n")));
    }

    pub(super) fn submit(&mut self, source: &str) -> RunId {
        let place = self.on_stage(|stage| stage.submit(project("default"), source, Patience::AsksAgain));
        self.until("an answer", |stage| stage.clients.asked[place].answer.is_some());
        self.on_stage(|stage| stage.clients.asked[place].answer.clone()).unwrap().unwrap()
    }

    pub(super) fn order(&mut self, verb: Verb, run: RunId) -> Result<RunId, Vec<String>> {
        let place = self.on_stage(|stage| stage.order(verb, project("default"), run));
        self.until("an answer", |stage| stage.clients.asked[place].answer.is_some());
        self.on_stage(|stage| stage.clients.asked[place].answer.clone()).unwrap()
    }

    pub(super) fn run(&self, run: RunId) -> Run {
        self.on_stage(|stage| stage.judge.runs[&run].run.clone())
    }

    pub(super) fn task(&self, run: RunId, task: &str) -> Task {
        self.run(run).tasks.values().find(|found| found.key.to_string() == task).unwrap().clone()
    }

    pub(super) fn until_state(&mut self, run: RunId, state: RunState) {
        self.until(state.word(), |stage| stage.judge.runs[&run].run.summary.state == state);
    }

    pub(super) fn until_runs(&mut self, task: &str) -> usize {
        self.until("its program runs", |stage| {
            stage.witness.running().any(|(_, attempt, _)| attempt.task.to_string() == task)
        });
        self.on_stage(|stage| {
            let mut running = stage.witness.running();
            running.find(|(_, attempt, _)| attempt.task.to_string() == task).map(|(index, ..)| index).unwrap()
        })
    }

    pub(super) fn starts(&self) -> u32 {
        self.on_stage(|stage| stage.witness.starts.values().sum())
    }

    pub(super) fn lost_after(&self) -> u64 {
        self.on_stage(|stage| stage.plan.policy.lost_after_ms)
    }

    /// Everything heals and comes to rest, with every promise kept.
    pub(super) fn end(mut self) {
        self.0.come_to_rest();
        self.check();
    }
}

#[test]
fn a_terminal_runs_task_is_never_submitted_again_when_its_executor_dies_and_comes_back() {
    let (mut story, run, executor) = Story::begin().with_running(CHAIN, "b");
    story.order(Verb::Cancel, run).unwrap();
    story.until_state(run, RunState::Cancelled);
    let starts = story.starts();
    story.on_stage(|stage| stage.kill_executor(executor));
    story.pass_ms(40_000);
    story.on_stage(|stage| stage.start_executor(executor));
    story.pass_ms(40_000);
    assert_eq!(story.starts(), starts);
    story.end();
}

#[test]
fn a_cancel_ends_within_the_grace_although_the_program_never_would() {
    let (mut story, run, _) = Story::begin().with_running(ENDLESS, "forever");
    story.order(Verb::Cancel, run).unwrap();
    story.pass_ms(7_000);
    assert_eq!(story.run(run).summary.state, RunState::Cancelled);
    story.end();
}

#[test]
fn a_cancel_leaves_nothing_running_although_the_executor_dies_in_the_middle_of_it() {
    let (mut story, run, executor) = Story::begin().with_running(ENDLESS, "forever");
    story.on_stage(|stage| stage.kill_executor(executor));
    story.order(Verb::Cancel, run).unwrap();
    let silence = story.lost_after() + 10_000;
    story.pass_ms(silence);
    // Nobody can say that nothing runs: it is not cancelled, and says why.
    assert_eq!(story.run(run).summary.state, RunState::Cancelling);
    assert!(story.task(run, "forever").wait_reason.unwrap().contains("unreachable"));
    story.on_stage(|stage| stage.start_executor(executor));
    story.until_state(run, RunState::Cancelled);
    story.end();
}

#[test]
fn the_work_of_a_machine_that_is_gone_runs_elsewhere_and_its_slots_are_free() {
    let (mut story, run, executor) = Story::begin().with_running(SINGLE, "a");
    story.on_stage(|stage| {
        stage.cut_power(executor);
        stage.executors[executor].is_gone = true;
    });
    story.until_state(run, RunState::Succeeded);
    let task = story.task(run, "a");
    let lost = task.attempts[0].end.clone().unwrap();
    assert_eq!((task.attempts.len(), lost.outcome, lost.cause), (2, Outcome::Lost, Cause::Infra));
    assert_ne!(task.attempts[0].executor, task.attempts[1].executor);
    story.end();
}

#[test]
fn an_executor_that_is_only_slow_is_not_dead() {
    let (mut story, run, executor) = Story::begin().with_running(ENDLESS, "forever");
    // A heartbeat comes each five seconds: one may just have been missed before, and one just after.
    let silence = story.lost_after() - 12_000;
    for _ in 0..3 {
        story.on_stage(|stage| stage.executors[executor].is_mute = true);
        story.pass_ms(silence);
        story.on_stage(|stage| stage.executors[executor].is_mute = false);
        story.pass_ms(6_000);
    }
    assert_eq!(story.task(run, "forever").attempts.len(), 1);
    story.order(Verb::Cancel, run).unwrap();
    story.until_state(run, RunState::Cancelled);
    story.end();
}

#[test]
fn a_result_that_comes_after_its_attempt_was_given_up_changes_nothing() {
    let (mut story, run, executor) = Story::begin().with_running(SINGLE, "a");
    story.on_stage(|stage| stage.executors[executor].is_mute = true);
    story.until("the second attempt", |stage| {
        stage.judge.runs[&run].run.tasks.values().any(|task| task.attempts.len() == 2)
    });
    story.on_stage(|stage| stage.executors[executor].is_mute = false);
    story.until_state(run, RunState::Succeeded);
    let task = story.task(run, "a");
    let ends: Vec<_> = task.attempts.iter().map(|attempt| attempt.end.as_ref().unwrap().outcome).collect();
    assert_eq!(ends, [Outcome::Lost, Outcome::Succeeded]);
    story.end();
}

#[test]
fn time_in_which_the_scheduler_was_stopped_is_nobodys_silence() {
    let (mut story, run, _) = Story::begin().with_running(ENDLESS, "forever");
    let silence = story.lost_after() + 20_000;
    story.on_stage(|stage| stage.schedulers[0].condition = Condition::Stopped);
    story.pass_ms(silence);
    story.on_stage(|stage| stage.schedulers[0].condition = Condition::Running);
    story.pass_ms(10_000);
    assert_eq!(story.task(run, "forever").attempts.len(), 1);
    story.order(Verb::Cancel, run).unwrap();
    story.until_state(run, RunState::Cancelled);
    story.end();
}

#[test]
fn no_run_waits_for_ever_because_a_message_was_lost() {
    let mut story = Story::begin();
    story.on_stage(|stage| stage.strike(Fault::PostLossy, 60_000));
    let runs: Vec<RunId> = (0..5).map(|_| story.submit(CHAIN)).collect();
    story.pass_ms(5_000);
    story.on_stage(|stage| stage.strike(Fault::PostEmptied, 0));
    for run in runs {
        story.until_state(run, RunState::Succeeded);
    }
    story.end();
}

#[test]
fn a_crash_at_any_moment_between_decision_and_effect_strands_nothing() {
    for after_ms in 0..40 {
        let mut story = Story::begin();
        let place = story.on_stage(|stage| stage.submit(project("default"), CHAIN, Patience::AsksAgain));
        story.pass_ms(after_ms);
        story.on_stage(|stage| stage.strike(Fault::KillScheduler, 100));
        story.until("an answer", |stage| stage.clients.asked[place].answer.is_some());
        let run = story.on_stage(|stage| stage.clients.asked[place].answer.clone()).unwrap().unwrap();
        story.until_state(run, RunState::Succeeded);
        assert_eq!(story.on_stage(|stage| stage.judge.runs.len()), 1, "after {after_ms} ms");
        story.end();
    }
}

#[test]
fn a_crash_after_every_single_decision_costs_time_and_nothing_else() {
    let mut story = Story::begin();
    let place = story.on_stage(|stage| stage.submit(project("default"), CHAIN, Patience::TrustsNats));
    for _ in 0..25 {
        story.on_stage(|stage| stage.kill_at_next_entry = Some(0));
        story.pass_ms(3_000);
    }
    story.on_stage(|stage| stage.kill_at_next_entry = None);
    story.until("the run ends", |stage| {
        stage.judge.runs.values().any(|judged| judged.run.summary.state == RunState::Succeeded)
    });
    assert!(story.on_stage(|stage| stage.clients.asked[place].is_stored));
    story.end();
}

#[test]
fn records_that_restart_leave_no_run_stuck() {
    let (mut story, run, _) = Story::begin().with_running(CHAIN, "a");
    story.on_stage(|stage| stage.strike(Fault::RecordsAway, 20_000));
    story.pass_ms(20_000);
    story.until_runs("b");
    story.on_stage(|stage| stage.strike(Fault::RecordsPowerCut, 0));
    story.until_state(run, RunState::Succeeded);
    assert!(story.run(run).tasks.values().all(|task| task.attempts.len() == 1));
    story.end();
}

#[test]
fn a_step_is_not_run_again_after_its_end_whoever_repeats_what() {
    let mut story = Story::begin();
    story.on_stage(|stage| stage.trouble.post.doubled = 1_000);
    let run = story.submit(CHAIN);
    story.until_runs("b");
    story.on_stage(|stage| stage.strike(Fault::ZombieScheduler, 15_000));
    story.until_state(run, RunState::Succeeded);
    story.pass_ms(20_000);
    assert_eq!(story.starts(), 3);
    story.end();
}

#[test]
fn a_stopped_scheduler_that_goes_on_changes_nothing() {
    let (mut story, run, _) = Story::begin().with_running(ENDLESS, "a");
    story.on_stage(|stage| stage.strike(Fault::ZombieScheduler, 30_000));
    // The other one has taken over, and gives out what the first has never heard of.
    story.until_runs("forever");
    story.pass_ms(35_000);
    let task = story.task(run, "forever");
    assert!(task.attempts.len() == 1 && task.open_attempt().is_some(), "{task:?}");
    assert_eq!(story.until_runs("forever"), story.until_runs("forever"));
    story.order(Verb::Cancel, run).unwrap();
    story.until_state(run, RunState::Cancelled);
    story.end();
}

#[test]
fn an_executor_that_restarts_takes_its_containers_up_and_burns_no_retry() {
    let (mut story, run, _) = Story::with_one_executor().with_running(SINGLE, "a");
    for _ in 0..3 {
        story.on_stage(|stage| stage.kill_executor(0));
        story.pass_ms(300);
        story.on_stage(|stage| stage.start_executor(0));
        story.pass_ms(100);
    }
    story.until_state(run, RunState::Succeeded);
    assert_eq!((story.task(run, "a").attempts.len(), story.starts()), (1, 1));
    story.end();
}

#[test]
fn what_an_executor_ended_while_nobody_listened_is_not_done_again() {
    let (mut story, run, _) = Story::with_one_executor().with_running(SINGLE, "a");
    story.on_stage(|stage| stage.kill_scheduler(0));
    story.pass_ms(30_000);
    story.on_stage(|stage| stage.start_scheduler(0));
    story.until_state(run, RunState::Succeeded);
    assert_eq!(story.starts(), 1);
    story.end();
}

#[test]
fn an_emptied_data_directory_costs_an_attempt_and_not_the_user() {
    let (mut story, run, _) = Story::with_one_executor().with_running(SINGLE, "a");
    story.on_stage(|stage| {
        stage.kill_executor(0);
        stage.empty_disk(0);
        stage.start_executor(0);
    });
    story.until_state(run, RunState::Succeeded);
    let lost = story.task(run, "a").attempts[0].end.clone().unwrap();
    assert!(lost.cause == Cause::Infra && lost.message.unwrap().contains("empty data directory"));
    story.end();
}

#[test]
fn nats_that_comes_back_empty_loses_nothing_that_was_accepted() {
    let mut story = Story::begin();
    let runs: Vec<RunId> = (0..4).map(|_| story.submit(CHAIN)).collect();
    for _ in 0..5 {
        story.on_stage(|stage| stage.strike(Fault::PostEmptied, 0));
        story.pass_ms(1_500);
    }
    for run in runs {
        story.until_state(run, RunState::Succeeded);
    }
    story.end();
}

#[test]
fn a_restored_backup_refuses_what_was_decided_after_it() {
    let (mut story, run, _) = Story::with_one_executor().with_running(ENDLESS, "a");
    story.on_stage(|stage| stage.backup = Some(Box::new(stage.store.clone())));
    story.until_runs("forever");
    story.on_stage(|stage| stage.restore_backup());
    story.until("the second attempt", |stage| {
        stage.judge.runs[&run].run.tasks.values().any(|task| task.attempts.len() == 2)
    });
    story.until_runs("forever");
    let fences: Vec<u64> = story.task(run, "a").attempts.iter().map(|attempt| attempt.fence).collect();
    assert!(fences[1] >> 54 > fences[0] >> 54, "of another epoch: {fences:?}");
    story.order(Verb::Cancel, run).unwrap();
    story.until_state(run, RunState::Cancelled);
    story.end();
}

#[test]
fn one_message_that_nobody_can_read_stops_nobody() {
    let mut story = Story::begin();
    let body = Bytes::from_static(b"{ this is no request");
    let ask = Ask {
        project: project("default"),
        verb: Verb::Submit,
        key: "poison".to_owned(),
        body,
        patience: Patience::AsksAgain,
        answer: None,
        is_stored: false,
        is_excused: false,
    };
    let place = story.on_stage(|stage| stage.ask(ask));
    let run = story.submit(SINGLE);
    story.until_state(run, RunState::Succeeded);
    let answer = story.on_stage(|stage| stage.clients.asked[place].answer.clone()).unwrap();
    assert_eq!(answer.unwrap_err(), ["request.malformed"]);
    assert!(story.on_stage(|stage| stage.post.buried.iter().any(|(_, why)| why == "unreadable_request")));
    story.end();
}

#[test]
fn maintenance_lets_what_runs_end_and_starts_nothing() {
    let (mut story, run, _) = Story::begin().with_running(CHAIN, "a");
    story.on_stage(|stage| stage.set_maintenance(true));
    story.pass_ms(20_000);
    assert_eq!(story.task(run, "a").state, TaskState::Succeeded);
    assert_eq!(story.task(run, "b").state, TaskState::Queued);
    story.on_stage(|stage| stage.set_maintenance(false));
    story.until_state(run, RunState::Succeeded);
    story.end();
}

#[test]
fn what_runs_on_a_drained_executor_goes_to_another_although_the_scheduler_dies_meanwhile() {
    let (mut story, run, drained) = Story::begin().with_running(ENDLESS, "forever");
    story.on_stage(|stage| {
        stage.cordon(drained, true);
        stage.strike(Fault::KillScheduler, 1_000);
    });
    let id = story.on_stage(|stage| stage.executors[drained].id.clone());
    story.until("it runs elsewhere", |stage| {
        stage.witness.running().any(|(index, attempt, _)| attempt.run == run && index != drained)
    });
    let attempts = story.task(run, "forever").attempts;
    assert!(attempts.len() == 2 && attempts[0].executor == id && attempts[1].executor != id, "{attempts:?}");
    story.order(Verb::Cancel, run).unwrap();
    story.until_state(run, RunState::Cancelled);
    story.end();
}

#[test]
fn clocks_that_jump_by_an_hour_change_no_state() {
    let (mut story, run, executor) = Story::begin().with_running(ENDLESS, "forever");
    for ahead in [3_600_000, -3_600_000, 0] {
        story.on_stage(|stage| {
            stage.executors[executor].clock_ahead_ms = ahead;
            stage.schedulers[0].wall_ahead_ms = -ahead;
        });
        story.pass_ms(5_000);
        story.on_stage(|stage| stage.strike(Fault::KillScheduler, 100));
        story.pass_ms(5_000);
    }
    assert_eq!(story.task(run, "forever").attempts.len(), 1);
    story.order(Verb::Cancel, run).unwrap();
    story.until_state(run, RunState::Cancelled);
    story.end();
}

#[test]
fn a_clean_stop_hands_over_to_the_next_scheduler() {
    let (mut story, run, _) = Story::begin().with_running(CHAIN, "a");
    story.on_stage(|stage| {
        stage.stop_scheduler_cleanly(0);
        let other = stage.another_scheduler();
        stage.start_scheduler(other);
    });
    story.until_state(run, RunState::Succeeded);
    assert_eq!(story.starts(), 3);
    story.end();
}
