//! Stories about where a task stands: what is told must be what happens when room comes.

use emboflow_model::state::TaskState;
use emboflow_model::{Change, LogEntry, RunId};
use emboflow_protocol::position::{Line, Position};

use super::testing::Paper;
use super::{Decisions, Input, RunCommand};

fn submit(paper: &mut Paper, project: &str, key: &str, priority: i32) -> RunId {
    let source = format!(
        "version: 1\nname: story\ntasks:\n  a: {{ image: i, priority: {priority}, resources: {{ cpu: 1, memory: 1Mi }} }}\n"
    );
    let mut submission = paper.submission(&source);
    submission.project = project.parse().unwrap();
    submission.accepted.fairness_key = (!key.is_empty()).then(|| key.to_owned());
    let run = submission.run;
    paper.take(Input::Submit(Box::new(submission)));
    run
}

fn position(paper: &Paper, run: RunId) -> Option<Position> {
    paper.planner.position(run, &"a".parse().unwrap(), paper.now)
}

fn ahead(paper: &Paper, run: RunId) -> usize {
    position(paper, run).expect("it stands in a line").ahead as usize
}

fn advice(paper: &Paper, run: RunId) -> &'static str {
    paper.planner.advice(run, &"a".parse().unwrap(), paper.now).unwrap_or_default()
}

/// The runs of which a task was started, in the order of the starts.
fn started(decisions: &Decisions) -> Vec<RunId> {
    let transitions = decisions.entries.iter().filter_map(|entry| match entry {
        LogEntry::Transition(transition) => Some(transition),
        LogEntry::Rejection(_) => None,
    });
    let starts = transitions.filter(|transition| {
        transition.changes.iter().any(|change| matches!(change, Change::AttemptOpened { .. }))
    });
    starts.map(|transition| transition.run).collect()
}

/// What is told of each run is its place among the starts when room comes for all of them.
fn assert_told_as_it_comes(paper: &mut Paper, runs: &[RunId]) {
    let told: Vec<usize> = runs.iter().map(|run| ahead(paper, *run)).collect();
    let beat = paper.heartbeat("two", 64);
    let order = started(&paper.take(Input::Heartbeat(Box::new(beat))));
    assert_eq!(order.len(), runs.len(), "there is room for all");
    let came: Vec<usize> = runs.iter().map(|run| order.iter().position(|one| one == run).unwrap()).collect();
    assert_eq!(told, came);
}

fn busy() -> Paper {
    let mut paper = Paper::new();
    paper.beat("one", 1);
    let run = submit(&mut paper, "default", "", 0);
    assert_eq!(paper.task_state(run, "a"), TaskState::Active);
    paper
}

#[test]
fn who_waits_alone_is_told_exactly_how_many_come_first() {
    let mut paper = busy();
    let runs: Vec<_> = (0..4).map(|_| submit(&mut paper, "default", "", 0)).collect();
    let third = position(&paper, runs[2]).unwrap();
    assert_eq!((third.line, third.of.as_str(), third.is_estimate), (Line::Queue, "default", false));
    assert_eq!(third.to_string(), "2 come before it in queue default");
    assert_told_as_it_comes(&mut paper, &runs);
    assert_eq!(position(&paper, runs[2]), None, "it runs");
}

#[test]
fn turns_between_projects_are_told_as_they_come_and_are_called_an_estimate() {
    let mut paper = busy();
    let mut runs: Vec<_> = (0..5).map(|_| submit(&mut paper, "default", "", 0)).collect();
    runs.extend((0..3).map(|_| submit(&mut paper, "other", "", 0)));
    runs.extend((0..2).map(|_| submit(&mut paper, "third", "", 0)));
    assert!(position(&paper, runs[0]).unwrap().is_estimate);
    assert!(position(&paper, runs[0]).unwrap().to_string().starts_with("about"));
    assert_told_as_it_comes(&mut paper, &runs);
}

