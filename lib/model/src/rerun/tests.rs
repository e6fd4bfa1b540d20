use serde_json::json;

use super::*;
use crate::transition::{Accepted, Change, Transition};
use crate::{ProjectName, RunId, RunState, Timestamp};

const SOURCE: &str = "
version: 1
name: digits
inputs:
  folds: { type: integer, default: 2 }
  rate: { type: number, default: 0.5 }
  note: { type: string, required: false }
defaults: { image: tool:1 }
tasks:
  prepare: { command: [prepare] }
  train:
    needs: [prepare]
    matrix: { fold: '${{ range(inputs.folds) }}' }
    command: [train, '${{ matrix.fold }}']
  measure: { needs: [prepare], command: [measure, '--rate=${{ inputs.rate }}'] }
  report: { needs: [train, measure], command: [report] }
  extra: { needs: [prepare], if: '${{ inputs.note != null }}', command: [extra] }
  tidy: { finally: always, command: [tidy] }
";

/// A run of the file that has ended, all tasks with a result; `states` says which have another state.
fn run(state: RunState, states: &[(&str, TaskState)]) -> (Run, Workflow) {
    let workflow = crate::workflow::parse(SOURCE).unwrap();
    let inputs = workflow.resolve_inputs(&Map::new()).unwrap();
    let tasks = workflow.topological_order().iter().map(|name| PlannedSpec {
        name: name.parse().unwrap(),
        fan_out: (name == "train").then_some(2),
        needs: workflow.needs(name).iter().map(|need| need.parse().unwrap()).collect(),
        finally: workflow.finally(name),
        dynamic: workflow.is_dynamic(name),
    });
    let accepted = Accepted {
        workflow: "digits".parse().unwrap(),
        digest: workflow.digest.clone(),
        source: workflow.source.clone(),
        inputs,
        labels: indexmap::IndexMap::new(),
        key: "k".to_owned(),
        body_sha256: String::new(),
        trace_id: String::new(),
        recovered_from: None,
        parent: None,
        workflows: Default::default(),
        queue: crate::QueueName::default(),
        fairness_key: None,
        uploads: crate::upload::Pins::new(),
        anew: crate::Anew::default(),
        tasks: tasks.collect(),
    };
    let first = Transition {
        shard: 0,
        seq: 1,
        run: RunId::from_bits(1),
        project: ProjectName::new("lab").unwrap(),
        number: 1,
        at: Timestamp(1),
        changes: vec![Change::Accepted(Box::new(accepted))],
    };
    let mut run = Run::begin(&first).unwrap();
    run.summary.state = state;
    for (key, task) in &mut run.tasks {
        let named = states.iter().find(|(name, _)| *name == key.to_string());
        let skipped = if key.name.as_str() == "extra" { TaskState::Skipped } else { TaskState::Succeeded };
        task.state = named.map_or(skipped, |(_, state)| *state);
    }
    (run, workflow)
}

fn given(values: Value) -> Map<String, Value> {
    values.as_object().unwrap().clone()
}

fn keys(names: &[&str]) -> Vec<TaskKey> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// The tasks that are taken over.
fn kept(run: &(Run, Workflow), tasks: &[&str], values: Value) -> Vec<String> {
    let inputs = inputs(&run.0, &run.1, &given(values)).unwrap();
    let plan = plan(&run.0, &run.1, &keys(tasks), &inputs);
    plan.iter().flat_map(|spec| spec.kept.iter().map(|task| task.key.to_string())).collect()
}

/// Why a TaskSpec is repeated.
fn why(run: &(Run, Workflow), tasks: &[&str], values: Value, spec: &str) -> Option<Why> {
    let inputs = inputs(&run.0, &run.1, &given(values)).unwrap();
    let plan = plan(&run.0, &run.1, &keys(tasks), &inputs);
    plan.into_iter().find(|found| found.name.as_str() == spec).unwrap().why
}

