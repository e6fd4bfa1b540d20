//! Stories of exit codes.

use emboflow_model::state::{Cause, Outcome, Reason, RunState, TaskState};
use emboflow_model::transition::AttemptEnd;
use emboflow_protocol::command::Command;

use super::testing::{Paper, ended};
use super::*;

fn workflow(tasks: &str) -> String {
    format!("version: 1\nname: story\ndefaults: {{ image: busybox }}\ntasks:\n{tasks}")
}

fn exits(code: i32) -> AttemptEnd {
    let end = ended(Outcome::Failed, Cause::User, Some(Reason::ExitCode));
    AttemptEnd { exit_code: Some(code), message: Some(format!("It ended with {code}.")), ..end }
}

const CODED: &str = "  a: { retry: { attempts: 3, delay: 1s }, exit_codes: { complete: [3], retry: [\"70-79\"], fail_run: [99] } }\n";

#[test]
fn the_executor_is_told_which_codes_count_as_success() {
    let mut paper = Paper::with_executor();
    paper.submit(&workflow(CODED));
    let told: Vec<_> = paper
        .commands
        .iter()
        .filter_map(|command| match command {
            Command::Start(start) => Some(start.spec.complete_codes.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(told, [[emboflow_model::CodeRange { first: 3, last: 3 }]]);
}

#[test]
fn only_the_named_codes_are_tried_again_and_only_as_often_as_the_file_says() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow(CODED));
    paper.end(run, "a", exits(75));
    assert_eq!(paper.task_state(run, "a"), TaskState::Waiting);
    paper.pass_ms(1_000);
    paper.end(run, "a", exits(1));
    assert_eq!(paper.state(run), RunState::Failed, "1 is worth no attempt, although one is left");
    assert!(paper.task(run, "a").message.as_ref().unwrap().contains("`exit_codes.retry` does not name"));

    let run = paper.submit(&workflow(CODED));
    for _ in 0..2 {
        paper.end(run, "a", exits(70));
        paper.pass_ms(1_000);
    }
    paper.end(run, "a", exits(70));
    assert_eq!((paper.state(run), paper.task(run, "a").attempts.len()), (RunState::Failed, 3));
}

#[test]
fn a_named_code_is_tried_again_although_retry_on_names_other_reasons() {
    let mut paper = Paper::with_executor();
    let task = "  a: { retry: { attempts: 2, on: [oom_killed] }, exit_codes: { retry: [75] } }\n";
    let run = paper.submit(&workflow(task));
    paper.end(run, "a", exits(75));
    assert_eq!(paper.task_state(run, "a"), TaskState::Waiting);
    paper.pass_ms(1_000);
    paper.end(run, "a", ended(Outcome::Failed, Cause::User, Some(Reason::OomKilled)));
    assert_eq!(paper.state(run), RunState::Failed);
}

#[test]
fn a_code_that_fails_the_run_stops_the_others_at_once() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow(&format!("{CODED}  b: {{}}\n  c: {{ needs: [a] }}\n")));
    paper.commands.clear();
    paper.end(run, "a", exits(99));
    assert_eq!(paper.states(run), "a=failed b=active c=cancelled");
    assert!(paper.commands.iter().any(|command| matches!(command, Command::Stop { .. })));
    paper.restart();
    paper.beat("one", 4);
    paper.end(run, "b", ended(Outcome::Cancelled, Cause::Policy, Some(Reason::Cancelled)));
    assert_eq!((paper.state(run), paper.task_state(run, "b")), (RunState::Failed, TaskState::Cancelled));
    let reason = paper.run(run).summary.reason.clone().unwrap();
    assert_eq!(reason, "a ended with exit code 99, which fails the run (`exit_codes.fail_run`)");
}

#[test]
fn a_member_that_fails_the_run_lets_no_gang_start_again() {
    let mut paper = Paper::with_executor();
    let gang = "  a: { replicas: 2, gang: true, retry: { attempts: 5 }, exit_codes: { fail_run: [99] } }\n";
    let run = paper.submit(&workflow(gang));
    paper.end(run, "a[0]", exits(99));
    paper.end(run, "a[1]", ended(Outcome::Cancelled, Cause::Policy, Some(Reason::Cancelled)));
    assert_eq!(
        (paper.state(run), paper.states(run)),
        (RunState::Failed, "a[0]=failed a[1]=cancelled".to_owned())
    );
}

#[test]
fn what_a_machine_does_is_no_exit_code_of_the_task() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow("  a: { exit_codes: { fail_run: [137] } }\n"));
    let killed = ended(Outcome::Lost, Cause::Infra, Some(Reason::RuntimeFailed));
    paper.end(run, "a", AttemptEnd { exit_code: Some(137), ..killed });
    assert_eq!((paper.state(run), paper.task_state(run, "a")), (RunState::Running, TaskState::Waiting));
}

#[test]
fn a_run_that_is_being_cancelled_stays_so_whatever_its_programs_say() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow(CODED));
    paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
    paper.end(run, "a", exits(99));
    assert_eq!(paper.state(run), RunState::Cancelled);
}
