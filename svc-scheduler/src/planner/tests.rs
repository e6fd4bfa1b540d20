//! Stories of the planner, on paper.

use emboflow_model::executor::{Disk, ExecutorState, Heartbeat};
use emboflow_model::state::{AttemptState, Cause, Outcome, Reason, RunState, TaskState};
use emboflow_model::transition::Change;
use emboflow_model::{LogEntry, Run};
use emboflow_protocol::call::Claim;
use emboflow_protocol::command::Command;
use emboflow_protocol::report::{Phase, Report};

use super::testing::{Paper, ended};
use super::*;

fn workflow(tasks: &str) -> String {
    format!("version: 1\nname: story\ndefaults: {{ image: busybox }}\ntasks:\n{tasks}")
}

fn chain() -> String {
    workflow("  a: {}\n  b: { needs: [a] }\n  c: { needs: [b] }\n")
}

#[test]
fn a_chain_runs_one_task_after_the_other_and_succeeds() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&chain());
    assert_eq!(paper.states(run), "a=active b=waiting c=waiting");
    paper.succeed(run, "a");
    assert_eq!(paper.states(run), "a=succeeded b=active c=waiting");
    paper.succeed(run, "b");
    paper.succeed(run, "c");
    assert_eq!(paper.state(run), RunState::Succeeded);
    assert_eq!(paper.planner.open_runs(), 0);
    assert_eq!(paper.planner.executors.values().map(|known| known.open.len()).sum::<usize>(), 0);
}

#[test]
fn submit_and_dispatch_are_one_transition() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: {}\n"));
    assert_eq!(paper.history(run).len(), 1);
    paper.succeed(run, "a");
    assert_eq!(paper.history(run).len(), 2);
}

#[test]
fn a_fan_out_runs_side_by_side_and_joins() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: { matrix: { i: [1, 2, 3] } }\n  z: { needs: [a] }\n"));
    assert_eq!(paper.states(run), "a[0]=active a[1]=active a[2]=active z=waiting");
    for index in 0..3 {
        paper.succeed(run, &format!("a[{index}]"));
    }
    paper.succeed(run, "z");
    assert_eq!(paper.state(run), RunState::Succeeded);
}

#[test]
fn max_parallel_holds_the_others_back_and_says_so() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: { matrix: { i: [1, 2, 3] }, max_parallel: 1 }\n"));
    assert_eq!(paper.states(run), "a[0]=active a[1]=queued a[2]=queued");
    assert!(paper.task(run, "a[1]").wait_reason.as_ref().unwrap().contains("max_parallel"));
    paper.succeed(run, "a[0]");
    assert_eq!(paper.states(run), "a[0]=succeeded a[1]=active a[2]=queued");
    paper.succeed(run, "a[1]");
    paper.succeed(run, "a[2]");
    assert_eq!(paper.state(run), RunState::Succeeded);
}

#[test]
fn a_failure_skips_what_needs_it_and_lets_the_rest_finish() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: {}\n  b: { needs: [a] }\n  other: {}\n"));
    paper.fail(run, "a");
    assert_eq!(paper.states(run), "a=failed other=active b=upstream_failed");
    assert_eq!(paper.state(run), RunState::Running);
    paper.succeed(run, "other");
    assert_eq!(paper.state(run), RunState::Failed);
    assert!(paper.run(run).summary.reason.as_ref().unwrap().starts_with("a failed"));
}

#[test]
fn a_condition_decides_whether_a_task_runs() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow(
        "  a: {}\n  alarm: { needs: [a], if: '${{ failure() }}' }\n  tidy: { needs: [a], if: '${{ always() }}' }\n",
    ));
    paper.succeed(run, "a");
    assert_eq!(paper.states(run), "a=succeeded alarm=skipped tidy=active");
    paper.succeed(run, "tidy");
    assert_eq!(paper.state(run), RunState::Succeeded);
}

