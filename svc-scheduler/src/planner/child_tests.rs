//! Stories of tasks that runs of other workflows carry out.

use std::sync::Arc;

use emboflow_model::state::{Cause, Outcome, Reason, RunState, TaskState};
use emboflow_model::{LogEntry, Run, workflow};
use emboflow_protocol::report::{Phase, Report};
use emboflow_protocol::{ErrorCode, FieldError};

use super::testing::{Paper, ended};
use super::*;

/// What every child runs.
const CHILD: &str =
    "version: 1\nname: child\ninputs: { n: { type: integer, default: 0 } }\ntasks: { work: { image: i } }\n";

fn parent(tasks: &str) -> String {
    format!("version: 1\nname: parent\ntasks:\n{tasks}")
}

/// Starts a child, and goes on after it.
fn chain() -> String {
    parent("  part: { uses: { workflow: child, inputs: { n: 7 } } }\n  after: { needs: [part], image: i }\n")
}

/// What the driver would find for a task that waits for a run: a workflow file.
fn found(paper: &mut Paper, wanted: &Wanted, source: &str) -> Input {
    let child = paper.planner.child(wanted).expect("somebody waits for it").clone();
    let workflow = workflow::parse(source).unwrap();
    let mut submission = paper.submission(source);
    submission.run = child.run;
    submission.accepted.inputs = workflow.resolve_inputs(&child.inputs).unwrap();
    submission.accepted.key = format!("child/{}/{}", wanted.run, wanted.task);
    submission.workflow = Arc::new(workflow);
    let (parent, task, found) = (wanted.run, wanted.task.clone(), ChildFound::New(Box::new(submission)));
    Input::Child { parent, task, found }
}

/// Makes all runs that are waited for; gives them in the order of their tasks.
pub(super) fn make(paper: &mut Paper, source: &str) -> Vec<RunId> {
    let wanted = paper.planner.wanted_children();
    let runs = wanted.iter().map(|wanted| paper.planner.child(wanted).unwrap().run).collect();
    for wanted in &wanted {
        let input = found(paper, wanted, source);
        paper.take(input);
    }
    runs
}

fn begun(paper: &mut Paper, source: &str) -> (RunId, RunId) {
    let run = paper.submit(source);
    let children = make(paper, CHILD);
    assert_eq!(children.len(), 1);
    (run, children[0])
}

fn cancel(paper: &mut Paper, run: RunId) {
    paper.take(Input::Command { run, command: RunCommand::Cancel { reason: None } });
}

/// The executor has stopped what the child ran.
fn stop(paper: &mut Paper, child: RunId) {
    paper.end(child, "work", ended(Outcome::Cancelled, Cause::Policy, Some(Reason::Cancelled)));
}

fn ends_of(paper: &Paper, run: RunId, task: &str) -> (TaskState, Option<Reason>, String) {
    let task = paper.task(run, task);
    (task.state, task.reason, task.message.clone().unwrap_or_default())
}

#[test]
fn a_run_carries_the_task_out_and_what_needs_it_follows() {
    let mut paper = Paper::with_executor();
    let (run, child) = begun(&mut paper, &chain());
    assert_eq!(paper.state(run), RunState::Running);
    let summary = paper.planner.run(child).unwrap().run.summary.clone();
    let of = summary.parent.unwrap();
    assert_eq!((of.run, of.task.to_string(), of.depth), (run, "part".to_owned(), 1));
    assert_eq!(summary.inputs["n"], 7);
    let wait = paper.planner.wait_of(run, &"part".parse().unwrap(), paper.now).unwrap().wait_reason;
    assert_eq!(wait, format!("waiting for {child} of workflow child to end"));
    paper.succeed(child, "work");
    assert_eq!(paper.state(child), RunState::Succeeded);
    assert_eq!(paper.task_state(run, "part"), TaskState::Succeeded);
    paper.succeed(run, "after");
    assert_eq!(paper.state(run), RunState::Succeeded);
}

