//! Keys, rates, mutexes and priorities in the file.

use emboflow_model::workflow::turn::{Concurrency, Rate};
use emboflow_model::workflow::turn_spec::ConcurrencyPolicy;
use emboflow_model::workflow::{self, Context, Workflow, code};
use serde_json::json;

fn read(top: &str, task: &str) -> Result<Workflow, Vec<workflow::Problem>> {
    workflow::parse(&format!(
        "version: 1\nname: pick\ninputs: {{ robot: {{ type: string, default: r2 }} }}\n{top}\ntasks:\n  a: {{ image: i, {task} }}\n"
    ))
}

fn codes(top: &str, task: &str) -> Vec<&'static str> {
    read(top, task).err().unwrap_or_default().into_iter().map(|problem| problem.code).collect()
}

fn context() -> Context {
    let inputs = json!({ "robot": "r2" }).as_object().cloned().unwrap();
    Context::new("run", "lab", inputs)
}

#[test]
fn the_key_of_a_run_is_evaluated_from_its_inputs() {
    let top = "concurrency: { key: \"robot-${{ inputs.robot }}\", limit: 2, policy: cancel_oldest }\nfairness_key: \"${{ inputs.robot }}\"";
    let workflow = read(top, "rate_limit: { limit: 5, per: 1m }").unwrap();
    let gates = workflow.gates(&context()).unwrap();
    let wanted =
        Concurrency { key: "robot-r2".to_owned(), limit: 2, policy: ConcurrencyPolicy::CancelOldest };
    assert_eq!((gates.concurrency, gates.rate), (Some(wanted), None));
    assert_eq!(workflow.fairness_key(&context()).unwrap().as_deref(), Some("r2"));
    let task = &workflow.expand(&serde_json::Map::new()).unwrap()[0];
    let rate = Rate { key: "pick/a".to_owned(), limit: 5, per_ms: 60_000 };
    assert_eq!(workflow.gates_of_task(task, &context()).unwrap().rate, Some(rate));
    assert!(workflow.has_rates());
}

#[test]
fn a_mutex_is_a_concurrency_of_one() {
    let workflow = read("", "mutex: arm").unwrap();
    let task = &workflow.expand(&serde_json::Map::new()).unwrap()[0];
    let gates = workflow.gates_of_task(task, &context()).unwrap();
    assert_eq!(gates.concurrency.map(|held| (held.key, held.limit)), Some(("arm".to_owned(), 1)));
    assert!(!workflow.has_rates());
}

#[test]
fn what_cannot_be_is_refused_where_it_stands() {
    assert_eq!(codes("", "mutex: a, concurrency: { key: b }"), [code::CONFLICT]);
    assert_eq!(codes("", "concurrency: { key: b, policy: fail }"), [code::BAD_VALUE]);
    assert_eq!(codes("concurrency: { key: b, limit: 0 }", ""), [code::BAD_VALUE]);
    assert_eq!(codes("concurrency: { key: \"\" }", ""), [code::BAD_VALUE]);
    assert_eq!(codes("concurrency: { key: a, policy: cancel }", ""), [code::BAD_VALUE]);
    assert_eq!(codes("rate_limit: { limit: 1, per: 2h }", ""), [code::BAD_QUANTITY]);
    assert_eq!(codes("concurrency: { key: \"${{ matrix.x }}\" }", ""), [code::UNKNOWN_NAME]);
}

#[test]
fn a_key_that_comes_to_nothing_is_refused_when_it_is_evaluated() {
    let workflow = read("concurrency: { key: \"${{ inputs.robot }}\" }", "").unwrap();
    let empty = Context::new("run", "lab", json!({ "robot": "" }).as_object().cloned().unwrap());
    assert_eq!(workflow.gates(&empty).unwrap_err().message, "the key is empty");
}

#[test]
fn a_priority_is_a_number_or_a_word() {
    let of = |priority: &str| {
        let workflow = read("", &format!("priority: {priority}")).unwrap();
        workflow.task("a").unwrap().priority
    };
    assert_eq!((of("high"), of("low"), of("-7"), of("normal")), (Some(100), Some(-100), Some(-7), Some(0)));
    assert_eq!(codes("", "priority: urgent"), [code::BAD_VALUE]);
    assert_eq!(codes("", "priority: 1001"), [code::BAD_VALUE]);
}
