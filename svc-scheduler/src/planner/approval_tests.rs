//! Stories of tasks that people decide.

use emboflow_model::state::{Reason, RunState, TaskState};
use emboflow_model::workflow::limits::MAX_RUN_VALUE_BYTES;
use emboflow_protocol::FieldError;
use emboflow_protocol::command::Command;
use serde_json::{Map, Value, json};

use super::testing::Paper;
use super::values_tests::gives;
use super::*;

const HOUR_MS: u64 = 3_600_000;

fn workflow(tasks: &str) -> String {
    format!("version: 1\nname: story\ntasks:\n{tasks}")
}

/// Trains, asks, and ships what was approved.
fn shipping() -> String {
    workflow(
        "  train: { image: i }\n  review: { needs: [train], approval: { message: \"Ship ${{ run.id }}?\", inputs: { threshold: { type: number, default: 0.5, minimum: 0, maximum: 1 } }, timeout: 3h } }\n  ship: { needs: [review], image: i, env: { THRESHOLD: \"${{ tasks.review.values.threshold }}\" } }\n",
    )
}

/// Somebody decides; true: the same was decided before.
fn decide(paper: &mut Paper, run: RunId, approve: bool, inputs: Value) -> Result<bool, Vec<FieldError>> {
    decide_on(paper, run, "review", approve, inputs)
}

fn decide_on(
    paper: &mut Paper,
    run: RunId,
    task: &str,
    approve: bool,
    inputs: Value,
) -> Result<bool, Vec<FieldError>> {
    let mut decisions = paper.take(deciding(run, task, approve, inputs, 0));
    decisions.decided.remove(&0).expect("it is told what became of it")
}

fn deciding(run: RunId, task: &str, approve: bool, inputs: Value, place: usize) -> Input {
    Input::Decide(Box::new(Deciding {
        run,
        task: task.parse().unwrap(),
        approve,
        inputs: inputs.as_object().unwrap().clone(),
        comment: None,
        by: "user:anna".to_owned(),
        place,
    }))
}

fn codes(told: Result<bool, Vec<FieldError>>) -> Vec<String> {
    told.unwrap_err().into_iter().map(|error| error.code).collect()
}

/// What the newest command to start a task says of what was filled in.
fn told_threshold(paper: &Paper) -> Option<String> {
    let starts = paper.commands.iter().rev().find_map(|command| match command {
        Command::Start(start) => Some(start),
        _ => None,
    });
    starts?.spec.env.get("THRESHOLD").cloned()
}

/// A run that waits for the decision.
fn asked(paper: &mut Paper) -> RunId {
    let run = paper.submit(&shipping());
    paper.succeed(run, "train");
    assert_eq!(paper.states(run), "train=succeeded review=waiting ship=waiting");
    run
}

fn wait_of(paper: &Paper, run: RunId, task: &str) -> String {
    paper.planner.wait_of(run, &task.parse().unwrap(), paper.now).unwrap().wait_reason
}

#[test]
fn people_are_asked_when_the_needs_have_ended_and_what_follows_starts_when_they_approve() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&shipping());
    assert_eq!(
        codes(decide(&mut paper, run, true, json!({}))),
        ["approval.not_open"],
        "nobody was asked yet"
    );
    paper.succeed(run, "train");
    let approval = paper.task(run, "review").open_approval().unwrap().clone();
    assert_eq!(approval.question.message, format!("Ship {run}?"));
    assert_eq!(approval.question.ends_at, Some(paper.now.plus_ms(3 * HOUR_MS)));
    assert_eq!(paper.run(run).summary.approvals.len(), 1);
    let wait = wait_of(&paper, run, "review");
    assert!(
        wait.starts_with("waiting for approval since") && wait.contains("operator of the project"),
        "{wait}"
    );
    let advice = paper.planner.advice(run, &"review".parse().unwrap(), paper.now);
    assert!(advice.is_some_and(|advice| advice.contains("emboflow run approve")), "{advice:?}");
    assert!(paper.planner.verdicts(run, &"review".parse().unwrap(), paper.now).is_empty());
    assert_eq!(paper.planner.open_approvals(), (1, Some(paper.now)));

    assert_eq!(decide(&mut paper, run, true, json!({ "threshold": 1 })), Ok(false));
    assert_eq!(paper.states(run), "train=succeeded review=succeeded ship=active");
    assert_eq!(told_threshold(&paper).as_deref(), Some("1"));
    let review = paper.task(run, "review");
    assert_eq!(review.values, Map::from_iter([("threshold".to_owned(), json!(1))]));
    let decision = review.approval.as_ref().unwrap().decision.as_ref().unwrap();
    assert_eq!((decision.approved, decision.by.as_deref()), (true, Some("user:anna")));
    assert!(paper.run(run).summary.approvals.is_empty() && paper.planner.open_approvals() == (0, None));
    paper.succeed(run, "ship");
    assert_eq!(paper.state(run), RunState::Succeeded);
}