#[test]
fn a_failed_task_tries_again_after_a_pause_as_often_as_the_file_says() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: { retry: { attempts: 2, delay: 10s } }\n"));
    paper.fail(run, "a");
    assert_eq!(paper.task_state(run, "a"), TaskState::Waiting);
    paper.pass_ms(2_000);
    assert_eq!(paper.task_state(run, "a"), TaskState::Waiting);
    paper.pass_ms(8_000);
    assert_eq!(paper.task_state(run, "a"), TaskState::Active);
    paper.fail(run, "a");
    assert_eq!(paper.state(run), RunState::Failed);
    assert_eq!(paper.task(run, "a").attempts.len(), 2);
}

#[test]
fn infrastructure_never_uses_up_the_users_attempts() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: {}\n"));
    for _ in 0..3 {
        paper.end(run, "a", ended(Outcome::Failed, Cause::Infra, Some(Reason::ImageUnavailable)));
        assert_eq!(paper.task_state(run, "a"), TaskState::Waiting);
        paper.pass_ms(10_000);
        paper.beat("one", 4);
    }
    paper.end(run, "a", ended(Outcome::Failed, Cause::Infra, Some(Reason::ImageUnavailable)));
    assert_eq!(paper.state(run), RunState::Failed, "infrastructure has a budget of its own");
}

#[test]
fn a_missing_image_is_not_tried_again() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: { retry: { attempts: 5 } }\n"));
    paper.end(run, "a", ended(Outcome::Failed, Cause::User, Some(Reason::ImageNotFound)));
    assert_eq!(paper.state(run), RunState::Failed);
}

#[test]
fn cancelled_means_that_the_executor_has_confirmed_the_end() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&chain());
    paper.commands.clear();
    paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
    assert_eq!(paper.state(run), RunState::Cancelling);
    assert_eq!(paper.states(run), "a=active b=cancelled c=cancelled");
    assert!(matches!(paper.commands[..], [Command::Stop { reason: Reason::Cancelled, .. }]));
    paper.end(run, "a", ended(Outcome::Cancelled, Cause::Policy, Some(Reason::Cancelled)));
    assert_eq!(paper.state(run), RunState::Cancelled);
}

#[test]
fn a_run_that_nobody_started_is_cancelled_at_once() {
    let mut paper = Paper::new();
    let run = paper.submit(&chain());
    assert_eq!(paper.state(run), RunState::Queued);
    paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
    assert_eq!(paper.state(run), RunState::Cancelled);
}

#[test]
fn a_cancelling_run_waits_for_a_silent_executor_and_says_so() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: {}\n"));
    paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
    paper.pass_ms(120_000);
    assert_eq!(paper.state(run), RunState::Cancelling);
    assert!(paper.task(run, "a").wait_reason.as_ref().unwrap().contains("unreachable"));
    let mut wiped = paper.heartbeat("one", 4);
    wiped.journal = "a new data directory".to_owned();
    wiped.attempts.clear();
    let (attempt, fence, executor) = paper.open_attempt(run, "a");
    paper.take(Input::Heartbeat(Box::new(wiped)));
    assert_eq!(paper.state(run), RunState::Cancelling, "it does not know what it had");
    let end = Box::new(ended(Outcome::Cancelled, Cause::Policy, Some(Reason::Cancelled)));
    paper.take(Input::Report { executor, report: Report { attempt, fence, phase: Phase::Ended { end } } });
    assert_eq!(paper.state(run), RunState::Cancelled);
}

#[test]
fn a_paused_run_starts_nothing_until_it_goes_on() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&chain());
    paper.take(Input::Command { run, command: RunCommand::Pause { reason: None } });
    paper.succeed(run, "a");
    assert_eq!(paper.states(run), "a=succeeded b=queued c=waiting");
    assert_eq!(paper.task(run, "b").wait_reason.as_deref(), Some("the run is paused"));
    paper.take(Input::Command { run, command: RunCommand::Resume });
    assert_eq!(paper.states(run), "a=succeeded b=active c=waiting");
}

#[test]
fn the_runs_time_limit_stops_everything() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&chain().replace("name: story", "name: story\ntimeout: 1m"));
    paper.pass_ms(61_000);
    assert_eq!(paper.states(run), "a=active b=cancelled c=cancelled");
    paper.end(run, "a", ended(Outcome::TimedOut, Cause::Policy, Some(Reason::RunTimeout)));
    assert_eq!(paper.state(run), RunState::TimedOut);
    assert_eq!(paper.task(run, "a").reason, Some(Reason::RunTimeout));
}