#[test]
fn what_reads_a_changed_input_is_repeated_with_all_that_needs_it() {
    let old = run(RunState::Succeeded, &[]);
    let changed = json!({ "rate": 0.1 });
    assert_eq!(kept(&old, &[], changed.clone()), ["prepare", "train[0]", "train[1]"]);
    let by_input = Why::Inputs { inputs: vec!["rate".to_owned()] };
    assert_eq!(why(&old, &[], changed.clone(), "measure"), Some(by_input));
    let by_need = Why::Needs { task: "measure".parse().unwrap() };
    assert_eq!(why(&old, &[], changed.clone(), "report"), Some(by_need));
    assert_eq!(why(&old, &[], changed.clone(), "prepare"), None);
    assert_eq!(why(&old, &[], changed, "tidy"), Some(Why::Finally));
}

#[test]
fn a_fan_out_of_another_number_is_repeated_as_a_whole() {
    let old = run(RunState::Succeeded, &[]);
    assert_eq!(kept(&old, &[], json!({ "folds": 3 })), ["prepare", "measure"]);
}

#[test]
fn an_input_that_is_given_its_old_value_changes_nothing() {
    let old = run(RunState::Succeeded, &[]);
    let same = json!({ "rate": 0.5, "folds": 2, "note": null });
    assert_eq!(kept(&old, &[], same.clone()), ["prepare", "train[0]", "train[1]", "measure", "report"]);
    assert_eq!(check(&old.0, &old.1, &[], &given(same)), Err(Refused::Nothing));
}

#[test]
fn a_fan_out_is_named_by_one_task_or_as_a_whole() {
    let old = run(RunState::Succeeded, &[]);
    assert_eq!(kept(&old, &["train[1]"], json!({})), ["prepare", "train[0]", "measure"]);
    assert_eq!(kept(&old, &["train"], json!({})), ["prepare", "measure"]);
    assert_eq!(why(&old, &["train"], json!({}), "train"), Some(Why::Named));
}

#[test]
fn what_ended_badly_is_repeated_without_being_named() {
    let old =
        run(RunState::Failed, &[("train[0]", TaskState::Failed), ("report", TaskState::UpstreamFailed)]);
    assert_eq!(kept(&old, &[], json!({})), ["prepare", "train[1]", "measure"]);
    assert_eq!(why(&old, &[], json!({}), "train"), Some(Why::EndedBadly));
    assert!(check(&old.0, &old.1, &[], &Map::new()).is_ok());
}

#[test]
fn what_was_skipped_is_looked_at_anew_and_no_reason_for_a_run_by_itself() {
    let old = run(RunState::Succeeded, &[]);
    assert_eq!(why(&old, &[], json!({}), "extra"), Some(Why::Skipped));
    assert_eq!(check(&old.0, &old.1, &[], &Map::new()), Err(Refused::Nothing));
    assert!(check(&old.0, &old.1, &[], &given(json!({ "note": "x" }))).is_ok());
}

#[test]
fn of_an_open_run_only_what_has_ended_well_is_taken_over() {
    let states = [
        ("train[1]", TaskState::Active),
        ("measure", TaskState::Queued),
        ("report", TaskState::Waiting),
        ("tidy", TaskState::Waiting),
    ];
    let open = run(RunState::Running, &states);
    assert_eq!(check(&open.0, &open.1, &[], &Map::new()), Err(Refused::Open));
    let values = json!({ "rate": 1.5 });
    assert_eq!(kept(&open, &[], values.clone()), ["prepare", "train[0]"]);
    assert_eq!(check(&open.0, &open.1, &[], &given(values)).unwrap()["rate"], json!(1.5));
    assert_eq!(why(&open, &[], json!({}), "train"), Some(Why::NotEnded));
}

#[test]
fn what_cannot_be_is_refused_with_its_place() {
    let old = run(RunState::Succeeded, &[]);
    let refused = |values: Value| match check(&old.0, &old.1, &[], &given(values)) {
        Err(Refused::Inputs(problems)) => problems[0].pointer.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(json!({ "folds": "many" })), "/inputs/folds");
    assert_eq!(refused(json!({ "fold": null })), "/inputs/fold");
    assert_eq!(refused(json!({ "folds": 0 })), "/tasks/train/matrix/fold");
    let unknown = keys(&["train[7]"]);
    let answer = check(&old.0, &old.1, &unknown, &Map::new());
    assert_eq!(answer, Err(Refused::UnknownTask(unknown[0].clone())));
}
