use super::*;
use crate::message::ROOT;

fn user(name: &str, part: Part) -> NatsUser {
    NatsUser { name: NatsUserName::new(name).unwrap(), part }
}

fn executor(id: &str) -> NatsUser {
    let part = Part::Executor { pool: PoolName::new("gpu").unwrap(), executor: ExecutorId::new(id).unwrap() };
    user(id, part)
}

fn outside(project: &str, publish_only: bool) -> NatsUser {
    user(
        "robots",
        Part::Outside { project: ProjectName::new(project).unwrap(), publish_only, feeds: Vec::new() },
    )
}

fn everybody() -> Vec<NatsUser> {
    vec![
        user("api", Part::Api),
        user("scheduler", Part::Scheduler),
        user("gateway", Part::Gateway),
        user(
            "trigger",
            Part::Trigger { listens: vec!["plant.>".to_owned()], streams: vec!["PLANT".to_owned()] },
        ),
        user("maker", Part::Streams { streams: vec!["PLANT".to_owned()] }),
        executor("exec-1"),
        outside("lab", false),
        outside("lab", true),
        user("local", Part::Machine { feeds: Vec::new() }),
    ]
}

#[test]
fn an_outside_system_has_its_project_and_its_inbox_and_nothing_else() {
    let rights = rights(&outside("lab", false));
    assert_eq!(rights.publish, ["emboflow.request.lab.>"]);
    assert_eq!(rights.subscribe, ["emboflow.event.lab.>", "emboflow.reply.lab.>", "_INBOX_robots.>"]);
    assert!(!rights.answers);
}

#[test]
fn who_only_publishes_sees_nothing_but_its_acknowledgements() {
    let rights = rights(&outside("lab", true));
    assert_eq!(rights.publish, ["emboflow.request.lab.>"]);
    assert_eq!(rights.subscribe, ["_INBOX_robots.>"]);
}

#[test]
fn who_feeds_triggers_may_publish_what_they_listen_to() {
    let project = ProjectName::new("lab").unwrap();
    let part = Part::Outside { project, publish_only: true, feeds: vec!["plant.>".to_owned()] };
    assert_eq!(rights(&user("robots", part)).publish, ["emboflow.request.lab.>", "plant.>"]);
}

#[test]
fn two_executors_share_no_subject_that_names_one() {
    let (one, other) = (rights(&executor("exec-1")), rights(&executor("exec-2")));
    let named = |rights: &Rights| {
        let all = rights.publish.iter().chain(&rights.subscribe).cloned();
        all.filter(|subject| subject.contains("exec-")).collect::<Vec<_>>()
    };
    assert!(named(&one).len() >= 8, "{one:?}");
    for subject in named(&one) {
        assert!(!named(&other).contains(&subject), "{subject}");
    }
    assert!(one.publish.contains(&"emboflow.report.gpu.exec-1".to_owned()));
    assert!(one.publish.contains(&"$KV.emboflow_executors.exec-1".to_owned()));
}

#[test]
fn nobody_has_all_of_emboflow_of_jetstream_of_the_inboxes_or_of_the_system() {
    for user in everybody() {
        let rights = rights(&user);
        assert!(!rights.publish.is_empty() && !rights.subscribe.is_empty(), "an empty list means everything");
        for subject in rights.publish.iter().chain(&rights.subscribe) {
            let wide = [">", "*", "$JS.>", "$JS.API.>", "$SYS.>", "$KV.>", "$SRV.>", "_INBOX_*.>"];
            assert!(!wide.contains(&subject.as_str()), "{}: {subject}", user.name);
            assert!(!subject.starts_with("$SYS") && !subject.starts_with("$JS.API.>"), "{subject}");
            let mut tokens = subject.split('.');
            if tokens.next() == Some(ROOT) {
                assert!(!["*", ">"].contains(&tokens.next().unwrap_or(">")), "{}: {subject}", user.name);
            }
        }
    }
}

#[test]
fn only_the_scheduler_changes_streams_and_takes_requests() {
    let powers = ["STREAM.CREATE", "STREAM.UPDATE", "STREAM.PURGE", "STREAM.DELETE", "EMBOFLOW_INTAKE"];
    for user in everybody().into_iter().filter(|user| user.part != Part::Scheduler) {
        for subject in rights(&user).publish {
            let looks = subject == "$JS.API.STREAM.INFO.EMBOFLOW_INTAKE";
            // An operator's, while he makes it.
            let looks = looks || (user.name.as_str() == "maker" && subject.ends_with(".PLANT"));
            assert!(looks || !powers.iter().any(|power| subject.contains(power)), "{}: {subject}", user.name);
        }
    }
}

#[test]
fn only_the_api_says_who_decides() {
    for user in everybody().into_iter().filter(|user| user.part != Part::Api) {
        let publish = rights(&user).publish;
        assert!(!publish.iter().any(|subject| subject.contains("decision")), "{}: {publish:?}", user.name);
    }
}

#[test]
fn an_inbox_is_known_by_its_first_token() {
    for inbox in ["_INBOX.a", "_INBOX_api.a.b"] {
        assert!(is_inbox(inbox), "{inbox}");
    }
    for other in ["_INBOX", "_INBOX.", "_INBOXES.a", "$JS.API.STREAM.PURGE.X", "emboflow.event.lab.x", ""] {
        assert!(!is_inbox(other), "{other}");
    }
}

#[test]
fn triggers_may_be_let_into_what_is_not_the_platforms() {
    for subject in ["plant.robot-7.done", "plant.*.done", "plant.>"] {
        assert!(is_foreign_subject(subject), "{subject}");
    }
    for subject in
        ["", ">", "*.x", "emboflow.event.lab.>", "$JS.API.>", "_INBOX.>", "a..b", "a.>.b", "a b", "a.x>"]
    {
        assert!(!is_foreign_subject(subject), "{subject}");
    }
    for stream in ["PLANT", "plant_7"] {
        assert!(is_foreign_stream(stream), "{stream}");
    }
    for stream in ["", "EMBOFLOW_INTAKE", "KV_emboflow_executors", "A.B", "*"] {
        assert!(!is_foreign_stream(stream), "{stream}");
    }
}