#[test]
fn turns_between_the_keys_of_a_project_are_told_as_they_come() {
    let mut paper = busy();
    let of =
        [("default", "anna"), ("default", "anna"), ("default", "bert"), ("other", ""), ("default", "anna")];
    let runs: Vec<_> = of.iter().map(|(project, key)| submit(&mut paper, project, key, 0)).collect();
    assert_told_as_it_comes(&mut paper, &runs);
}

#[test]
fn a_more_urgent_task_comes_first_until_others_have_waited_for_as_many_points() {
    let mut paper = busy();
    let mut runs = vec![submit(&mut paper, "default", "", 0), submit(&mut paper, "default", "", 0)];
    paper.beat("one", 1);
    paper.pass_ms(10_000);
    // One point behind, and one of priority ahead: who came first goes first.
    runs.push(submit(&mut paper, "default", "", 1));
    runs.push(submit(&mut paper, "default", "", 50));
    assert_eq!(runs.iter().map(|run| ahead(&paper, *run)).collect::<Vec<_>>(), [1, 2, 3, 0]);
    assert_told_as_it_comes(&mut paper, &runs);
}

#[test]
fn what_has_waited_for_all_points_is_told_to_come_before_what_is_new_but_of_nobody_who_holds_less() {
    let mut paper = busy();
    let mut runs: Vec<_> = (0..3).map(|_| submit(&mut paper, "default", "", -1_000)).collect();
    let overdue_ms = 2_001 * paper.planner.policy.aging_step_ms;
    while paper.now.0 < 1_000_000 + overdue_ms as i64 {
        paper.beat("one", 1);
        paper.pass_ms(10_000);
    }
    runs.push(submit(&mut paper, "default", "", 1_000));
    assert_eq!(ahead(&paper, runs[3]), 3);
    let other = submit(&mut paper, "other", "", 1_000);
    assert_eq!(ahead(&paper, other), 0);
    runs.insert(0, other);
    assert_told_as_it_comes(&mut paper, &runs);
}

#[test]
fn one_that_waits_for_a_key_or_for_its_own_fan_out_is_told_of_that_line() {
    let mut paper = Paper::with_executor();
    let keyed = "version: 1\nname: k\nconcurrency: { key: robot }\ntasks:\n  a: { image: i }\n";
    let runs: Vec<_> = (0..3).map(|_| paper.submit(keyed)).collect();
    let last = position(&paper, runs[2]).unwrap();
    assert_eq!((last.line, last.of.as_str(), last.ahead, last.is_estimate), (Line::Key, "robot", 1, false));
    assert!(advice(&paper, runs[2]).contains("key"));

    let wide = paper.submit(
        "version: 1\nname: w\ntasks:\n  a: { image: i, max_parallel: 1, matrix: { n: [1, 2, 3, 4] } }\n",
    );
    let told = paper.planner.position(wide, &"a[3]".parse().unwrap(), paper.now).unwrap();
    assert_eq!(told.to_string(), "2 come before it among the tasks of a");
}

#[test]
fn what_would_help_follows_from_what_is_in_the_way() {
    let mut paper = Paper::new();
    let run = submit(&mut paper, "default", "", 0);
    assert!(advice(&paper, run).contains("start an executor"));
    paper.beat("one", 1);
    assert_eq!(advice(&paper, run), "", "it runs");
    let next = submit(&mut paper, "default", "", 0);
    assert!(advice(&paper, next).contains("when something ends"));
    paper.take(Input::Maintenance(Some("disks".to_owned())));
    assert!(advice(&paper, next).contains("maintenance off"));
    paper.take(Input::Maintenance(None));
    let chain = "version: 1\nname: c\ntasks:\n  b: { image: i }\n  a: { image: i, needs: [b] }\n";
    let chained = paper.submit(chain);
    assert!(advice(&paper, chained).contains("what it needs"));
    assert_eq!(position(&paper, chained), None);
    paper.take(Input::Command { run: next, command: RunCommand::Cancel { reason: None } });
    assert_eq!(advice(&paper, next), "", "it is over");
    assert_eq!(position(&paper, RunId::from_bits(99)), None);
}
