//! How the installation is watched from here: what the scheduler says of itself, and what NATS holds.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use emboflow_bus::{Bus, StreamUse};
use emboflow_protocol::health::AskHealth;
use emboflow_service::health::{Finding, Status};
use emboflow_service::metrics::registry;
use emboflow_service::{Health, Shutdown};
use prometheus::{IntGaugeVec, register_int_gauge_vec_with_registry};
use tokio::sync::watch;

/// How old the figures of the streams may be.
const LOOKED_AT_EACH: Duration = Duration::from_secs(10);
const NOTE: Duration = Duration::from_secs(1);
/// A stream that is fuller is told of.
const FULL_PERCENT: u64 = 80;

static BYTES: LazyLock<IntGaugeVec> =
    LazyLock::new(|| gauge("emboflow_nats_stream_bytes", "Bytes in a stream.", &["stream"]));
static MAX_BYTES: LazyLock<IntGaugeVec> =
    LazyLock::new(|| gauge("emboflow_nats_stream_max_bytes", "Bytes that a stream may hold.", &["stream"]));
static MESSAGES: LazyLock<IntGaugeVec> =
    LazyLock::new(|| gauge("emboflow_nats_stream_messages", "Messages in a stream.", &["stream"]));
static PENDING: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let help = "Messages that wait for a consumer and were never delivered.";
    gauge("emboflow_nats_consumer_pending", help, &["stream", "consumer"])
});
static UNSETTLED: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let help = "Messages that a consumer has and has not settled.";
    gauge("emboflow_nats_consumer_ack_pending", help, &["stream", "consumer"])
});

fn gauge(name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    register_int_gauge_vec_with_registry!(name, help, labels, registry())
        .expect("the name is registered once")
}

/// Answers those who ask how the scheduler is, and keeps the figures of the streams.
pub(crate) fn start(bus: &Bus, shutdown: &Shutdown, health: &Health) {
    let (asked, stop, own) = (bus.clone(), shutdown.token(), health.clone());
    shutdown.spawn("health answers", async move {
        let answer = move |_: AskHealth| {
            let own = own.clone();
            async move { own.report("scheduler").await }
        };
        asked.serve_each(AskHealth::filter(), stop, answer).await;
    });
    let (newest, found) = watch::channel(Finding::ok("not looked at yet"));
    health.note("streams", NOTE, move || std::future::ready(found.borrow().clone()));
    let (bus, stop) = (bus.clone(), shutdown.token());
    shutdown.spawn("stream figures", async move {
        let mut shown = HashSet::new();
        while !stop.is_cancelled() {
            newest.send_replace(match bus.streams_use().await {
                Ok(streams) => {
                    show(&streams, &mut shown);
                    judge(&streams)
                }
                Err(error) => Finding::bad(
                    Status::Failed,
                    format!("the streams cannot be looked at: {error}"),
                    "look at nats-server's log, and at its disk",
                ),
            });
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOKED_AT_EACH) => {}
            }
        }
    });
}

/// Consumers that are gone are shown no more.
fn show(streams: &[StreamUse], shown: &mut HashSet<(&'static str, String)>) {
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let mut now = HashSet::new();
    for stream in streams {
        BYTES.with_label_values(&[stream.stream]).set(signed(stream.bytes));
        MAX_BYTES.with_label_values(&[stream.stream]).set(signed(stream.max_bytes));
        MESSAGES.with_label_values(&[stream.stream]).set(signed(stream.messages));
        for (consumer, pending, unsettled) in &stream.consumers {
            PENDING.with_label_values(&[stream.stream, consumer.as_str()]).set(signed(*pending));
            UNSETTLED.with_label_values(&[stream.stream, consumer.as_str()]).set(signed(*unsettled));
            now.insert((stream.stream, consumer.clone()));
        }
    }
    for (stream, consumer) in shown.difference(&now) {
        // It may have been removed already.
        let _ = PENDING.remove_label_values(&[stream, consumer.as_str()]);
        let _ = UNSETTLED.remove_label_values(&[stream, consumer.as_str()]);
    }
    *shown = now;
}

/// A stream that forgets its oldest messages is full by design.
fn judge(streams: &[StreamUse]) -> Finding {
    use emboflow_protocol::stream::{Retention, STREAMS};
    let refuses = |stream: &&StreamUse| {
        STREAMS.iter().any(|spec| spec.name == stream.stream && spec.retention == Retention::WorkQueue)
    };
    let percent = |stream: &StreamUse| stream.bytes.saturating_mul(100) / stream.max_bytes.max(1);
    let fullest = streams.iter().filter(refuses).max_by_key(|stream| percent(stream));
    let bytes: u64 = streams.iter().map(|stream| stream.bytes).sum();
    match fullest {
        Some(stream) if percent(stream) >= FULL_PERCENT => Finding::bad(
            Status::Warning,
            format!("{} is {} % full: soon it refuses messages", stream.stream, percent(stream)),
            "find out who does not read it: docs/operations/runbooks/stream-near-limit.md",
        ),
        _ => Finding::ok(format!("{} MiB in {} streams", bytes >> 20, streams.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(name: &'static str, bytes: u64) -> StreamUse {
        StreamUse { stream: name, bytes, max_bytes: 100, messages: 0, consumers: Vec::new() }
    }

    #[test]
    fn only_a_stream_that_would_refuse_messages_is_told_of() {
        let (intake, events) = ("EMBOFLOW_INTAKE", "EMBOFLOW_EVENTS");
        assert_eq!(judge(&[stream(intake, 10), stream(events, 99)]).status, Status::Ok);
        let full = judge(&[stream(intake, 80), stream(events, 1)]);
        assert_eq!(full.status, Status::Warning);
        assert!(full.reason.contains("EMBOFLOW_INTAKE is 80 % full"), "{}", full.reason);
    }
}