#[test]
fn what_is_filled_in_has_room_among_the_values_of_the_run_or_is_refused() {
    let mut paper = Paper::with_executor();
    let tasks = "  look: { image: i, outputs: { found: { path: f.json, value: true } } }\n  review: { needs: [look], approval: { message: Ship?, inputs: { note: { type: string, default: '' } } } }\n";
    let run = paper.submit(&workflow(tasks));
    paper.end(run, "look", gives(json!({ "found": "x".repeat(MAX_RUN_VALUE_BYTES - 100) })));
    let full = decide(&mut paper, run, true, json!({ "note": "n".repeat(200) })).unwrap_err();
    assert_eq!((full[0].code.as_str(), full[0].pointer.as_deref()), ("request.invalid", Some("/inputs")));
    assert!(full[0].message.contains("a run keeps 1048576"), "{}", full[0].message);
    assert_eq!(paper.task(run, "review").state, TaskState::Waiting, "somebody may say it shorter");
    assert_eq!(decide(&mut paper, run, true, json!({ "note": "short" })), Ok(false));
    assert_eq!(paper.state(run), RunState::Succeeded);
}

#[test]
fn a_rejected_task_fails_with_what_was_said_to_it() {
    let mut paper = Paper::with_executor();
    let run = asked(&mut paper);
    let mut input = deciding(run, "review", false, json!({}), 0);
    if let Input::Decide(deciding) = &mut input {
        deciding.comment = Some("too slow".to_owned());
    }
    paper.take(input);
    let review = paper.task(run, "review");
    assert_eq!((review.reason, review.message.as_deref()), (Some(Reason::Rejected), Some("too slow")));
    assert_eq!(paper.states(run), "train=succeeded review=failed ship=upstream_failed");
    assert_eq!(paper.state(run), RunState::Failed);
}

#[test]
fn the_same_decision_twice_is_one_and_another_one_is_a_conflict() {
    let mut paper = Paper::with_executor();
    let run = asked(&mut paper);
    let inputs = vec![
        deciding(run, "review", true, json!({}), 0),
        deciding(run, "review", true, json!({ "threshold": 0.5 }), 1),
        deciding(run, "review", true, json!({ "threshold": 0.6 }), 2),
        deciding(run, "review", false, json!({}), 3),
    ];
    let mut decisions = paper.take_all(inputs);
    let mut told = |place: usize| decisions.decided.remove(&place).unwrap();
    assert_eq!((told(0), told(1)), (Ok(false), Ok(true)), "the default is the same as the value");
    for place in [2, 3] {
        let errors = told(place).unwrap_err();
        assert_eq!(errors[0].code, "approval.decided");
        assert!(errors[0].message.contains("user:anna"), "{}", errors[0].message);
    }
    let before = paper.log.len();
    assert_eq!(decide(&mut paper, run, true, json!({})), Ok(true));
    assert_eq!(paper.log.len(), before, "nothing is written");
}

#[test]
fn what_is_filled_in_wrong_changes_nothing_and_is_named() {
    let mut paper = Paper::with_executor();
    let run = asked(&mut paper);
    let before = paper.log.len();
    let errors = decide(&mut paper, run, true, json!({ "threshold": 7, "other": 1 })).unwrap_err();
    let pointers: Vec<_> = errors.iter().filter_map(|error| error.pointer.as_deref()).collect();
    assert_eq!(pointers, ["/inputs/other", "/inputs/threshold"]);
    assert_eq!(codes(decide_on(&mut paper, run, "ship", true, json!({}))), ["approval.not_open"]);
    assert_eq!(paper.log.len(), before);
    assert_eq!(decide(&mut paper, run, true, json!({})), Ok(false), "it is still asked");
}

