//! What an executor counts.

use std::sync::LazyLock;
use std::time::Duration;

use emboflow_model::transition::AttemptEnd;
use prometheus::{Counter, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};

fn registered<C: prometheus::core::Collector + Clone + 'static>(made: Result<C, prometheus::Error>) -> C {
    let collector = made.expect("name and labels are valid");
    prometheus::default_registry().register(Box::new(collector.clone())).expect("registered only here");
    collector
}

static ATTEMPTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let options = Opts::new("emboflow_executor_attempts_total", "Attempts that ended on this executor.");
    registered(IntCounterVec::new(options, &["result", "reason"]))
});

static PULLS: LazyLock<Histogram> = LazyLock::new(|| {
    let options =
        HistogramOpts::new("emboflow_image_pull_seconds", "Time until an attempt's image was there.");
    registered(Histogram::with_opts(options.buckets(vec![0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0])))
});

static PULLED_BYTES: LazyLock<IntCounter> = LazyLock::new(|| {
    registered(IntCounter::new(
        "emboflow_image_pull_bytes_total",
        "Packed bytes of images that came from registries.",
    ))
});

static LOG_BYTES: LazyLock<IntCounter> = LazyLock::new(|| {
    registered(IntCounter::new("emboflow_executor_log_bytes_total", "Bytes of log taken from containers."))
});

static LOG_LINES: LazyLock<IntCounter> = LazyLock::new(|| {
    registered(IntCounter::new("emboflow_log_lines_total", "Lines of log taken from containers."))
});

static LOG_LAG: LazyLock<Histogram> = LazyLock::new(|| {
    let help = "Time from the first byte of a piece of a log to its place in the storage.";
    let options = HistogramOpts::new("emboflow_log_lag_seconds", help);
    registered(Histogram::with_opts(options.buckets(vec![0.1, 0.5, 1.0, 5.0, 6.0, 10.0, 30.0, 120.0, 600.0])))
});

static LOG_CUTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let options = Opts::new("emboflow_log_cuts_total", "Attempts whose log is not whole, by why.");
    registered(IntCounterVec::new(options, &["reason"]))
});

static DISK_FREE: LazyLock<IntGauge> = LazyLock::new(|| {
    registered(IntGauge::new("emboflow_executor_disk_free_bytes", "Free bytes under the data directory."))
});

static SLOTS: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let options = Opts::new("emboflow_executor_slots", "Attempts that are open, and that could be.");
    registered(IntGaugeVec::new(options, &["state"]))
});

static WORKSPACES: LazyLock<IntGauge> = LazyLock::new(|| {
    let help = "Bytes that running tasks keep on disk, as last measured.";
    registered(IntGauge::new("emboflow_executor_workspace_bytes", help))
});

static MEASURING: LazyLock<Counter> = LazyLock::new(|| {
    let help = "Seconds spent on measuring what running tasks keep on disk.";
    registered(Counter::new("emboflow_executor_disk_measuring_seconds_total", help))
});

static ADOPTED: LazyLock<IntCounter> = LazyLock::new(|| {
    let help = "Attempts that were taken up again after a restart of the executor.";
    registered(IntCounter::new("emboflow_executor_adopted_total", help))
});

static FENCED: LazyLock<IntCounter> = LazyLock::new(|| {
    let help = "Exclusive attempts that this executor ended because it could not renew their claims.";
    registered(IntCounter::new("emboflow_executor_fenced_total", help))
});

static SWEEP_FINDS: LazyLock<IntCounter> = LazyLock::new(|| {
    let help = "Ends of containers that the periodic look saw before the wait did.";
    registered(IntCounter::new("emboflow_executor_sweep_finds_total", help))
});

pub(crate) fn attempt_ended(end: &AttemptEnd) {
    ATTEMPTS.with_label_values(&[end.outcome.word(), end.reason.map_or("", |reason| reason.word())]).inc();
}

pub(crate) fn image_ready(seconds: f64) {
    PULLS.observe(seconds);
}

pub(crate) fn image_pulled(bytes: u64) {
    PULLED_BYTES.inc_by(bytes);
}

pub(crate) fn log_taken(bytes: &[u8]) {
    LOG_BYTES.inc_by(bytes.len() as u64);
    LOG_LINES.inc_by(bytes.iter().filter(|byte| **byte == b'\n').count() as u64);
}

pub(crate) fn log_stored(after: Duration) {
    LOG_LAG.observe(after.as_secs_f64());
}

/// `reason` is one of few words.
pub(crate) fn log_cut(reason: &str) {
    LOG_CUTS.with_label_values(&[reason]).inc();
}

pub(crate) fn disk_free(bytes: u64) {
    DISK_FREE.set(i64::try_from(bytes).unwrap_or(i64::MAX));
}

pub(crate) fn slots(used: usize, all: u32) {
    SLOTS.with_label_values(&["used"]).set(i64::try_from(used).unwrap_or(i64::MAX));
    SLOTS.with_label_values(&["all"]).set(i64::from(all));
}

/// What one task keeps has changed from so many bytes to so many.
pub(crate) fn workspaces_changed(from: u64, to: u64) {
    let signed = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
    WORKSPACES.add(signed(to) - signed(from));
}

pub(crate) fn disk_measured(seconds: f64) {
    MEASURING.inc_by(seconds);
}

pub(crate) fn adopted() {
    ADOPTED.inc();
}

pub(crate) fn found_by_sweep() {
    SWEEP_FINDS.inc();
}

pub(crate) fn fenced() {
    FENCED.inc();
}
