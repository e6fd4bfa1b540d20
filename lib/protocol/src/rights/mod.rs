//! What each user of the platform's NATS server may do: one pure function from who it is to allow-lists, computed from
//! the messages and the stream table. Nothing is ever denied by name; what is not allowed is not possible.

mod jetstream;
mod platform;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::message::ROOT;
use emboflow_model::{ExecutorId, NatsUserName, PoolName, ProjectName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A user of the platform's NATS server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NatsUser {
    /// Its name, which is also in its inbox prefix.
    pub name: NatsUserName,
    /// What it is.
    #[serde(flatten)]
    pub part: Part,
}

/// What a user is to the platform, and so what it may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum Part {
    /// The API.
    Api,
    /// The scheduler.
    Scheduler,
    /// The storage gateway, which shows that it is there and tells of new objects.
    Gateway,
    /// The service that starts runs by itself.
    Trigger {
        /// Subjects of other systems that triggers listen to, beside EmboFlow's own.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        listens: Vec<String>,
        /// Streams of other systems that triggers take messages from.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        streams: Vec<String>,
    },
    /// An operator who makes streams of other systems. It is there only as long as that takes: a stream may store
    /// whatever moves on the server.
    Streams {
        /// The streams.
        streams: Vec<String>,
    },
    /// One executor.
    Executor {
        /// Its pool.
        pool: PoolName,
        /// Its id.
        executor: ExecutorId,
    },
    /// A system outside of the platform.
    Outside {
        /// The one project that it sees.
        project: ProjectName,
        /// It sends requests and sees neither answers nor events.
        #[serde(default)]
        publish_only: bool,
        /// It may approve and reject tasks, in the project's name.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        decides: bool,
        /// Subjects beside EmboFlow's own that it may publish to, because triggers listen to them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        feeds: Vec<String>,
    },
    /// Whoever may read the data directory of `emboflow up`: an outside system in every project, also with a client
    /// that has the usual inbox prefix.
    Machine {
        /// Subjects beside EmboFlow's own that it may publish to, because triggers listen to them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        feeds: Vec<String>,
    },
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api => f.write_str("api"),
            Self::Scheduler => f.write_str("scheduler"),
            Self::Gateway => f.write_str("gateway"),
            Self::Trigger { .. } => f.write_str("trigger"),
            Self::Streams { streams } => write!(f, "maker of {}", streams.join(", ")),
            Self::Executor { pool, executor } => write!(f, "executor {executor} of pool {pool}"),
            Self::Outside { project, publish_only, decides, .. } => {
                write!(f, "outside, project {project}")?;
                f.write_str(if *publish_only { ", publishes only" } else { "" })?;
                f.write_str(if *decides { ", decides" } else { "" })
            }
            Self::Machine { .. } => f.write_str("this machine"),
        }
    }
}

/// What a user may do. Both lists have an entry at least: to nats-server an empty one would mean everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Rights {
    /// Subjects that it may publish to.
    pub publish: Vec<String>,
    /// Subjects that it may subscribe to, also in a queue group.
    pub subscribe: Vec<String>,
    /// It may answer each question that it is asked, once, wherever the asker waits.
    pub answers: bool,
}

/// Prefix of a user's inboxes: no other user can subscribe there.
pub fn inbox_prefix(user: &NatsUserName) -> String {
    format!("{USUAL_INBOX}_{user}")
}

/// Prefix of the inboxes of a client that was told nothing.
pub const USUAL_INBOX: &str = "_INBOX";

/// Whether a subject lies in somebody's inbox. Who answers questions answers nowhere else, so that nobody can have a
/// service publish where he himself may not.
pub fn is_inbox(subject: &str) -> bool {
    let token = subject.split('.').next().unwrap_or_default();
    let prefix = token.strip_prefix(USUAL_INBOX);
    prefix.is_some_and(|rest| rest.is_empty() || rest.starts_with('_')) && subject.len() > token.len() + 1
}

/// Whether triggers may be given the right to listen to it: a subject of other systems, or a filter of such.
pub fn is_foreign_subject(subject: &str) -> bool {
    let is_token = |token: &str| {
        !token.is_empty()
            && token.chars().all(|c| c.is_ascii_graphic())
            && (matches!(token, "*" | ">") || !token.contains(['*', '>']))
    };
    let tokens: Vec<_> = subject.split('.').collect();
    let first = tokens.first().copied().unwrap_or_default();
    let ends = tokens.iter().position(|token| *token == ">").is_none_or(|place| place + 1 == tokens.len());
    let ours = matches!(first, "*" | ">" | ROOT) || first.starts_with('$') || first.starts_with(USUAL_INBOX);
    tokens.iter().all(|token| is_token(token)) && ends && !ours && subject.len() <= 256
}

/// Whether triggers may be given the right to take from it: the name of a stream that is not the platform's.
pub fn is_foreign_stream(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let upper = name.to_ascii_uppercase();
    (1..=63).contains(&name.len())
        && name.chars().all(plain)
        && !upper.starts_with("EMBOFLOW")
        && !upper.starts_with("KV_EMBOFLOW")
}

/// The rights of a user.
pub fn rights(user: &NatsUser) -> Rights {
    let mut rights = match &user.part {
        Part::Api => platform::api(),
        Part::Scheduler => platform::scheduler(),
        Part::Gateway => platform::gateway(),
        Part::Trigger { listens, streams } => platform::trigger(listens, streams),
        Part::Streams { streams } => platform::streams(streams),
        Part::Executor { pool, executor } => platform::executor(pool, executor),
        Part::Outside { project, publish_only, decides, feeds } => {
            platform::outside(project, *publish_only, *decides, feeds)
        }
        Part::Machine { feeds } => platform::machine(feeds),
    };
    let inbox = format!("{}.>", inbox_prefix(&user.name));
    // Its own inbox is a right that harms nobody, and keeps a list from being empty.
    if rights.publish.is_empty() {
        rights.publish.push(inbox.clone());
    }
    rights.subscribe.push(inbox);
    rights
}
