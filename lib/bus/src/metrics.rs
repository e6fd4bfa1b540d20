//! What the bus counts, in the process's registry.

use std::sync::LazyLock;

use prometheus::{IntCounter, IntCounterVec, Opts};

fn counter(name: &str, help: &str) -> IntCounter {
    let counter = IntCounter::new(name, help).expect("name and help are valid");
    prometheus::default_registry().register(Box::new(counter.clone())).expect("registered only here");
    counter
}

fn counters(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    let counters = IntCounterVec::new(Opts::new(name, help), labels).expect("name and labels are valid");
    prometheus::default_registry().register(Box::new(counters.clone())).expect("registered only here");
    counters
}

pub(crate) static RECONNECTS: LazyLock<IntCounter> = LazyLock::new(|| {
    counter("emboflow_nats_reconnects_total", "Connections to NATS made anew after a loss.")
});

pub(crate) static SLOW_CONSUMERS: LazyLock<IntCounter> = LazyLock::new(|| {
    counter(
        "emboflow_nats_slow_consumer_total",
        "Messages dropped because this process was too slow to take them.",
    )
});

pub(crate) static PUBLISHES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counters("emboflow_nats_publishes_total", "Messages published to streams.", &["kind", "result"])
});

pub(crate) static REDELIVERIES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counters(
        "emboflow_nats_redeliveries_total",
        "Messages that came more than once.",
        &["stream", "consumer"],
    )
});

pub(crate) static STALLS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counters(
        "emboflow_nats_consumer_stalls_total",
        "Consumers made anew because they were silent, deleted or stuck.",
        &["stream", "consumer"],
    )
});

pub(crate) static DEAD_LETTERS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    counters("emboflow_dead_letters_total", "Messages that could not be read or kept failing.", &["reason"])
});

/// Registers everything, so that a scrape shows zeros instead of nothing.
pub(crate) fn announce() {
    LazyLock::force(&RECONNECTS);
    LazyLock::force(&SLOW_CONSUMERS);
    LazyLock::force(&PUBLISHES);
    LazyLock::force(&REDELIVERIES);
    LazyLock::force(&STALLS);
    LazyLock::force(&DEAD_LETTERS);
}

/// The second token of a subject when it is one of ours: a label with few values.
pub(crate) fn kind_of(subject: &str) -> &'static str {
    const KINDS: [&str; 8] = ["request", "command", "report", "event", "log", "progress", "dead", "call"];
    let second = subject.split('.').nth(1).unwrap_or_default();
    if subject.starts_with("$KV.") {
        return "heartbeat";
    }
    KINDS.iter().copied().find(|kind| *kind == second).unwrap_or("other")
}
