//! Stories of what runs give: to whoever looks at them, and to the tasks of others that they carry out.

use emboflow_model::state::{Cause, Outcome, Reason, RunState, TaskState};
use emboflow_model::transition::AttemptEnd;
use emboflow_model::{ArtifactSummary, LogEntry, Run, RunId, RunSummary};
use emboflow_protocol::command::Command;
use serde_json::{Value, json};

use super::child_tests::make;
use super::testing::{Paper, ended};
use super::values_tests::{gives, started};
use super::{ChildFound, Input};

/// Gives a value, twice as much of it, and files.
const CHILD: &str = "version: 1\nname: child\ndefaults: { image: i }\ntasks:\n  \
    work: { outputs: { n: { path: n.json, value: true, optional: true }, data: { path: data/, optional: true } } }\noutputs:\n  \
    n: '${{ tasks.work.values.n }}'\n  files: '${{ tasks.work.outputs.data }}'\n";
const TWICE: &str = "  twice: '${{ tasks.work.values.n * 2 }}'\n";

fn parent(part: &str, then: &str) -> String {
    format!(
        "version: 1\nname: parent\ndefaults: {{ image: i }}\ntasks:\n  part: {{ {part}uses: {{ workflow: child }} }}\n  then: {{ {then} }}\n"
    )
}

/// An end that gives this value and made files.
fn made(n: Value) -> AttemptEnd {
    let artifact = ArtifactSummary {
        name: "data".to_owned(),
        stored_as: None,
        prefix: "default/runs/of-the-child/".to_owned(),
        files: 2,
        size_bytes: 10,
        manifest_sha256: "0".repeat(64),
        directory: true,
        preview: false,
    };
    AttemptEnd { artifacts: vec![artifact], ..gives(json!({ "n": n })) }
}

fn given(paper: &Paper, run: RunId) -> Value {
    Value::Object(paper.run(run).summary.outputs.as_ref().unwrap().values.clone())
}

fn why(paper: &Paper, run: RunId) -> &str {
    paper.run(run).summary.reason.as_deref().unwrap_or_default()
}

#[test]
fn a_run_says_what_it_gives_with_its_end_and_its_parent_goes_on_with_it_whoever_starts_anew() {
    let mut paper = Paper::with_executor();
    let then = "args: ['${{ tasks.part.values.twice }}'], inputs: { all: '${{ tasks.part.outputs.files }}' }";
    let run = paper.submit(&parent("", then));
    let child = make(&mut paper, &(CHILD.to_owned() + TWICE))[0];
    paper.restart();
    paper.beat("one", 4);
    paper.end(child, "work", made(json!(21)));
    assert_eq!(
        (paper.state(child), given(&paper, child)),
        (RunState::Succeeded, json!({ "n": 21, "twice": 42 }))
    );
    let files = &paper.run(child).summary.outputs.as_ref().unwrap().artifacts[0];
    assert_eq!(
        (files.task.to_string(), &*files.output, &*files.artifact.name),
        ("work".to_owned(), "data", "files")
    );
    let part = paper.task(run, "part");
    assert_eq!(
        (part.state, Value::Object(part.values.clone())),
        (TaskState::Succeeded, json!({ "twice": 42 }))
    );
    paper.restart();
    paper.beat("one", 4);
    let (_, fence, executor) = paper.open_attempt(run, "then");
    assert!(fence > 0 && executor.as_str() == "one");
    assert_eq!(paper.task(run, "part").artifacts[0].stored_name(), "data");
    paper.fail(run, "then");
    let source = parent("", then);
    let old = Run::fold(paper.history(run)).unwrap().unwrap();
    let mut submission = paper.submission(&source);
    submission.accepted.recovered_from = Some(run);
    let again = submission.run;
    paper.take(Input::Recover { old: Box::new(old), tasks: Vec::new(), submission: Box::new(submission) });
    assert_eq!(paper.states(again), "part=cached then=active", "what was given stays with the task");
    let start = paper.commands.iter().rev().find_map(|command| match command {
        Command::Start(start) if start.attempt.run == again => Some(start.spec.clone()),
        _ => None,
    });
    let spec = start.unwrap();
    assert_eq!(spec.args, ["42"]);
    let source = &spec.inputs[0].sources[0];
    assert_eq!((&*source.artifact, &*source.prefix), ("data", "default/runs/of-the-child/"));
}

#[test]
fn what_a_task_did_not_give_is_left_out_and_who_reads_it_fails() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&parent("", "args: ['${{ tasks.part.values.n }}']"));
    let asks = paper.submit(&parent("", "args: ['${{ has(tasks.part.values.n) }}']"));
    for child in make(&mut paper, CHILD) {
        paper.succeed(child, "work");
        assert_eq!(given(&paper, child), json!({}));
    }
    let then = paper.task(run, "then");
    assert_eq!((then.state, then.reason), (TaskState::Failed, Some(Reason::SpecInvalid)));
    assert!(then.message.as_deref().unwrap().contains("no key `n`"), "{:?}", then.message);
    assert_eq!(started(&paper).last().unwrap(), &("then".to_owned(), vec!["false".to_owned()]));
    assert_eq!(paper.task_state(asks, "then"), TaskState::Active);
}