#[test]
fn what_is_looked_for_twice_is_made_once() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&chain());
    let wanted = paper.planner.wanted_children();
    let (once, twice) = (found(&mut paper, &wanted[0], CHILD), found(&mut paper, &wanted[0], CHILD));
    paper.take_all(vec![once, twice]);
    assert_eq!(paper.planner.open_runs(), 2);
    assert!(paper.planner.wanted_children().is_empty());
    assert_eq!(paper.task_state(run, "part"), TaskState::Waiting);
}

#[test]
fn a_child_that_fails_fails_the_task_and_is_named() {
    let mut paper = Paper::with_executor();
    let (run, child) = begun(&mut paper, &chain());
    paper.fail(child, "work");
    let (state, reason, message) = ends_of(&paper, run, "part");
    assert_eq!((state, reason), (TaskState::Failed, Some(Reason::ChildFailed)));
    assert!(message.starts_with(&format!("{child} has ended as failed: work failed")), "{message}");
    assert_eq!(paper.state(run), RunState::Failed);
}

#[test]
fn a_child_that_somebody_cancels_fails_the_task_unless_its_run_is_cancelled_too() {
    let mut paper = Paper::new();
    let (run, child) = begun(&mut paper, &chain());
    cancel(&mut paper, child);
    let (state, reason, message) = ends_of(&paper, run, "part");
    assert_eq!((state, reason), (TaskState::Failed, Some(Reason::ChildFailed)));
    assert!(message.contains("cancelled by a user"), "{message}");
}

#[test]
fn who_goes_on_after_errors_goes_on_after_a_child_that_failed() {
    let mut paper = Paper::with_executor();
    let source = parent(
        "  part: { uses: { workflow: child }, continue_on_error: true }\n  after: { needs: [part], image: i }\n",
    );
    let (run, child) = begun(&mut paper, &source);
    paper.fail(child, "work");
    paper.succeed(run, "after");
    assert_eq!(paper.state(run), RunState::Succeeded);
}

#[test]
fn cancelling_waits_for_the_end_of_the_child() {
    let mut paper = Paper::with_executor();
    let (run, child) = begun(&mut paper, &chain());
    cancel(&mut paper, run);
    assert_eq!((paper.state(run), paper.state(child)), (RunState::Cancelling, RunState::Cancelling));
    stop(&mut paper, child);
    assert_eq!((paper.state(run), paper.state(child)), (RunState::Cancelled, RunState::Cancelled));
    assert_eq!(ends_of(&paper, run, "part").0, TaskState::Cancelled);
}

#[test]
fn a_run_that_is_cancelled_before_its_child_is_made_never_has_one() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&chain());
    let wanted = paper.planner.wanted_children();
    let late = found(&mut paper, &wanted[0], CHILD);
    cancel(&mut paper, run);
    assert_eq!(paper.state(run), RunState::Cancelled);
    paper.take(late);
    assert_eq!(paper.planner.open_runs(), 0);
}

#[test]
fn the_time_of_the_parent_ends_the_child() {
    let mut paper = Paper::with_executor();
    let source = chain().replace("name: parent\n", "name: parent\ntimeout: 1m\n");
    let (run, child) = begun(&mut paper, &source);
    paper.pass_ms(60_000);
    assert_eq!(paper.state(child), RunState::Cancelling);
    stop(&mut paper, child);
    assert_eq!((paper.state(run), paper.state(child)), (RunState::TimedOut, RunState::Cancelled));
    assert_eq!(ends_of(&paper, run, "part").1, Some(Reason::RunTimeout));
}

#[test]
fn a_planner_that_starts_anew_goes_on_in_every_state() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&chain());
    // Asked for, and not made.
    paper.restart();
    let children = make(&mut paper, CHILD);
    assert_eq!(children.len(), 1);
    // Made.
    paper.restart();
    assert!(paper.planner.wanted_children().is_empty());
    paper.beat("one", 4);
    paper.succeed(children[0], "work");
    paper.restart();
    assert_eq!(paper.task_state(run, "part"), TaskState::Succeeded);
    paper.beat("one", 4);
    paper.succeed(run, "after");
    assert_eq!(paper.state(run), RunState::Succeeded);
}