#[test]
fn a_run_that_only_waits_for_people_has_started_and_its_time_runs() {
    let mut paper = Paper::new();
    let source = "version: 1\nname: story\ntimeout: 1h\ntasks:\n  review: { approval: { message: m } }\n";
    let run = paper.submit(source);
    assert_eq!((paper.state(run), paper.run(run).summary.started_at), (RunState::Running, Some(paper.now)));
    paper.pass_ms(HOUR_MS);
    assert_eq!((paper.state(run), paper.states(run)), (RunState::TimedOut, "review=cancelled".to_owned()));
    assert!(paper.run(run).summary.approvals.is_empty());
    assert_eq!(codes(decide(&mut paper, run, true, json!({}))), ["approval.not_open"], "it has ended");
}

#[test]
fn without_a_decision_in_time_it_fails_or_counts_as_approved_as_the_file_says() {
    for (on_timeout, expected) in [("fail", TaskState::Failed), ("approve", TaskState::Succeeded)] {
        let mut paper = Paper::with_executor();
        let run = paper.submit(&workflow(&format!(
            "  review: {{ approval: {{ message: m, timeout: 3h, on_timeout: {on_timeout}, inputs: {{ zone: {{ type: string, default: a }} }} }} }}\n"
        )));
        paper.pass_ms(3 * HOUR_MS - 1);
        assert_eq!(paper.task_state(run, "review"), TaskState::Waiting);
        paper.pass_ms(1);
        let review = paper.task(run, "review");
        assert_eq!(review.state, expected, "{on_timeout}");
        let decision = review.approval.as_ref().unwrap().decision.as_ref();
        if expected == TaskState::Succeeded {
            assert_eq!(review.values, Map::from_iter([("zone".to_owned(), json!("a"))]));
            assert_eq!(decision.unwrap().by, None, "it was nobody");
        } else {
            assert_eq!((review.reason, decision), (Some(Reason::ApprovalTimeout), None));
        }
    }
}

#[test]
fn a_restart_asks_nobody_twice_and_forgets_no_limit() {
    let mut paper = Paper::with_executor();
    let run = asked(&mut paper);
    let root = paper
        .submit(&workflow("  review: { approval: { message: m } }\n  next: { needs: [review], image: i }\n"));
    let before = paper.log.len();
    paper.restart();
    paper.beat("one", 4);
    assert_eq!((paper.log.len(), paper.planner.open_approvals().0), (before, 2), "both are still asked");
    assert_eq!(decide(&mut paper, root, true, json!({})), Ok(false));
    assert_eq!(paper.states(root), "review=succeeded next=active");
    paper.restart();
    paper.beat("one", 4);
    assert_eq!(decide(&mut paper, root, true, json!({})), Ok(true), "it is known who decided what");
    // Its time was over while there was no scheduler: a decision on its way comes first.
    paper.be_away_ms(0);
    paper.now = paper.now.plus_ms(5 * HOUR_MS);
    paper.restart();
    paper.be_away_ms(0);
    assert_eq!(paper.task_state(run, "review"), TaskState::Waiting);
    paper.pass_ms(Policy::default().suspect_after_ms);
    assert_eq!(paper.task(run, "review").reason, Some(Reason::ApprovalTimeout));
}

#[test]
fn a_decision_is_taken_during_a_pause_and_nothing_starts_before_it_ends() {
    let mut paper = Paper::with_executor();
    let run = asked(&mut paper);
    paper.take(Input::Command { run, command: RunCommand::Pause { reason: None } });
    assert_eq!(decide(&mut paper, run, true, json!({})), Ok(false));
    assert_eq!(paper.states(run), "train=succeeded review=succeeded ship=queued");
    paper.take(Input::Command { run, command: RunCommand::Resume });
    assert_eq!(paper.task_state(run, "ship"), TaskState::Active);
}

#[test]
fn what_is_asked_during_a_pause_is_asked_and_keeps_the_pause() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&shipping());
    paper.take(Input::Command { run, command: RunCommand::Pause { reason: None } });
    paper.succeed(run, "train");
    assert!(paper.task(run, "review").open_approval().is_some());
    assert_eq!(paper.state(run), RunState::Paused);
}

