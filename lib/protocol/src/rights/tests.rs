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
        Part::Outside {
            project: ProjectName::new(project).unwrap(),
            publish_only,
            decides: false,
            feeds: Vec::new(),
        },
    )
}

fn who_decides(project: &str) -> NatsUser {
    let project = ProjectName::new(project).unwrap();
    user("releaser", Part::Outside { project, publish_only: false, decides: true, feeds: Vec::new() })
}

/// What every system outside may ask for.
const REQUESTS: [&str; 6] = [
    "emboflow.request.lab.submit",
    "emboflow.request.lab.batch",
    "emboflow.request.lab.cancel",
    "emboflow.request.lab.retry",
    "emboflow.request.lab.pause",
    "emboflow.request.lab.resume",
];

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
        who_decides("lab"),
        user("local", Part::Machine { feeds: Vec::new() }),
    ]
}

#[test]
fn an_outside_system_has_its_project_and_its_inbox_and_nothing_else() {
    let rights = rights(&outside("lab", false));
    assert_eq!(rights.publish, REQUESTS);
    assert_eq!(rights.subscribe, ["emboflow.event.lab.>", "emboflow.reply.lab.>", "_INBOX_robots.>"]);
    assert!(!rights.answers);
}

#[test]
fn who_only_publishes_sees_nothing_but_its_acknowledgements() {
    let rights = rights(&outside("lab", true));
    assert_eq!(rights.publish, REQUESTS);
    assert_eq!(rights.subscribe, ["_INBOX_robots.>"]);
}

#[test]
fn who_feeds_triggers_may_publish_what_they_listen_to() {
    let project = ProjectName::new("lab").unwrap();
    let feeds = vec!["plant.>".to_owned()];
    let part = Part::Outside { project, publish_only: true, decides: false, feeds };
    assert_eq!(rights(&user("robots", part)).publish, [&REQUESTS[..], &["plant.>"]].concat());
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
fn who_decides_has_been_given_that_right() {
    let decides = |user: &NatsUser| {
        let of_decide = |subject: &String| {
            subject.starts_with("emboflow.request.")
                && (subject.ends_with(".decide") || subject.ends_with('>'))
        };
        rights(user).publish.iter().any(of_decide)
    };
    let all = everybody();
    let deciding: Vec<_> = all.iter().filter(|user| decides(user)).map(|user| user.name.as_str()).collect();
    // The API asks in other people's names anyway, and whoever reads the data directory of `emboflow up` owns it.
    assert_eq!(deciding, ["api", "releaser", "local"]);
    assert_eq!(
        rights(&who_decides("lab")).publish,
        [&REQUESTS[..], &["emboflow.request.lab.decide"]].concat()
    );
}

#[test]
fn users_of_before_there_was_that_right_are_read_and_do_not_have_it() {
    let kept = r#"{"name":"robots","part":"outside","project":"lab","publish_only":false}"#;
    let user: NatsUser = serde_json::from_str(kept).unwrap();
    assert_eq!(user, outside("lab", false));
    assert_eq!(serde_json::to_string(&user).unwrap(), kept, "earlier versions read it too");
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
