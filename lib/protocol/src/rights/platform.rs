//! The table: one function for each part of the platform.

use emboflow_model::{ExecutorId, PoolName, ProjectName};

use super::{Rights, USUAL_INBOX, jetstream};
use crate::call::{AskCordons, AskLeader, AskQueues, Claim, Claims, Explain, ForgetExecutor, RemoveObjects};
use crate::command::Commands;
use crate::event::Event;
use crate::forecast::{AskForecast, AskWhatIf};
use crate::health::AskHealth;
use crate::message::Subject;
use crate::notice::Notice;
use crate::object_created::ObjectCreated;
use crate::progress::Progress;
use crate::report::Reports;
use crate::request::Verb;
use crate::stream::{
    COMMANDS, INTAKE, INTAKE_CONSUMER, LOGS, REPORTS, REPORTS_CONSUMER, STREAMS, bucket_stream,
    heartbeat_subject,
};
use crate::trigger::Fire;
use crate::{dead_letter, log, request, run_ended};

/// Names under which services register as NATS micro services.
const SERVICES: [(&str, &str); 5] = [
    ("api", "emboflow-api"),
    ("scheduler", "emboflow-scheduler"),
    ("executor", "emboflow-executor"),
    ("gateway", "emboflow-storage-gw"),
    ("trigger", "emboflow-trigger"),
];

/// Sends requests and waits for their answers; shows events, logs and executors; removes objects when it is asked.
pub(super) fn api() -> Rights {
    let publish = vec![
        text(&request::request_filter(None)),
        text(&request::decision_filter()),
        text(&Explain::filter()),
        text(&AskQueues::filter()),
        text(&AskCordons::filter()),
        text(&AskForecast::filter()),
        text(&AskWhatIf::filter()),
        text(&ForgetExecutor::filter()),
        text(&AskHealth::filter()),
        text(&Fire::filter()),
        text(&Notice::filter(None)),
        text(&dead_letter::dead_filter(None)),
        jetstream::info(INTAKE.name),
        jetstream::read(LOGS.name),
        jetstream::read(&bucket_stream()),
    ];
    let mut subscribe = vec![
        text(&request::reply_filter("*")),
        text(&Event::filter(None)),
        text(&log::filter(None)),
        text(&Progress::filter(None)),
        heartbeat_subject("*"),
        text(&RemoveObjects::filter()),
        text(&Notice::filter(None)),
    ];
    subscribe.extend(found_as("api"));
    Rights { publish, subscribe, answers: true }
}

/// Makes the streams, takes requests and reports, answers, sends commands and events.
pub(super) fn scheduler() -> Rights {
    let mut publish = vec![
        text(&Commands::filter()),
        text(&Event::filter(None)),
        text(&request::replies(None)),
        // A client of the machine may want its answer there.
        format!("{USUAL_INBOX}.>"),
        text(&RemoveObjects::filter()),
        text(&AskLeader::filter()),
        text(&Notice::filter(None)),
        text(&dead_letter::dead_filter(None)),
        heartbeat_subject("*"),
    ];
    publish.extend(STREAMS.iter().flat_map(|stream| jetstream::make(stream.name)));
    publish.extend(jetstream::make(&bucket_stream()));
    publish.extend(jetstream::consume(&INTAKE, INTAKE_CONSUMER, None));
    publish.extend(jetstream::consume(&REPORTS, REPORTS_CONSUMER, None));
    publish.extend(jetstream::give_up(&COMMANDS));
    publish.extend(STREAMS.iter().map(|stream| jetstream::consumers(stream.name)));
    publish.push(jetstream::read(&bucket_stream()));
    let mut subscribe = vec![
        text(&Claim::filter()),
        text(&Claims::filter()),
        text(&Explain::filter()),
        text(&AskQueues::filter()),
        text(&AskCordons::filter()),
        text(&AskForecast::filter()),
        text(&AskWhatIf::filter()),
        text(&AskLeader::filter()),
        text(&ForgetExecutor::filter()),
        heartbeat_subject("*"),
        text(&Notice::filter(None)),
    ];
    subscribe.extend(found_as("scheduler"));
    Rights { publish, subscribe, answers: true }
}

/// Shows that it is there, and tells of new objects.
pub(super) fn gateway() -> Rights {
    Rights {
        publish: vec![text(&ObjectCreated::filter(None))],
        subscribe: found_as("gateway"),
        answers: true,
    }
}