#[test]
fn a_log_that_broke_off_after_the_end_of_the_child_is_gone_on_with() {
    let mut paper = Paper::with_executor();
    let (run, child) = begun(&mut paper, &chain());
    paper.succeed(child, "work");
    let Some(LogEntry::Transition(last)) = paper.log.last() else { panic!("an end") };
    assert_eq!(last.run, run, "the child's end comes first");
    paper.forget_entries_from(paper.log.len() - 1);
    paper.restart();
    let wanted = paper.planner.wanted_children();
    assert_eq!(wanted, [Wanted { run, task: "part".parse().unwrap() }]);
    let ended = Run::fold(paper.history(child)).unwrap().unwrap().summary;
    let found = ChildFound::Ended(Box::new(ended));
    paper.take(Input::Child { parent: run, task: "part".parse().unwrap(), found });
    assert_eq!(paper.task_state(run, "part"), TaskState::Succeeded);
}

#[test]
fn a_log_that_breaks_off_never_has_a_child_that_the_end_of_another_run_made_room_for() {
    let mut paper = Paper::with_executor();
    let quotas = emboflow_model::access::Quotas { open_runs: Some(2), ..Default::default() };
    let quotas = [("default".parse().unwrap(), quotas)].into();
    paper.take(Input::Quotas { quotas, history: Default::default() });
    let other = paper.submit(CHILD);
    let run = paper.submit(&chain());
    let (attempt, fence, executor) = paper.open_attempt(other, "work");
    let end = Box::new(ended(Outcome::Succeeded, Cause::User, None));
    let report = Input::Report { executor, report: Report { attempt, fence, phase: Phase::Ended { end } } };
    let wanted = Wanted { run, task: "part".parse().unwrap() };
    let child = found(&mut paper, &wanted, CHILD);
    let entries = paper.take_all(vec![report, child]).entries;
    let runs = entries.iter().map(|entry| match entry {
        LogEntry::Transition(transition) => transition.run,
        LogEntry::Rejection(_) => panic!("a rejection"),
    });
    let made = paper.planner.child(&wanted).unwrap().run;
    assert_eq!(runs.collect::<Vec<_>>(), [other, made]);
}

#[test]
fn what_cannot_be_made_fails_the_task_with_what_a_submit_would_have_said() {
    let mut paper = Paper::new();
    let run = paper.submit(&chain());
    let error = FieldError::new(ErrorCode::WorkflowNotFound, "project default has no workflow 'child'");
    let (task, found) = ("part".parse().unwrap(), ChildFound::Refused(vec![error]));
    paper.take(Input::Child { parent: run, task, found });
    let (state, reason, message) = ends_of(&paper, run, "part");
    assert_eq!((state, reason), (TaskState::Failed, Some(Reason::ChildRefused)));
    assert_eq!(message, "workflow.not_found: project default has no workflow 'child'");
}

#[test]
fn a_workflow_that_starts_itself_ends_at_the_bound() {
    let mut paper = Paper::new();
    let own = "version: 1\nname: child\ntasks: { part: { uses: { workflow: child } } }\n";
    let mut runs = vec![paper.submit(own)];
    loop {
        let made = make(&mut paper, own);
        if made.is_empty() {
            break;
        }
        runs.extend(made);
    }
    assert_eq!(runs.len(), 9, "one and the eight below it");
    assert!(runs.iter().all(|run| paper.state(*run) == RunState::Failed));
    let (_, reason, message) = ends_of(&paper, runs[8], "part");
    assert_eq!(reason, Some(Reason::ChildRefused));
    assert!(message.starts_with("run.too_deep: "), "{message}");
}

#[test]
fn a_child_never_waits_for_a_key_that_a_run_above_it_holds() {
    let mut paper = Paper::new();
    let key = "concurrency: { key: k, limit: 2 }\n";
    let run = paper.submit(&(chain() + key));
    make(&mut paper, &(CHILD.to_owned() + key));
    let (state, _, message) = ends_of(&paper, run, "part");
    assert_eq!(state, TaskState::Failed);
    assert!(message.starts_with("run.key_held_above: "), "{message}");
    assert_eq!(paper.planner.open_runs(), 0);
}