#[test]
fn a_silent_executor_loses_its_attempts_and_others_take_over() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: {}\n"));
    paper.pass_ms(59_000);
    paper.beat("two", 4);
    assert_eq!(paper.task_state(run, "a"), TaskState::Active);
    paper.pass_ms(1_000);
    assert_eq!(paper.task_state(run, "a"), TaskState::Waiting);
    paper.pass_ms(2_000);
    let (second, _, executor) = paper.open_attempt(run, "a");
    assert_eq!((second.number, executor.as_str()), (2, "two"));
}

#[test]
fn what_follows_a_lost_executor_is_placed_in_the_same_step() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: {}\n  tidy: { needs: [a], if: '${{ always() }}' }\n"));
    for _ in 0..3 {
        paper.end(run, "a", ended(Outcome::Failed, Cause::Infra, Some(Reason::ImageUnavailable)));
        paper.pass_ms(10_000);
        paper.beat("one", 4);
    }
    paper.pass_ms(59_000);
    paper.beat("two", 4);
    paper.pass_ms(2_000);
    assert_eq!(paper.states(run), "a=failed tidy=active");
}

#[test]
fn a_late_report_of_a_lost_attempt_says_only_that_it_is_gone_and_is_released() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: {}\n"));
    let (first, fence, executor) = paper.open_attempt(run, "a");
    paper.pass_ms(61_000);
    paper.beat("one", 4);
    paper.pass_ms(2_000);
    let before = paper.log.len();
    paper.commands.clear();
    let end = Box::new(ended(Outcome::Succeeded, Cause::User, None));
    let report = Report { attempt: first.clone(), fence, phase: Phase::Ended { end } };
    paper.take(Input::Report { executor, report });
    let [LogEntry::Transition(said)] = &paper.log[before..] else { panic!("{:?}", &paper.log[before..]) };
    let gone = |change: &Change| matches!(change, Change::AttemptMoved { to: AttemptState::Closed, .. });
    assert!(said.changes.len() == 1 && gone(&said.changes[0]), "{said:?}");
    assert!(matches!(&paper.commands[..], [Command::Release { attempt, .. }] if *attempt == first));
    assert_eq!(paper.task(run, "a").open_attempt().unwrap().number, 2);
}

#[test]
fn a_repeated_report_is_taken_once() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&chain());
    let (id, fence, executor) = paper.open_attempt(run, "a");
    let end = Box::new(ended(Outcome::Succeeded, Cause::User, None));
    let report = Report { attempt: id, fence, phase: Phase::Ended { end } };
    paper.take(Input::Report { executor: executor.clone(), report: report.clone() });
    let before = paper.log.len();
    paper.take(Input::Report { executor, report });
    assert_eq!(paper.log.len(), before);
}

#[test]
fn a_command_that_was_lost_is_given_again() {
    let mut paper = Paper::with_executor();
    paper.submit(&workflow("  a: {}\n"));
    let mut beat = paper.heartbeat("one", 4);
    beat.attempts.clear();
    paper.commands.clear();
    paper.now = paper.now.plus_ms(11_000);
    beat.sent_at = paper.now;
    paper.take(Input::Heartbeat(Box::new(beat)));
    assert!(matches!(&paper.commands[..], [Command::Start(_)]));
}

