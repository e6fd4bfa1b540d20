//! One open pull on a durable consumer, and the look at whether it is stuck. What to do about it is decided in
//! `consumer`.

use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::ConsumerErrorKind;
use futures::{FutureExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bus::Bus;
use crate::connection::Line;
use crate::consumer::ConsumerSpec;
use crate::error::BusError;

/// Silence of two of these and the pull is given up.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// A pull request lives this long.
const EXPIRES: Duration = Duration::from_secs(30);
/// Messages asked for at once at most.
const MAX_PREFETCH: usize = 256;

/// How long the removal of a consumer is waited for: a user whose rights were written down earlier has no answer.
const GIVE_UP_WAIT: Duration = Duration::from_millis(500);

/// What a pull brought.
pub(crate) enum Pulled {
    /// A message, and whence.
    Message(Box<Message>, Source),
    /// It cannot go on; the words say why.
    Broken(String),
}

/// Whence a message came.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Over which it came.
    pub(crate) line: Line,
    /// When the server made the consumer, in nanoseconds by its clock: another one after NATS was emptied.
    pub(crate) made_at: i64,
}

/// An open pull.
pub(crate) struct Pull {
    stream: pull::Stream,
    pub(crate) source: Source,
}

impl Pull {
    /// Makes the consumer, or brings it up to date, and starts to fetch. Errors: the stream is missing, NATS is away.
    pub(crate) async fn open(bus: &Bus, spec: &ConsumerSpec) -> Result<Self, BusError> {
        let doing = || format!("opening consumer {} of {}", spec.durable, spec.stream.name);
        let line = bus.line();
        let made = bus.inner.jetstream.create_consumer_on_stream(settings(spec), spec.stream.name);
        let made = Bus::unless_lost(line.clone(), doing, made).await?;
        let consumer = made.map_err(|error| match error.kind() {
            ConsumerErrorKind::TimedOut => bus.timeout(doing()),
            ConsumerErrorKind::JetStream(refusal) => BusError::of_jetstream(doing(), &refusal),
            ConsumerErrorKind::Request if !bus.is_connected() => bus.disconnected(),
            _ => BusError::server(doing(), &error),
        })?;
        let made_at = i64::try_from(consumer.cached_info().created.unix_timestamp_nanos()).unwrap_or(0);
        let stream = consumer
            .stream()
            .heartbeat(HEARTBEAT)
            .expires(EXPIRES)
            .max_messages_per_batch(spec.max_ack_pending.clamp(1, MAX_PREFETCH))
            .messages()
            .await
            .map_err(|error| BusError::server(doing(), &error))?;
        Ok(Self { stream, source: Source { line, made_at } })
    }

    /// Waits for the next message. May be dropped while it waits.
    pub(crate) async fn next(&mut self) -> Pulled {
        let next = self.stream.next().await;
        self.pulled(next)
    }

    /// What has already arrived, without waiting.
    pub(crate) fn arrived(&mut self) -> Option<Pulled> {
        let next = self.stream.next().now_or_never()?;
        Some(self.pulled(next))
    }

    fn pulled(&self, item: Option<Result<Message, pull::MessagesError>>) -> Pulled {
        match item {
            Some(Ok(message)) => Pulled::Message(Box::new(message), self.source.clone()),
            Some(Err(error)) => Pulled::Broken(error.to_string()),
            None => Pulled::Broken("the pull ended".to_owned()),
        }
    }
}

fn settings(spec: &ConsumerSpec) -> pull::Config {
    pull::Config {
        durable_name: Some(spec.durable.clone()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: spec.ack_wait,
        // A limit would leave the message stored and silently undelivered: we count ourselves.
        max_deliver: -1,
        max_ack_pending: i64::try_from(spec.max_ack_pending.max(1)).unwrap_or(i64::MAX),
        filter_subject: spec.filter.as_ref().map(ToString::to_string).unwrap_or_default(),
        inactive_threshold: Duration::ZERO,
        ..pull::Config::default()
    }
}

/// Gives a consumer up, so that it begins anew with all that its stream has and nobody has settled. Nothing is lost when
/// this does not work.
pub(crate) async fn give_up(bus: &Bus, spec: &ConsumerSpec) {
    let (stream, consumer) = (spec.stream.name, &spec.durable);
    let doing = format!("removing consumer {consumer} of {stream}");
    let (subject, nothing) = (format!("CONSUMER.DELETE.{stream}.{consumer}"), json!({}));
    let removed = bus.api::<_, Value>(&subject, &nothing, doing);
    match tokio::time::timeout(GIVE_UP_WAIT, removed).await {
        Err(_) => {
            tracing::warn!(consumer, stream, "a consumer goes on with what it knew: is a right missing?")
        }
        Ok(Err(error)) if !error.is_not_found() => {
            tracing::warn!(consumer, stream, %error, "a consumer goes on with what it knew");
        }
        Ok(_) => {}
    }
}

/// The part of a consumer's state that tells whether it is stuck.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Backlog {
    /// Messages that wait and were never delivered.
    pub(crate) num_pending: u64,
    /// Messages that were delivered and are not settled.
    pub(crate) num_ack_pending: usize,
}

/// Asks the server for the consumer's state. Errors: it is gone, or NATS is away.
pub(crate) async fn backlog(bus: &Bus, spec: &ConsumerSpec) -> Result<Backlog, BusError> {
    let subject = format!("CONSUMER.INFO.{}.{}", spec.stream.name, spec.durable);
    let doing = format!("looking at consumer {} of {}", spec.durable, spec.stream.name);
    bus.api(&subject, &Value::Null, doing).await
}

/// Messages wait, there is room for more in work, and yet nothing was delivered for `silent`.
pub(crate) fn is_stuck(backlog: Backlog, spec: &ConsumerSpec, silent: Duration) -> bool {
    backlog.num_pending > 0 && backlog.num_ack_pending < spec.max_ack_pending && silent >= EXPIRES * 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_protocol::stream::REPORTS;

    #[test]
    fn a_consumer_is_stuck_only_when_messages_wait_with_room_for_them_and_a_minute_of_silence() {
        let spec = ConsumerSpec { max_ack_pending: 10, ..ConsumerSpec::new(REPORTS, "x") };
        let minute = Duration::from_secs(60);
        let waiting = Backlog { num_pending: 1, num_ack_pending: 9 };
        assert!(is_stuck(waiting, &spec, minute));
        assert!(!is_stuck(waiting, &spec, minute / 2), "it may still come");
        assert!(!is_stuck(Backlog { num_ack_pending: 10, ..waiting }, &spec, minute), "the worker is full");
        assert!(!is_stuck(Backlog { num_pending: 0, ..waiting }, &spec, minute), "nothing waits");
    }
}
