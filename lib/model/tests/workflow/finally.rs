//! Tasks that follow all others, in the file.

use emboflow_model::workflow::{self, Context, Finally, Workflow, code};
use emboflow_model::{RunState, TaskState};
use serde_json::Map;

fn read(tasks: &str) -> Result<Workflow, Vec<workflow::Problem>> {
    workflow::parse(&format!("version: 1\nname: w\ndefaults: {{ image: i }}\ntasks:\n{tasks}"))
}

fn codes(tasks: &str) -> Vec<&'static str> {
    read(tasks).err().unwrap_or_default().into_iter().map(|problem| problem.code).collect()
}

fn after(outcome: RunState) -> Context {
    Context::new("run", "lab", Map::new()).with_outcome(outcome)
}

#[test]
fn it_stands_behind_the_last_of_the_others_or_behind_its_like() {
    let workflow = read("  tidy: { finally: always }\n  told: { finally: failure, needs: [tidy] }\n  a: {}\n  b: { needs: [a] }\n  c: { needs: [a] }\n").unwrap();
    assert_eq!(workflow.needs("tidy"), ["b", "c"]);
    assert_eq!(workflow.needs("told"), ["tidy"]);
    assert_eq!(workflow.topological_order(), ["a", "b", "c", "tidy", "told"]);
    assert_eq!([workflow.finally("told"), workflow.finally("a")], [Some(Finally::Failure), None]);
}

#[test]
fn it_runs_whatever_the_others_have_come_to_unless_it_is_for_failures() {
    let workflow = read("  a: {}\n  tidy: { finally: always }\n  told: { finally: failure }\n").unwrap();
    for (outcome, is_failure) in [
        (RunState::Succeeded, false),
        (RunState::Failed, true),
        (RunState::TimedOut, true),
        (RunState::Cancelled, false),
    ] {
        let context = after(outcome).with_task_state("a", TaskState::Failed);
        assert_eq!(workflow.condition("tidy", &context), Ok(true), "{outcome}");
        assert_eq!(workflow.condition("told", &context), Ok(is_failure), "{outcome}");
    }
}

#[test]
fn of_its_needs_only_its_like_decide() {
    let workflow =
        read("  a: {}\n  first: { finally: always }\n  then: { finally: always, needs: [a, first] }\n")
            .unwrap();
    let context = after(RunState::Failed).with_task_state("a", TaskState::Failed);
    let good = context.clone().with_task_state("first", TaskState::Succeeded);
    assert_eq!(workflow.condition("then", &good), Ok(true));
    assert_eq!(workflow.condition("then", &context.with_task_state("first", TaskState::Failed)), Ok(false));
}

#[test]
fn its_condition_is_told_of_the_run() {
    let told = |condition: &str| {
        read(&format!("  a: {{}}\n  t: {{ finally: always, if: \"${{{{ {condition} }}}}\" }}\n")).unwrap()
    };
    for (condition, expected) in [
        ("run.outcome == 'failed'", [false, true]),
        ("failure()", [false, true]),
        ("success()", [true, false]),
        ("always()", [true, true]),
    ] {
        let workflow = told(condition);
        let said = [RunState::Succeeded, RunState::Failed]
            .map(|outcome| workflow.condition("t", &after(outcome)).unwrap());
        assert_eq!(said, expected, "{condition}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    assert_eq!(codes("  a: { finally: always }\n"), [code::NO_TASKS]);
    assert_eq!(codes("  a: { needs: [t] }\n  t: { finally: always }\n"), [code::CONFLICT]);
    let mentions = "  a: { env: { X: \"${{ tasks.t.state }}\" } }\n  t: { finally: always }\n";
    assert_eq!(codes(mentions), [code::CONFLICT]);
    assert_eq!(codes("  a: {}\n  t: { finally: sometimes }\n"), [code::BAD_VALUE]);
    assert_eq!(codes("  a: { env: { X: \"${{ run.outcome }}\" } }\n"), [code::UNKNOWN_NAME]);
    assert_eq!(
        codes("  a: {}\n  t: { finally: always, matrix: { i: [\"${{ run.outcome }}\"] } }\n"),
        [code::UNKNOWN_NAME]
    );
    let ring = "  a: {}\n  t: { finally: always, needs: [u] }\n  u: { finally: always, needs: [t] }\n";
    assert_eq!(codes(ring), [code::CYCLE]);
}
