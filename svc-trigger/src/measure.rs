//! The trigger service's metrics.

use std::sync::LazyLock;
use std::time::Duration;

use emboflow_model::trigger::{StartResult, TriggerKind};
use emboflow_service::metrics::registry;
use prometheus::{
    Histogram, IntCounter, IntCounterVec, IntGaugeVec, register_histogram_with_registry,
    register_int_counter_vec_with_registry, register_int_counter_with_registry,
    register_int_gauge_vec_with_registry,
};

const REGISTERED: &str = "the name is registered once";

static STARTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec_with_registry!(
        "emboflow_trigger_starts_total",
        "What became of the starts of triggers.",
        &["kind", "result"],
        registry()
    )
    .expect(REGISTERED)
});
static MISSED: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter_with_registry!(
        "emboflow_trigger_missed_times_total",
        "Times of schedules that passed and were left out.",
        registry()
    )
    .expect(REGISTERED)
});
static LAG: LazyLock<Histogram> = LazyLock::new(|| {
    let buckets = prometheus::exponential_buckets(0.01, 4.0, 10).expect("the buckets grow");
    register_histogram_with_registry!(
        "emboflow_trigger_schedule_lag_seconds",
        "Time from when a schedule's start was due until its request was safely taken.",
        buckets,
        registry()
    )
    .expect(REGISTERED)
});
static TRIGGERS: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    register_int_gauge_vec_with_registry!(
        "emboflow_triggers",
        "Triggers that are kept.",
        &["kind", "paused"],
        registry()
    )
    .expect(REGISTERED)
});
static FAILURES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec_with_registry!(
        "emboflow_trigger_failures_total",
        "Times that a trigger could not go on and tried again: the records, NATS or what it listens to was away.",
        &["kind"],
        registry()
    )
    .expect(REGISTERED)
});

static LOOKS: LazyLock<Histogram> = LazyLock::new(|| {
    let buckets = prometheus::exponential_buckets(0.01, 4.0, 10).expect("the buckets grow");
    register_histogram_with_registry!(
        "emboflow_trigger_object_look_seconds",
        "Time of a trigger's look through its part of the storage.",
        buckets,
        registry()
    )
    .expect(REGISTERED)
});
static LISTED: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter_with_registry!(
        "emboflow_trigger_objects_listed_total",
        "Objects that triggers have seen in listings, each at every look.",
        registry()
    )
    .expect(REGISTERED)
});

/// Every metric appears from the start, so that an alert on it is not about nothing.
pub(crate) fn announce() {
    for kind in ["schedule", "nats", "webhook", "run_finished", "object_created"] {
        for result in ["requested", "started", "rejected", "skipped", "missed", "failed"] {
            STARTS.with_label_values(&[kind, result]);
        }
        FAILURES.with_label_values(&[kind]);
    }
    LazyLock::force(&MISSED);
    LazyLock::force(&LAG);
    LazyLock::force(&LOOKS);
    LazyLock::force(&LISTED);
}

pub(crate) fn count_start(kind: &str, result: StartResult) {
    STARTS.with_label_values(&[kind, result.word()]).inc();
}

pub(crate) fn count_missed(times: u32) {
    MISSED.inc_by(u64::from(times));
}

pub(crate) fn count_failure(kind: &str) {
    FAILURES.with_label_values(&[kind]).inc();
}

pub(crate) fn observe_lag(ms: u64) {
    LAG.observe(ms as f64 / 1000.0);
}

pub(crate) fn observe_sweep(took: Duration) {
    LOOKS.observe(took.as_secs_f64());
}

pub(crate) fn count_listed(objects: usize) {
    LISTED.inc_by(objects as u64);
}

/// Shows how many there are of each kind.
pub(crate) fn show_triggers<'t>(all: impl Iterator<Item = (&'t TriggerKind, bool)>) {
    TRIGGERS.reset();
    for (kind, paused) in all {
        TRIGGERS.with_label_values(&[kind.word(), if paused { "true" } else { "false" }]).inc();
    }
}
