//! Addresses with parameters, made from the subjects that sample messages compute for themselves.

use std::fmt::Display;

use emboflow_model::{AttemptId, ExecutorId, PoolName, ProjectName, RunId, TaskKey};
use emboflow_protocol::stream::{STREAMS, StreamSpec};

/// Parameters of addresses and what they stand for.
pub(super) const PARAMETERS: &[(&str, &str)] = &[
    ("project", "The project."),
    ("run", "The run's id."),
    ("task", "The task as one token: `train`, or `train_3` of a fan-out."),
    ("attempt", "The attempt's number, from 1."),
    ("pool", "The executor's pool."),
    ("executor", "The executor's id."),
    ("reason", "Why the message could not be read or carried out."),
    ("topic", "The topic of the notification."),
    ("token", "Anything that the publisher likes: one or more tokens."),
];

/// Names whose text is the parameter's own name, so that a subject made of them is nearly an address.
pub(super) struct Sample {
    pub(super) project: ProjectName,
    pub(super) pool: PoolName,
    pub(super) executor: ExecutorId,
    pub(super) attempt: AttemptId,
}

impl Sample {
    pub(super) fn new() -> Self {
        let run = RunId::from_bits(0x0193_4c7e_0000_7000_8000_0000_0000_0001);
        let task = TaskKey::single("task".parse().expect("a plain word is a name"));
        Self {
            project: ProjectName::new("project").expect("a plain word is a name"),
            pool: PoolName::new("pool").expect("a plain word is a name"),
            executor: ExecutorId::new("executor").expect("a plain word is a name"),
            attempt: AttemptId { run, task, number: 1 },
        }
    }

    /// The address that a subject made of this sample has.
    pub(super) fn address(&self, subject: impl Display) -> String {
        let run = self.attempt.run.to_string();
        let parameter = |token: &str| match token {
            "1" => Some("attempt"),
            token if token == run => Some("run"),
            token => PARAMETERS.iter().map(|(name, _)| *name).find(|name| *name == token),
        };
        let tokens: Vec<_> = subject
            .to_string()
            .split('.')
            .map(|token| parameter(token).map_or_else(|| token.to_owned(), |name| format!("{{{name}}}")))
            .collect();
        tokens.join(".")
    }
}

/// The parameters that an address has, in its order.
pub(super) fn parameters(address: &str) -> impl Iterator<Item = &str> {
    address.split(['{', '}']).skip(1).step_by(2)
}

/// The stream that stores what is published at an address; none for core NATS.
pub(super) fn stream_of(address: &str) -> Option<&'static StreamSpec> {
    STREAMS.iter().find(|stream| stream.subjects.iter().any(|filter| matches(filter, address)))
}

fn matches(filter: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for wanted in filter.split('.') {
        match (wanted, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(token)) if wanted == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_protocol::log::live_subject;

    #[test]
    fn a_sample_becomes_an_address_that_its_stream_stores() {
        let sample = Sample::new();
        let address = sample.address(live_subject(&sample.project, &sample.attempt, &sample.executor));
        assert_eq!(address, "emboflow.log.{project}.{run}.{task}.{attempt}.{executor}");
        assert_eq!(
            parameters(&address).collect::<Vec<_>>(),
            ["project", "run", "task", "attempt", "executor"]
        );
        assert_eq!(stream_of(&address).unwrap().name, "EMBOFLOW_LOGS");
    }

    #[test]
    fn a_subject_of_core_nats_is_in_no_stream() {
        assert!(stream_of("emboflow.reply.{project}.{token}").is_none());
        assert!(stream_of("emboflow.command.a").is_none());
    }
}
