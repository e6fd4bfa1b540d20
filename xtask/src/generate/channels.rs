//! Every family of subjects: where it is, what travels there, who sends and who receives.

use emboflow_protocol::call::{
    AskCordons, AskLeader, AskQueues, Claim, Claims, Explain, ForgetExecutor, RemoveObjects,
};
use emboflow_protocol::command::Commands;
use emboflow_protocol::dead_letter::dead_subject;
use emboflow_protocol::event::Event;
use emboflow_protocol::forecast::{AskForecast, AskWhatIf};
use emboflow_protocol::header;
use emboflow_protocol::log::live_subject;
use emboflow_protocol::message::Message;
use emboflow_protocol::progress::Progress;
use emboflow_protocol::report::Reports;
use emboflow_protocol::request::{Verb, decision_subject, reply_subject, request_subject};
use emboflow_protocol::run_ended::RunEnded;
use emboflow_protocol::stream::EXECUTORS_BUCKET;

use super::address::Sample;

/// One family of subjects.
pub(super) struct Channel {
    /// Name in the document.
    pub(super) id: String,
    /// The subject with parameters.
    pub(super) address: String,
    /// In a line.
    pub(super) title: String,
    /// Names of the messages.
    pub(super) messages: &'static [&'static str],
    /// Who sends.
    pub(super) senders: &'static str,
    /// Who receives.
    pub(super) receivers: &'static str,
    /// The channel of the answers.
    pub(super) reply: Option<Reply>,
}

