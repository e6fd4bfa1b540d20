//! Counts and times what the gateway does.

use emboflow_objects::StoreError;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts};
use std::future::Future;
use std::sync::LazyLock;
use std::time::Instant;

static OPERATIONS: LazyLock<HistogramVec> = LazyLock::new(|| {
    let buckets =
        vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0];
    let options = HistogramOpts::new(
        "emboflow_storage_op_seconds",
        "Time of an operation on the back end; for put with the content, for get until it opens.",
    );
    let histogram = HistogramVec::new(options.buckets(buckets), &["backend", "op", "result"]);
    registered(histogram.expect("name and labels are valid"))
});

static UP: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let options = Opts::new("emboflow_storage_up", "Whether the back end passed its latest check.");
    registered(IntGaugeVec::new(options, &["backend"]).expect("name and labels are valid"))
});

static BYTES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let options = Opts::new("emboflow_storage_bytes_total", "Object bytes taken in and given out.");
    registered(IntCounterVec::new(options, &["backend", "direction"]).expect("name and labels are valid"))
});

static STORED: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let options = Opts::new(
        "emboflow_storage_project_bytes",
        "Bytes of all objects of a project, as they were counted last; of projects with a quota, and those asked for.",
    );
    registered(IntGaugeVec::new(options, &["project"]).expect("name and labels are valid"))
});

fn registered<C: prometheus::core::Collector + Clone + 'static>(collector: C) -> C {
    emboflow_service::metrics::registry()
        .register(Box::new(collector.clone()))
        .expect("each name is registered once, here");
    collector
}

/// Times one operation.
pub(crate) async fn operation<T>(
    backend: &str,
    name: &str,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let started = Instant::now();
    let outcome = work.await;
    let result = outcome.as_ref().map_or_else(StoreError::result, |_| "ok");
    OPERATIONS.with_label_values(&[backend, name, result]).observe(started.elapsed().as_secs_f64());
    outcome
}

/// Tells whether the back end passed a check.
pub(crate) fn up(backend: &str, up: bool) {
    UP.with_label_values(&[backend]).set(i64::from(up));
}

/// Shows how much a project stores.
pub(crate) fn stored(project: &str, bytes: u64) {
    STORED.with_label_values(&[project]).set(i64::try_from(bytes).unwrap_or(i64::MAX));
}

/// Counts bytes taken in.
pub(crate) fn bytes_in(backend: &str, bytes: u64) {
    BYTES.with_label_values(&[backend, "in"]).inc_by(bytes);
}

/// Counts bytes given out.
pub(crate) fn bytes_out(backend: &str, bytes: u64) {
    BYTES.with_label_values(&[backend, "out"]).inc_by(bytes);
}
