//! Stories about maintenance.

use emboflow_model::state::TaskState;

use super::input::{Input, RunCommand};
use super::testing::Paper;

const CHAIN: &str =
    "version: 1\nname: story\ndefaults: { image: busybox }\ntasks:\n  a: {}\n  b: { needs: [a] }\n";

fn maintenance(paper: &mut Paper, reason: Option<&str>) {
    paper.take(Input::Maintenance(reason.map(str::to_owned)));
}

#[test]
fn what_runs_goes_on_to_its_end_and_nothing_else_is_started() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(CHAIN);
    maintenance(&mut paper, Some("new disks"));
    assert_eq!(paper.task_state(run, "a"), TaskState::Active);
    paper.succeed(run, "a");
    paper.beat("one", 4);
    assert_eq!(paper.task_state(run, "b"), TaskState::Queued);
    let waits = paper.planner.explain(run, paper.now);
    assert!(matches!(&waits[..], [wait] if wait.wait_reason == "maintenance: new disks"), "{waits:?}");
    maintenance(&mut paper, None);
    assert_eq!(paper.task_state(run, "b"), TaskState::Active);
}

#[test]
fn a_run_can_be_cancelled_during_maintenance() {
    let mut paper = Paper::with_executor();
    maintenance(&mut paper, Some("new disks"));
    let run = paper.submit(CHAIN);
    assert_eq!(paper.task_state(run, "a"), TaskState::Queued);
    paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
    assert!(paper.state(run).is_terminal());
}