/// Sends requests and waits for their answers, tells of ended runs; hears of runs, of changed triggers, and of what
/// others are to tell it.
pub(super) fn trigger(listens: &[String], streams: &[String]) -> Rights {
    let mut publish = requests(None);
    publish.extend([
        text(&run_ended::filter()),
        text(&Notice::filter(None)),
        text(&dead_letter::dead_filter(None)),
    ]);
    publish.extend(streams.iter().flat_map(|stream| jetstream::consume_anew(stream)));
    let mut subscribe = vec![
        text(&request::reply_filter("*")),
        text(&Event::filter(None)),
        text(&Notice::filter(None)),
        text(&Fire::filter()),
        text(&ObjectCreated::filter(None)),
    ];
    subscribe.extend(listens.iter().cloned());
    subscribe.extend(found_as("trigger"));
    Rights { publish, subscribe, answers: true }
}

/// Makes streams of other systems, and reads nothing of them.
pub(super) fn streams(streams: &[String]) -> Rights {
    let publish = streams.iter().flat_map(|stream| jetstream::make(stream)).collect();
    Rights { publish, subscribe: Vec::new(), answers: false }
}

/// Takes its own commands, claims, reports and shows how far it is.
pub(super) fn executor(pool: &PoolName, executor: &ExecutorId) -> Rights {
    let commands = Commands::subject_of(pool, executor);
    let mut publish = vec![
        text(&Reports::subject_of(pool, executor)),
        text(&Claim::subject_of(pool, executor)),
        text(&Claims::subject_of(pool, executor)),
        heartbeat_subject(executor.as_str()),
        text(&log::filter(Some(executor))),
        text(&Progress::filter(Some(executor))),
        // A command that cannot be read names no project.
        text(&dead_letter::dead_filter(Some("unknown"))),
    ];
    publish.extend(jetstream::consume(&COMMANDS, &Commands::consumer_of(executor), Some(&commands)));
    Rights { publish, subscribe: found_as("executor"), answers: true }
}

/// Sends requests of its project, and sees their answers and the project's events.
pub(super) fn outside(project: &ProjectName, publish_only: bool, decides: bool, feeds: &[String]) -> Rights {
    let mut publish = requests(Some(project));
    if decides {
        publish.push(text(&request::request_subject(project, Verb::Decide)));
    }
    publish.extend(feeds.iter().cloned());
    let subscribe = match publish_only {
        true => Vec::new(),
        false => vec![text(&Event::filter(Some(project))), text(&request::replies(Some(project)))],
    };
    Rights { publish, subscribe, answers: false }
}

/// An outside system of every project; it may also see progress and dead letters, and find the services.
pub(super) fn machine(feeds: &[String]) -> Rights {
    let subscribe = vec![
        text(&Event::filter(None)),
        text(&request::replies(None)),
        text(&Progress::filter(None)),
        text(&run_ended::filter()),
        text(&dead_letter::dead_filter(None)),
        format!("{USUAL_INBOX}.>"),
    ];
    let mut publish = vec![text(&request::request_filter(None))];
    publish.extend(feeds.iter().cloned());
    publish.extend(["PING", "INFO", "STATS"].map(|verb| format!("$SRV.{verb}")));
    Rights { publish, subscribe, answers: false }
}

/// Every request but those by which people decide: who may start runs does not release them.
fn requests(project: Option<&ProjectName>) -> Vec<String> {
    let others = Verb::ALL.iter().filter(|verb| **verb != Verb::Decide);
    others.map(|verb| text(&request::verb_filter(project, *verb))).collect()
}

/// The subjects by which a service is found and asked how it is: those of NATS' micro services (ADR-32 of NATS), and ours.
fn found_as(part: &str) -> Vec<String> {
    let name = SERVICES.iter().find(|(known, _)| *known == part).map_or("emboflow", |(_, name)| name);
    let of =
        |verb: &str| [format!("$SRV.{verb}"), format!("$SRV.{verb}.{name}"), format!("$SRV.{verb}.{name}.*")];
    ["PING", "INFO", "STATS"].into_iter().flat_map(of).chain([text(&AskHealth::filter())]).collect()
}

fn text(subject: &Subject) -> String {
    subject.to_string()
}