#[test]
fn a_claim_is_granted_only_for_the_open_attempt_with_its_fence() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: {}\n"));
    let (attempt, fence, executor) = paper.open_attempt(run, "a");
    let pool = "default".parse().unwrap();
    let claim = Claim { pool, executor, attempt, fence, journal: None, secrets: false, again: false };
    assert!(paper.planner.claim(&claim).is_ok());
    assert!(paper.planner.claim(&claim).is_ok(), "a repeated claim is granted as the first was");
    assert!(paper.planner.claim(&Claim { fence: fence + 1, ..claim.clone() }).is_err());
    assert!(paper.planner.claim(&Claim { executor: "two".parse().unwrap(), ..claim.clone() }).is_err());
    let emptied = Claim { journal: Some("another".to_owned()), ..claim.clone() };
    assert!(paper.planner.claim(&emptied).is_err(), "what it held went with its data directory");
    paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
    assert!(paper.planner.claim(&claim).is_err(), "an attempt that is to stop does not start");
    let again = Claim { again: true, ..claim.clone() };
    assert!(paper.planner.claim(&again).is_ok(), "it began before, although nobody has heard of it yet");
    let run = paper.submit(&workflow("  a: {}\n"));
    let (attempt, fence, executor) = paper.open_attempt(run, "a");
    let claim = Claim { attempt: attempt.clone(), fence, ..claim };
    let phase = Phase::Preparing { at: paper.now };
    paper.take(Input::Report { executor, report: Report { attempt, fence, phase } });
    paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
    assert!(paper.planner.claim(&claim).is_ok(), "one that has begun still has a log to store");
}

#[test]
fn every_fence_is_greater_than_the_one_before() {
    let mut paper = Paper::with_executor();
    let run =
        paper.submit(&workflow("  a: { matrix: { i: [1, 2, 3] }, retry: { attempts: 9, delay: 1s } }\n"));
    let mut fences: Vec<u64> = (0..3).map(|i| paper.open_attempt(run, &format!("a[{i}]")).1).collect();
    paper.fail(run, "a[0]");
    paper.restart();
    paper.beat("one", 4);
    paper.pass_ms(2_000);
    fences.push(paper.open_attempt(run, "a[0]").1);
    assert!(fences.is_sorted_by(|a, b| a < b), "{fences:?}");
}

#[test]
fn a_task_that_fits_nowhere_says_what_is_too_little() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: { resources: { cpu: 8 } }\n"));
    let reason = paper.task(run, "a").wait_reason.clone().unwrap();
    assert!(reason.contains("8 cpu") && reason.contains("too little cpu"), "{reason}");
    let nowhere = paper.submit(&workflow("  a: { pool: other }\n"));
    assert!(paper.task(nowhere, "a").wait_reason.as_ref().unwrap().contains("pool other"));
}

#[test]
fn a_task_that_waits_for_a_full_disk_says_so() {
    let mut paper = Paper::new();
    let disk = Disk { free_bytes: 3 << 20, total_bytes: 64 << 20 };
    let full = Heartbeat { state: ExecutorState::Draining, disk, ..paper.heartbeat("one", 4) };
    paper.take(Input::Heartbeat(Box::new(full)));
    let run = paper.submit(&workflow("  a: {}\n"));
    let reason = paper.task(run, "a").wait_reason.clone().unwrap();
    assert_eq!(
        reason,
        "no executor in pool default takes work: the disk of executor one is full (3 MiB free)"
    );
    paper.beat("one", 4);
    assert_eq!(paper.task(run, "a").state, TaskState::Active);
}

#[test]
fn a_large_task_does_not_block_the_small_ones_behind_it() {
    let mut paper = Paper::with_executor();
    let large = paper.submit(&workflow("  a: { resources: { cpu: 8 } }\n"));
    let small = paper.submit(&workflow("  a: {}\n"));
    assert_eq!(paper.task_state(large, "a"), TaskState::Queued);
    assert_eq!(paper.task_state(small, "a"), TaskState::Active);
    paper.beat("big", 16);
    assert_eq!(paper.task_state(large, "a"), TaskState::Active);
}

#[test]
fn more_than_fits_waits_and_starts_as_soon_as_there_is_room() {
    let mut paper = Paper::with_executor();
    let runs: Vec<_> = (0..6).map(|_| paper.submit(&workflow("  a: {}\n"))).collect();
    let active =
        |paper: &Paper| runs.iter().filter(|run| paper.task_state(**run, "a") == TaskState::Active).count();
    assert_eq!(active(&paper), 4);
    paper.succeed(runs[0], "a");
    assert_eq!(active(&paper), 4);
    assert_eq!(paper.task_state(runs[4], "a"), TaskState::Active, "first come, first served");
}

