use crate::trigger::{TriggerKind, TriggerSpec};
use crate::workflow::{self, Problem, parse_trigger};

const WORKFLOW: &str = "version: 1
name: report
inputs:
  day: { type: string }
  level: { type: integer, default: 1 }
tasks:
  make: { image: busybox, run: 'true' }
";

fn with(on: &str) -> String {
    format!("{WORKFLOW}on:\n{on}\n")
}

fn refused(source: &str) -> Vec<Problem> {
    workflow::parse(source).err().unwrap_or_else(|| panic!("accepted:\n{source}"))
}

fn codes(problems: &[Problem]) -> Vec<(&str, &str)> {
    problems.iter().map(|problem| (problem.code, problem.pointer.as_str())).collect()
}

#[test]
fn the_triggers_of_a_workflow_have_names_of_their_own() {
    let source = with(
        "  schedule:
    - { cron: '0 6 * * *', timezone: Asia/Shanghai, overlap: skip, inputs: { day: '${{ event.time }}' } }
    - { cron: '@hourly', inputs: { day: x } }
  nats: { name: orders, stream: ORDERS, subject: orders.new, inputs: { day: '${{ event.data.day }}' } }
  webhook: { secret: hook, inputs: { day: '${{ event.headers[\"x-day\"] }}' } }
  run_finished: { workflow: ingest, states: [succeeded, failed], inputs: { day: '${{ event.data.id }}' } }",
    );
    let workflow = workflow::parse(&source).unwrap_or_else(|problems| panic!("{}", problems[0].report("w")));
    let triggers = workflow.triggers();
    let names: Vec<_> = triggers.iter().map(|trigger| trigger.name.as_str()).collect();
    let expected =
        ["report-schedule", "report-schedule-2", "orders", "report-webhook", "report-run-finished"];
    assert_eq!(names, expected);
    assert!(triggers.iter().all(|trigger| trigger.workflow.as_str() == "report"));
}

#[test]
fn a_long_name_of_a_workflow_is_cut_in_the_name_of_its_trigger() {
    let kind =
        parse_trigger("version: 1\nname: t\nworkflow: w\non: { webhook: { secret: hook } }\n").unwrap().on;
    let name = TriggerSpec::default_name(&"a".repeat(63), &kind, "/on/webhook/11");
    assert!(name.len() == 63 && name.ends_with("-webhook-12"), "{name}");
}

#[test]
fn what_is_wrong_with_a_trigger_is_said_with_its_place() {
    let on = "  schedule: { cron: '0 6 * *', timezone: Mars/Base, inputs: { dya: x } }
  nats: { subject: emboflow.request.lab.submit, inputs: { day: '${{ inputs.day }}' } }
  webhook: { secret: hook, tolerance: 2h, inputs: { day: 1 } }
  run_finished: { workflow: ingest, states: [running], inputs: { day: x } }";
    let problems = refused(&with(on));
    assert_eq!(
        codes(&problems),
        [
            ("workflow.missing_input", "/on/schedule"),
            ("workflow.bad_value", "/on/schedule/cron"),
            ("workflow.unknown_input", "/on/schedule/inputs/dya"),
            ("workflow.bad_value", "/on/nats/subject"),
            ("workflow.unknown_name", "/on/nats/inputs/day"),
            ("workflow.bad_value", "/on/webhook/tolerance"),
            ("workflow.bad_input", "/on/webhook/inputs/day"),
            ("workflow.bad_value", "/on/run_finished/states"),
        ]
    );
    let typo = problems.iter().find(|problem| problem.pointer.ends_with("/dya")).unwrap();
    assert_eq!(typo.hint.as_deref(), Some("did you mean `day`?"));
    assert!(problems.iter().all(|problem| problem.line > 7), "each has its line");
}

#[test]
fn the_platforms_own_subjects_and_streams_start_nothing() {
    for bad in [
        "subject: '>'",
        "subject: '*.x'",
        "subject: $JS.API.>",
        "subject: emboflow.command.x.y",
        "subject: 'emboflow.event.>'",
        "subject: emboflow.event.lab.run",
        "subject: $KVX.a",
        "subject: _INBOX_robots.a",
        "stream: A, subject: 'emboflow.event.>'",
        "subject: 'a..b'",
        "subject: 'a b'",
        "subject: 'a.>.b'",
        "stream: EMBOFLOW_INTAKE",
        "stream: emboflow_events",
        "stream: 'A.B'",
        "",
    ] {
        let source = format!("version: 1\nname: t\nworkflow: w\non: {{ nats: {{ {bad} }} }}\n");
        assert!(parse_trigger(&source).is_err(), "{bad}");
    }
    for good in
        ["subject: orders.*.new", "subject: 'orders.>'", "stream: A, subject: '>'", "stream: orders-2_x"]
    {
        let source = format!("version: 1\nname: t\nworkflow: w\non: {{ nats: {{ {good} }} }}\n");
        assert!(parse_trigger(&source).is_ok(), "{good}");
    }
}

#[test]
fn two_triggers_of_one_name_are_refused() {
    let problems = refused(&with(
        "  schedule: { cron: '@daily', name: a, inputs: { day: x } }\n  webhook: { name: a, secret: hook, inputs: { day: x } }",
    ));
    assert_eq!(codes(&problems), [("workflow.conflict", "/on/webhook/name")]);
}

#[test]
fn a_trigger_file_has_exactly_one_trigger() {
    let file = |on: &str| format!("version: 1\nname: nightly\nworkflow: report\non: {on}\n");
    let spec = parse_trigger(&file("{ schedule: { cron: '0 6 * * *' } }")).unwrap();
    assert_eq!((spec.name.as_str(), spec.workflow.as_str()), ("nightly", "report"));
    assert!(matches!(spec.on, TriggerKind::Schedule(_)));
    for bad in [
        "{}",
        "{ webhook: { secret: hook }, schedule: { cron: '@daily' } }",
        "{ webhook: { name: other, secret: hook } }",
        "{ push: {} }",
    ] {
        assert!(parse_trigger(&file(bad)).is_err(), "{bad}");
    }
    let wrong =
        parse_trigger(&file("{ nats: { subject: a, inputs: { x: '${{ evnt.data }}' } } }")).unwrap_err();
    assert_eq!(codes(&wrong), [("workflow.unknown_name", "/on/nats/inputs/x")]);
}

#[test]
fn a_trigger_survives_json() {
    let source =
        "version: 1\nname: t\nworkflow: w\non: { schedule: { cron: '@daily', jitter: 5m, missed: all } }\n";
    let spec = parse_trigger(source).unwrap();
    let text = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<TriggerSpec>(&text).unwrap(), spec);
}

#[test]
fn garbage_in_a_trigger_file_is_refused_and_never_panics() {
    for garbage in
        ["", "\u{0}", "on: []", "version: 1", "[1, 2]", "version: 1\nname: t\nworkflow: w\non: 5\n", "{{{{"]
    {
        assert!(parse_trigger(garbage).is_err(), "{garbage:?}");
    }
}