#[test]
fn a_run_that_cannot_give_what_its_file_says_has_failed_and_says_where_and_why() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&parent("", "args: ['${{ tasks.part.values.twice }}']"));
    let child = make(&mut paper, &(CHILD.to_owned() + TWICE))[0];
    paper.succeed(child, "work");
    assert_eq!(
        (paper.state(child), paper.task_state(child, "work")),
        (RunState::Failed, TaskState::Succeeded)
    );
    let reason = why(&paper, child);
    assert!(
        reason.starts_with("the output twice cannot be given: workflow.evaluation_failed: line 9"),
        "{reason}"
    );
    assert!(paper.run(child).summary.outputs.is_none());
    let part = paper.task(run, "part");
    assert_eq!((part.state, part.reason), (TaskState::Failed, Some(Reason::ChildFailed)));
    assert!(part.message.as_deref().unwrap().contains(reason), "{:?}", part.message);
    let large = paper.submit(&CHILD.replace("tasks.work.values.n }}'", "range(20000) }}'"));
    paper.succeed(large, "work");
    assert!(why(&paper, large).contains("workflow.text_too_long"), "{}", why(&paper, large));
}

#[test]
fn a_run_that_does_not_succeed_gives_nothing() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(CHILD);
    paper.end(run, "work", ended(Outcome::Failed, Cause::User, Some(Reason::ExitCode)));
    assert_eq!((paper.state(run), paper.run(run).summary.outputs.is_none()), (RunState::Failed, true));
}

#[test]
fn what_a_fan_out_of_runs_gives_is_a_list_and_can_be_fanned_out_over() {
    let mut paper = Paper::with_executor();
    let source = "version: 1\nname: parent\ndefaults: { image: i }\ntasks:\n  \
        part: { matrix: { i: [1, 2, 3] }, continue_on_error: true, uses: { workflow: child } }\n  \
        then: { matrix: { n: '${{ tasks.part.values.n.filter(n, n != null) }}' }, args: ['${{ matrix.n }}'], inputs: { all: '${{ tasks.part.outputs.files }}' } }\n\
        outputs: { all: '${{ tasks.part.values.n }}' }\n";
    let run = paper.submit(source);
    let children = make(&mut paper, CHILD);
    paper.end(children[2], "work", made(json!(3)));
    paper.end(children[0], "work", made(json!(1)));
    paper.fail(children[1], "work");
    let mut then = started(&paper).split_off(3);
    then.sort();
    assert_eq!(
        then,
        [("then[0]".to_owned(), vec!["1".to_owned()]), ("then[1]".to_owned(), vec!["3".to_owned()])]
    );
    let indices: Vec<_> = paper.task(run, "part[0]").artifacts.iter().map(|own| own.name.clone()).collect();
    assert_eq!(indices, ["files"]);
    paper.succeed(run, "then[0]");
    paper.succeed(run, "then[1]");
    assert_eq!((paper.state(run), given(&paper, run)), (RunState::Succeeded, json!({ "all": [1, null, 3] })));
}

#[test]
fn a_log_that_broke_off_between_the_ends_is_gone_on_with_what_the_child_gave() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(&parent("", "args: ['${{ tasks.part.values.n }}']"));
    let child = make(&mut paper, CHILD)[0];
    paper.end(child, "work", made(json!(7)));
    let Some(LogEntry::Transition(last)) = paper.log.last() else { panic!("an end") };
    assert_eq!(last.run, run, "the child's end comes first");
    paper.forget_entries_from(paper.log.len() - 1);
    paper.restart();
    let ended = Run::fold(paper.history(child)).unwrap().unwrap().summary;
    let found = ChildFound::Ended(Box::new(ended));
    paper.take(Input::Child { parent: run, task: "part".parse().unwrap(), found });
    assert_eq!(paper.task(run, "part").values["n"], 7);
}

#[test]
fn a_run_keeps_only_so_much_of_what_is_given_and_only_what_it_reads() {
    let long = json!("x".repeat(15 * 1024));
    let fails = |then: &str| {
        let mut paper = Paper::new();
        paper.beat("one", 100);
        let run = paper.submit(&parent("matrix: { i: '${{ range(80) }}' }, ", then));
        for child in make(&mut paper, CHILD) {
            paper.end(child, "work", made(long.clone()));
        }
        let failed = paper.run(run).tasks.values().find(|task| task.state == TaskState::Failed).cloned();
        failed.map(|task| (task.reason, task.message.unwrap_or_default()))
    };
    assert_eq!(fails("needs: [part]"), None);
    let (reason, message) = fails("args: ['${{ size(tasks.part.values.n) }}']").unwrap();
    assert_eq!(reason, Some(Reason::StageOutFailed));
    assert!(message.contains("those of the run have") && message.contains("1048576"), "{message}");
}

#[test]
fn what_earlier_versions_stored_of_a_run_and_its_artifacts_is_still_read() {
    let mut paper = Paper::with_executor();
    let run = paper.submit(CHILD);
    let mut stored = serde_json::to_value(&paper.run(run).summary).unwrap();
    assert_eq!(stored.as_object_mut().unwrap().remove("outputs"), None, "nothing is written before the end");
    assert_eq!(serde_json::from_value::<RunSummary>(stored).unwrap().outputs, None);
    let artifact =
        json!({ "name": "a", "prefix": "p/", "files": 1, "size_bytes": 1, "manifest_sha256": "0" });
    assert_eq!(serde_json::from_value::<ArtifactSummary>(artifact).unwrap().stored_name(), "a");
}