/// Where answers go.
pub(super) enum Reply {
    /// To the subject that this header names.
    Header(&'static str),
    /// To the inbox of a NATS request, as this message.
    Inbox(&'static str),
}

/// Every family of subjects.
pub(super) fn channels() -> Vec<Channel> {
    let mut channels = requests();
    channels.extend(public());
    channels.extend(of_executors());
    channels.extend(calls());
    channels.extend(foreseen(&Sample::new()));
    channels
}

fn requests() -> Vec<Channel> {
    let sample = Sample::new();
    let request = |verb: &Verb| Channel {
        id: verb.token().to_owned(),
        address: sample.address(request_subject(&sample.project, *verb)),
        title: match verb {
            Verb::Submit => "Start a run".to_owned(),
            Verb::Batch => "Start several runs".to_owned(),
            Verb::Retry => "Repeat tasks of an ended run as a new run".to_owned(),
            Verb::Cancel => "End a run".to_owned(),
            Verb::Pause => "Start no more attempts of a run".to_owned(),
            Verb::Resume => "Go on with a paused run".to_owned(),
            Verb::Decide => "Decide on a task that waits for a person".to_owned(),
        },
        messages: match verb {
            Verb::Submit => &["Submit"],
            Verb::Batch => &["Batch"],
            Verb::Decide => &["Decide"],
            _ => &["RunRequest"],
        },
        senders: "anyone whom the project allows",
        receivers: "scheduler",
        reply: Some(Reply::Header(header::REPLY_TO)),
    };
    let decision = Channel {
        id: "decision".to_owned(),
        address: sample.address(decision_subject(&sample.project)),
        title: "Decide on a task, in the name that the body says".to_owned(),
        messages: &["Decide"],
        senders: "API",
        receivers: "scheduler",
        reply: Some(Reply::Header(header::REPLY_TO)),
    };
    Verb::ALL.iter().map(request).chain([decision]).collect()
}

fn public() -> Vec<Channel> {
    let sample = Sample::new();
    vec![
        Channel {
            id: "answer".to_owned(),
            address: sample.address(reply_subject(&sample.project, "token")),
            title: "Answers to requests".to_owned(),
            messages: &["Answer", "BatchAnswer"],
            senders: "scheduler",
            receivers: "whoever sent the request",
            reply: None,
        },
        Channel {
            id: "event".to_owned(),
            address: sample.address(sample_event(&sample).subject()),
            title: "What runs have come to".to_owned(),
            messages: &["Event"],
            senders: "scheduler",
            receivers: "anyone whom the project allows",
            reply: None,
        },
        Channel {
            id: "notification".to_owned(),
            address: sample.address(sample_notification(&sample).subject()),
            title: "Ends of runs, and tasks that wait for a person, for who asked to be told of them"
                .to_owned(),
            messages: &["RunEnded", "ApprovalAsked"],
            senders: "trigger service",
            receivers: "anyone whom the project allows",
            reply: None,
        },
        Channel {
            id: "log".to_owned(),
            address: sample.address(live_subject(&sample.project, &sample.attempt, &sample.executor)),
            title: "The newest bytes of logs, lossy: gaps are read through the API".to_owned(),
            messages: &["LogFrame"],
            senders: "executor",
            receivers: "API, and anyone whom the project allows",
            reply: None,
        },
        Channel {
            id: "progress".to_owned(),
            address: sample.address(sample_progress(&sample).subject()),
            title: "How far the preparation of an attempt is, lossy: each message says all of it".to_owned(),
            messages: &["Progress"],
            senders: "executor",
            receivers: "API, and anyone whom the project allows",
            reply: None,
        },
        Channel {
            id: "deadLetter".to_owned(),
            address: sample.address(dead_subject(Some(&sample.project), "reason")),
            title: "Messages that nobody could read or carry out".to_owned(),
            messages: &["DeadLetter"],
            senders: "scheduler, executor",
            receivers: "operator",
            reply: None,
        },
    ]
}

fn channel(
    id: &str,
    address: String,
    title: &str,
    messages: &'static [&'static str],
    [senders, receivers]: [&'static str; 2],
    reply: Option<&'static str>,
) -> Channel {
    let reply = reply.map(Reply::Inbox);
    Channel { id: id.to_owned(), address, title: title.to_owned(), messages, senders, receivers, reply }
}

fn of_executors() -> Vec<Channel> {
    let sample = Sample::new();
    let (pool, executor) = (sample.pool.clone(), sample.executor.clone());
    let reports = Reports { pool: pool.clone(), executor: executor.clone(), reports: Vec::new() };
    let heartbeats = format!("$KV.{EXECUTORS_BUCKET}.{executor}");
    vec![
        channel(
            "command",
            sample.address(Commands::subject_of(&pool, &executor)),
            "What one executor is to do",
            &["Commands"],
            ["scheduler", "executor"],
            None,
        ),
        channel(
            "report",
            sample.address(reports.subject()),
            "What became of attempts; repeated until they are released",
            &["Reports"],
            ["executor", "scheduler"],
            None,
        ),
        channel(
            "heartbeat",
            sample.address(heartbeats),
            "The newest heartbeat of each executor, in a key-value bucket",
            &["Heartbeat"],
            ["executor", "scheduler, API"],
            None,
        ),
    ]
}

/// What the scheduler looks ahead for.
fn foreseen(sample: &Sample) -> Vec<Channel> {
    vec![
        channel(
            "forecast",
            sample.address(AskForecast::filter()),
            "When tasks start and a run ends, if nothing new comes",
            &["AskForecast"],
            ["API", "scheduler"],
            Some("RunForecast"),
        ),
        channel(
            "whatIf",
            sample.address(AskWhatIf::filter()),
            "The same with more or fewer executors; changes nothing",
            &["AskWhatIf"],
            ["API", "scheduler"],
            Some("WhatIf"),
        ),
    ]
}

/// May an attempt start, alone or with others?
fn claims(sample: &Sample) -> [Channel; 2] {
    [
        channel(
            "claim",
            sample.address(Claim::subject_of(&sample.pool, &sample.executor)),
            "Asked before anything is created; no answer, no start",
            &["Claim"],
            ["executor", "scheduler"],
            Some("ClaimAnswer"),
        ),
        channel(
            "claims",
            sample.address(Claims::subject_of(&sample.pool, &sample.executor)),
            "The same for attempts that begin at the same moment",
            &["Claims"],
            ["executor", "scheduler"],
            Some("ClaimsAnswer"),
        ),
    ]
}

/// Asked and answered at once, stored nowhere.
fn calls() -> Vec<Channel> {
    let sample = Sample::new();
    let run = sample.attempt.run;
    let [claim, claims] = claims(&sample);
    vec![
        claim,
        claims,
        channel(
            "explain",
            sample.address(Explain { run, task: None }.subject()),
            "Why tasks wait, as of now",
            &["Explain"],
            ["API", "scheduler"],
            Some("Explanation"),
        ),
        channel(
            "queues",
            sample.address(AskQueues::filter()),
            "What the queues hold and wait for, as of now",
            &["AskQueues"],
            ["API", "scheduler"],
            Some("QueueFigures"),
        ),
        channel(
            "cordons",
            sample.address(AskCordons::filter()),
            "What cordoned executors still have to do, as of now",
            &["AskCordons"],
            ["API", "scheduler"],
            Some("CordonFigures"),
        ),
        channel(
            "leader",
            sample.address(AskLeader::filter()),
            "Is there a scheduler that decides?",
            &["AskLeader"],
            ["scheduler", "scheduler"],
            Some("Leader"),
        ),
        channel(
            "forget",
            sample.address(ForgetExecutor::filter()),
            "Gives up what an executor holds, and takes it off the list",
            &["ForgetExecutor"],
            ["API", "scheduler"],
            Some("ForgetAnswer"),
        ),
        channel(
            "removeObjects",
            sample.address(RemoveObjects::filter()),
            "Removes the objects of a run that is no longer kept",
            &["RemoveObjects"],
            ["scheduler", "API"],
            Some("ObjectsRemoved"),
        ),
    ]
}

fn sample_progress(sample: &Sample) -> Progress {
    Progress {
        project: sample.project.clone(),
        attempt: sample.attempt.clone(),
        executor: sample.executor.clone(),
        pull: None,
    }
}

/// A whole notification, also shown as the example.
pub(super) fn sample_notification(sample: &Sample) -> RunEnded {
    let run = sample.attempt.run;
    serde_json::from_value(serde_json::json!({
        "specversion": "1.0",
        "id": format!("on-call/{run}"),
        "source": format!("/projects/{}/runs/{run}", sample.project),
        "type": emboflow_protocol::run_ended::RUN_ENDED,
        "subject": run,
        "time": "2026-11-21T13:00:04.250Z",
        "datacontenttype": "application/json",
        "data": { "notification": "on-call", "topic": "topic", "run": sample_event(sample).data.run },
    }))
    .expect("the example is a whole notification")
}

/// A whole event, also shown as the example.
pub(super) fn sample_event(sample: &Sample) -> Event {
    let (run, at) = (sample.attempt.run, "2026-11-21T13:00:04.250Z");
    serde_json::from_value(serde_json::json!({
        "specversion": "1.0",
        "id": format!("{run}/7"),
        "source": format!("/projects/{}/runs/{run}", sample.project),
        "type": emboflow_protocol::event::RUN_CHANGED,
        "subject": run,
        "time": at,
        "datacontenttype": "application/json",
        "data": {
            "project": sample.project,
            "shard": 0,
            "seq": 4711,
            "run": {
                "id": run,
                "project": sample.project,
                "workflow": "hello",
                "state": "succeeded",
                "labels": { "site": "lab-2" },
                "tasks": { "total": 3, "by_state": { "succeeded": 3 } },
                "created_at": "2026-11-21T13:00:00.000Z",
                "started_at": "2026-11-21T13:00:00.120Z",
                "finished_at": at,
                "version": 7,
            },
        },
    }))
    .expect("the example is a whole event")
}

#[cfg(test)]
mod tests {
    use super::super::address::stream_of;
    use super::*;
    use emboflow_protocol::stream::STREAMS;
    use std::collections::BTreeSet;

    #[test]
    fn every_stream_has_a_channel() {
        let channels = channels();
        let stored: BTreeSet<_> = channels
            .iter()
            .filter_map(|channel| stream_of(&channel.address))
            .map(|stream| stream.name)
            .collect();
        assert_eq!(stored, STREAMS.iter().map(|stream| stream.name).collect());
    }

    #[test]
    fn addresses_and_names_are_unique() {
        let channels = channels();
        let addresses: BTreeSet<_> = channels.iter().map(|channel| &channel.address).collect();
        let ids: BTreeSet<_> = channels.iter().map(|channel| &channel.id).collect();
        assert_eq!((addresses.len(), ids.len()), (channels.len(), channels.len()));
    }
}