#[test]
fn a_child_counts_for_the_quotas_of_its_project() {
    let mut paper = Paper::new();
    let quotas = emboflow_model::access::Quotas { open_runs: Some(1), ..Default::default() };
    let quotas = [("default".parse().unwrap(), quotas)].into();
    paper.take(Input::Quotas { quotas, history: Default::default() });
    let run = paper.submit(&chain());
    make(&mut paper, CHILD);
    let (_, reason, message) = ends_of(&paper, run, "part");
    assert_eq!(reason, Some(Reason::ChildRefused));
    assert!(message.starts_with("quota.open_runs: "), "{message}");
}

#[test]
fn as_many_are_open_at_once_as_may_be_and_none_begins_in_a_pause() {
    let mut paper = Paper::with_executor();
    let source = parent(
        "  part: { matrix: { n: [1, 2, 3, 4] }, max_parallel: 2, uses: { workflow: child, inputs: { n: '${{ matrix.n }}' } } }\n",
    );
    let run = paper.submit(&source);
    let first = make(&mut paper, CHILD);
    let n = |paper: &Paper, run: RunId| paper.planner.run(run).unwrap().run.summary.inputs["n"].clone();
    assert_eq!(first.iter().map(|run| n(&paper, *run)).collect::<Vec<_>>(), [1, 2]);
    let wait = paper.planner.wait_of(run, &"part[3]".parse().unwrap(), paper.now).unwrap().wait_reason;
    assert_eq!(wait, "as many runs of part are open as may be (max_parallel)");
    assert_eq!(paper.task(run, "part[3]").wait_reason, Some(wait), "lists say it too");
    assert_eq!(
        paper.task(run, "part[0]").wait_reason,
        Some(format!("waiting for {} of workflow child", first[0]))
    );
    paper.succeed(first[0], "work");
    assert_eq!(make(&mut paper, CHILD).len(), 1);
    paper.take(Input::Command { run, command: RunCommand::Pause { reason: None } });
    paper.succeed(first[1], "work");
    assert_eq!(make(&mut paper, CHILD), []);
    paper.restart();
    assert_eq!(make(&mut paper, CHILD), []);
    paper.take(Input::Command { run, command: RunCommand::Resume });
    assert_eq!(make(&mut paper, CHILD).len(), 1);
}

#[test]
fn what_follows_all_others_can_be_a_child_and_is_left_out_when_asked() {
    let source = parent("  first: { image: i }\n  tidy: { finally: always, uses: { workflow: child } }\n");
    for leaves_out in [false, true] {
        let mut paper = Paper::with_executor();
        let run = paper.submit(&source);
        paper.fail(run, "first");
        let child = make(&mut paper, CHILD)[0];
        if leaves_out {
            paper.take(Input::Command { run, command: RunCommand::CancelWhole { reason: None } });
            assert_eq!(paper.state(child), RunState::Cancelling);
            stop(&mut paper, child);
            assert_eq!(paper.task_state(run, "tidy"), TaskState::Cancelled);
        } else {
            paper.succeed(child, "work");
            assert_eq!(paper.task_state(run, "tidy"), TaskState::Succeeded);
        }
        assert!(paper.state(run).is_terminal());
    }
}

#[test]
fn a_run_that_repeats_takes_over_what_a_child_has_done() {
    let mut paper = Paper::with_executor();
    let (run, child) = begun(&mut paper, &chain());
    paper.succeed(child, "work");
    paper.fail(run, "after");
    let old = Run::fold(paper.history(run)).unwrap().unwrap();
    let mut submission = paper.submission(&chain());
    submission.accepted.recovered_from = Some(run);
    let again = submission.run;
    paper.take(Input::Recover { old: Box::new(old), tasks: Vec::new(), submission: Box::new(submission) });
    assert_eq!(paper.states(again), "part=cached after=active");
    assert_eq!(make(&mut paper, CHILD), []);
}

#[test]
fn given_values_that_an_expression_does_not_give_fail_the_task_where_it_stands() {
    let mut paper = Paper::new();
    let run = paper.submit(&parent("  part: { uses: { workflow: child, inputs: { n: '${{ 1 / 0 }}' } } }\n"));
    let (state, reason, _) = ends_of(&paper, run, "part");
    assert_eq!((state, reason), (TaskState::Failed, Some(Reason::SpecInvalid)));
}