#[test]
fn retrying_a_failed_run_takes_over_what_ended_well() {
    let mut paper = Paper::with_executor();
    let old = paper.submit(&workflow("  a: {}\n  b: { needs: [a] }\n  c: { needs: [b] }\n"));
    paper.succeed(old, "a");
    paper.fail(old, "b");
    let old_run: Run = paper.run(old).clone();
    let source = workflow("  a: {}\n  b: { needs: [a] }\n  c: { needs: [b] }\n");
    let mut submission = paper.submission(&source);
    submission.accepted.recovered_from = Some(old);
    let run = submission.run;
    let input =
        Input::Recover { old: Box::new(old_run), tasks: Vec::new(), submission: Box::new(submission) };
    paper.take(input);
    assert_eq!(paper.states(run), "a=cached b=active c=waiting");
    paper.succeed(run, "b");
    paper.succeed(run, "c");
    assert_eq!(paper.state(run), RunState::Succeeded);
}

#[test]
fn a_planner_that_dies_at_any_moment_goes_on_from_the_log() {
    let source = workflow(
        "  a: { matrix: { i: [1, 2] }, retry: { attempts: 2, delay: 1s } }\n  b: { needs: [a], max_parallel: 1, matrix: { j: [1, 2] } }\n  c: { needs: [b] }\n",
    );
    for death in 0..8 {
        let mut paper = Paper::with_executor();
        let run = paper.submit(&source);
        let story: [&dyn Fn(&mut Paper); 8] = [
            &|paper| paper.fail(run, "a[0]"),
            &|paper| paper.pass_ms(5_000),
            &|paper| paper.succeed(run, "a[1]"),
            &|paper| paper.succeed(run, "a[0]"),
            &|paper| paper.succeed(run, "b[0]"),
            &|paper| paper.succeed(run, "b[1]"),
            &|paper| paper.beat("one", 4),
            &|paper| paper.succeed(run, "c"),
        ];
        for (moment, event) in story.iter().enumerate() {
            if moment == death {
                paper.restart();
                paper.beat("one", 4);
            }
            event(&mut paper);
        }
        assert_eq!(paper.state(run), RunState::Succeeded, "died before event {death}: {}", paper.states(run));
        assert_eq!(paper.task(run, "a[0]").attempts.len(), 2);
    }
}

#[test]
fn the_same_inputs_give_the_same_log() {
    let tell = || {
        let mut paper = Paper::with_executor();
        let run =
            paper.submit(&workflow("  a: { matrix: { i: [1, 2, 3] }, retry: { attempts: 3, delay: 1s } }\n"));
        paper.fail(run, "a[1]");
        paper.pass_ms(5_000);
        paper.succeed(run, "a[0]");
        serde_json::to_string(&paper.log).unwrap()
    };
    assert_eq!(tell(), tell());
}

#[test]
fn every_state_change_is_a_legal_step() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: { retry: { attempts: 2, delay: 1s } }\n  b: { needs: [a] }\n"));
    paper.fail(run, "a");
    paper.pass_ms(2_000);
    paper.take(Input::Command { run, command: RunCommand::Pause { reason: None } });
    paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
    paper.end(run, "a", ended(Outcome::Cancelled, Cause::Policy, Some(Reason::Cancelled)));
    for entry in &paper.log {
        let LogEntry::Transition(transition) = entry else { continue };
        for change in &transition.changes {
            match change {
                Change::Run { from, to, .. } => assert!(from.may_become(*to), "{from} -> {to}"),
                Change::Task { from, to, .. } => assert!(from.may_become(*to), "{from} -> {to}"),
                _ => {}
            }
        }
    }
    assert_eq!(paper.state(run), RunState::Cancelled);
}

#[test]
fn a_condition_that_cannot_be_evaluated_fails_the_task_and_nothing_else() {
    let mut paper = Paper::with_executor();
    let source = "version: 1\nname: story\ndefaults: { image: busybox }\ninputs: { n: { type: integer, default: 0 } }\n\
                  tasks:\n  a: { if: '${{ 1 / inputs.n == 1 }}' }\n  b: {}\n";
    let run = paper.submit(source);
    assert_eq!(paper.states(run), "a=failed b=active");
    assert_eq!(paper.task(run, "a").reason, Some(Reason::SpecInvalid));
}
