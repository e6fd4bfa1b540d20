use std::time::Duration;

use super::*;

const ASKED_AT: Timestamp = Timestamp(1_000_000);

fn answer(service: &str, version: &str, ahead_ms: i64) -> Answered<ServiceHealth> {
    let looks = vec![HealthLook {
        name: "nats".to_owned(),
        status: HealthStatus::Ok,
        reason: "connected".to_owned(),
        hint: None,
        latency_ms: 1,
    }];
    Answered {
        answer: ServiceHealth {
            service: service.to_owned(),
            instance: format!("{service}-1"),
            version: version.to_owned(),
            asked_at_ms: ASKED_AT.0 + 10 + ahead_ms,
            answered_at_ms: ASKED_AT.0 + 90 + ahead_ms,
            looks,
        },
        after: Duration::from_millis(100),
    }
}

fn executor(id: &str, online: bool, state: &str) -> ExecutorView {
    serde_json::from_value(serde_json::json!({
        "executor": id, "pool": "default", "incarnation": "i", "journal": "j", "state": state,
        "capacity": {}, "slots": 4, "runtime": "simulated", "version": "1.0.0", "sent_at": Timestamp(1),
        "disk": {"free_bytes": 1, "total_bytes": 2}, "online": online, "age_ms": 20_000,
    }))
    .unwrap()
}

fn seen(answers: Vec<Answered<ServiceHealth>>, executors: Vec<ExecutorView>) -> Seen {
    let own = Report {
        service: "api".to_owned(),
        instance: "api-1".to_owned(),
        version: "1.0.0".to_owned(),
        asked_at_ms: 0,
        answered_at_ms: 0,
        looks: Vec::new(),
    };
    let known = ["executor", "scheduler", "storage-gw"].map(str::to_owned).into();
    Seen { at: ASKED_AT, own, answers, unheard: None, known, executors }
}

fn part<'a>(view: &'a HealthView, path: &[&str]) -> &'a HealthNode {
    let mut parts = &view.parts;
    let mut found = None;
    for name in path {
        let part =
            parts.iter().find(|part| part.name == *name).unwrap_or_else(|| panic!("no {name} in {view:#?}"));
        parts = &part.parts;
        found = Some(part);
    }
    found.unwrap()
}

fn everybody() -> Vec<Answered<ServiceHealth>> {
    ["scheduler", "storage-gw"].map(|service| answer(service, "1.0.0", 0)).into()
}

#[test]
fn an_installation_in_which_everybody_answers_is_well() {
    let view = seen(everybody(), vec![executor("e1", true, "online")]).tree();
    assert_eq!(view.status, HealthStatus::Ok, "{view:#?}");
    assert_eq!(part(&view, &["executors", "e1"]).reason, "online, 0 of 4 slots in use");
    assert_eq!(part(&view, &["scheduler", "clock"]).status, HealthStatus::Ok);
}

#[test]
fn a_service_that_does_not_answer_has_failed_and_the_tree_says_what_to_do() {
    let view = seen(vec![answer("scheduler", "1.0.0", 0)], vec![executor("e1", true, "online")]).tree();
    let missing = part(&view, &["storage-gw"]);
    assert_eq!((view.status, missing.status), (HealthStatus::Failed, HealthStatus::Failed));
    assert!(missing.hint.is_some());
}

#[test]
fn without_nats_it_is_nats_that_is_named_and_not_each_service() {
    let seen = Seen { unheard: Some("no connection".to_owned()), ..seen(Vec::new(), Vec::new()) };
    let view = seen.tree();
    assert!(part(&view, &["scheduler"]).reason.contains("cannot be asked: no connection"));
}

#[test]
fn a_clock_that_differs_is_told_of_only_where_the_way_cannot_explain_it() {
    let scheduler = |ahead_ms| {
        let view = seen(vec![answer("scheduler", "1.0.0", ahead_ms)], Vec::new()).tree();
        part(&view, &["scheduler", "clock"]).clone()
    };
    assert_eq!(skew(ASKED_AT, &answer("x", "1", 5_000)), Skew { ahead_ms: 5_000, within_ms: 10 });
    assert_eq!(scheduler(1_000).status, HealthStatus::Ok);
    assert_eq!(scheduler(-2_500).status, HealthStatus::Warning);
    assert_eq!(scheduler(-2_500).reason, "2500 ms behind the API's");
    assert_eq!(scheduler(40_000).status, HealthStatus::Failed);
    let slow = Answered { after: Duration::from_secs(6), ..answer("x", "1", 2_500) };
    assert!(skew(ASKED_AT, &slow).within_ms > 2_500, "a long way explains it");
}

#[test]
fn another_version_is_a_warning() {
    let view = seen(vec![answer("scheduler", "0.9.0", 0)], Vec::new()).tree();
    let version = part(&view, &["scheduler", "version"]);
    assert_eq!(version.status, HealthStatus::Warning);
    assert_eq!(version.reason, "0.9.0, and the API has 1.0.0");
}

#[test]
fn an_executor_is_down_when_it_is_silent_and_not_when_it_was_stopped() {
    let executors = vec![
        executor("e1", true, "online"),
        executor("e2", false, "stopped"),
        executor("e3", true, "draining"),
    ];
    let view = seen(everybody(), executors).tree();
    assert_eq!(part(&view, &["executors"]).status, HealthStatus::Warning, "{view:#?}");
    assert_eq!(part(&view, &["executors", "e2"]).status, HealthStatus::Ok);
    assert_eq!(part(&view, &["executors", "e3"]).reason, "online, takes no new work");
    let view = seen(everybody(), vec![executor("e1", false, "online")]).tree();
    assert_eq!(part(&view, &["executors", "e1"]).reason, "suspect: silent for 20 s");
    assert_eq!(part(&view, &["executors"]).status, HealthStatus::Failed);
}

#[test]
fn an_executor_that_offers_nothing_yet_says_why() {
    let mut lonely = answer("executor", "1.0.0", 0);
    lonely.answer.looks[0] = HealthLook {
        name: "runtime".to_owned(),
        status: HealthStatus::Failed,
        reason: "no container engine".to_owned(),
        hint: None,
        latency_ms: 1,
    };
    let view = seen(vec![lonely], Vec::new()).tree();
    assert_eq!(part(&view, &["executors", "executor-1", "runtime"]).reason, "no container engine");
    assert_eq!(part(&view, &["executors"]).status, HealthStatus::Failed);
}

#[test]
fn a_page_is_told_when_a_part_changes_and_not_when_only_figures_do() {
    let view =
        |ahead| seen(vec![answer("scheduler", "1.0.0", ahead)], vec![executor("e1", true, "online")]).tree();
    assert_eq!(states(&view(0)), states(&view(7)));
    assert_ne!(states(&view(0)), states(&view(40_000)));
}