#[test]
fn a_cancel_withdraws_the_question() {
    let mut paper = Paper::with_executor();
    let run = asked(&mut paper);
    let cancel = Input::Command { run, command: RunCommand::Cancel { reason: None } };
    let mut decisions = paper.take_all(vec![cancel, deciding(run, "review", true, json!({}), 1)]);
    assert_eq!(codes(decisions.decided.remove(&1).unwrap()), ["approval.not_open"]);
    assert_eq!((paper.state(run), paper.planner.open_approvals().0), (RunState::Cancelled, 0));
    assert!(paper.run(run).summary.approvals.is_empty());
}

#[test]
fn each_task_of_a_matrix_is_decided_on_its_own_and_a_rejection_can_be_forgiven() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow(
        "  review: { matrix: { zone: [a, b] }, continue_on_error: true, approval: { message: \"${{ matrix.zone }}?\" } }\n  ship: { needs: [review], image: i }\n",
    ));
    let message = |paper: &Paper, task| paper.task(run, task).approval.clone().unwrap().question.message;
    assert_eq!(
        (message(&paper, "review[0]"), message(&paper, "review[1]")),
        ("a?".to_owned(), "b?".to_owned())
    );
    assert_eq!(decide_on(&mut paper, run, "review[0]", true, json!({})), Ok(false));
    assert_eq!(paper.task_state(run, "ship"), TaskState::Waiting);
    assert_eq!(decide_on(&mut paper, run, "review[1]", false, json!({})), Ok(false));
    paper.succeed(run, "ship");
    assert_eq!(paper.state(run), RunState::Succeeded);
}

#[test]
fn a_false_condition_asks_nobody() {
    let mut paper = Paper::with_executor();
    let run =
        paper.submit(&workflow("  review: { if: false, approval: { message: m } }\n  a: { image: i }\n"));
    assert_eq!(paper.task_state(run, "review"), TaskState::Skipped);
    assert_eq!(paper.planner.open_approvals().0, 0);
}

#[test]
fn after_a_failure_people_can_be_asked_what_to_do() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&workflow(
        "  a: { image: i }\n  review: { finally: failure, approval: { message: \"Roll back?\", timeout: 1d } }\n  back: { finally: failure, needs: [review], image: i }\n",
    ));
    paper.fail(run, "a");
    assert_eq!(paper.states(run), "a=failed review=waiting back=waiting");
    assert_eq!(decide(&mut paper, run, true, json!({})), Ok(false));
    paper.succeed(run, "back");
    assert_eq!(paper.state(run), RunState::Failed);
}

#[test]
fn a_repeated_run_keeps_what_was_approved_and_asks_again_what_was_rejected() {
    for approve in [true, false] {
        let mut paper = Paper::with_executor();
        let run = asked(&mut paper);
        decide(&mut paper, run, approve, json!({})).unwrap();
        if approve {
            paper.fail(run, "ship");
        }
        assert_eq!(paper.state(run), RunState::Failed);
        let old = Box::new(paper.run(run).clone());
        let submission = Box::new(paper.submission(&shipping()));
        let again = submission.run;
        paper.take(Input::Recover { old, tasks: Vec::new(), submission });
        let expected = match approve {
            true => "train=cached review=cached ship=active",
            false => "train=cached review=waiting ship=waiting",
        };
        assert_eq!(paper.states(again), expected);
        let review = paper.task(again, "review");
        match approve {
            true => assert_eq!(review.values, paper.task(run, "review").values, "taken over"),
            false => assert!(review.open_approval().is_some()),
        }
    }
}

#[test]
fn a_run_that_waits_before_its_gates_asks_nobody_and_holds_its_place_while_it_asks() {
    let mut paper = Paper::new();
    let source =
        "version: 1\nname: story\nconcurrency: { key: k }\ntasks:\n  review: { approval: { message: m } }\n";
    let (first, second) = (paper.submit(source), paper.submit(source));
    assert_eq!(paper.planner.open_approvals().0, 1);
    paper.restart();
    assert_eq!(paper.planner.open_approvals().0, 1, "the first still holds the key");
    decide(&mut paper, first, true, json!({})).unwrap();
    assert_eq!((paper.state(first), paper.state(second)), (RunState::Succeeded, RunState::Running));
    assert_eq!(paper.planner.open_approvals().0, 1);
}
