//! How long the operations take, in the process's default metrics registry.

use std::sync::LazyLock;
use std::time::Instant;

use prometheus::{HistogramOpts, HistogramVec};

static OP_SECONDS: LazyLock<HistogramVec> = LazyLock::new(|| {
    let buckets = vec![
        0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    ];
    let options = HistogramOpts::new(
        "emboflow_records_op_seconds",
        "Time of an operation on the records, from the call to the answer, whatever the answer.",
    )
    .buckets(buckets);
    let histogram =
        HistogramVec::new(options, &["backend", "op"]).expect("name, labels and buckets are valid");
    prometheus::default_registry().register(Box::new(histogram.clone())).expect("registered only here");
    histogram
});

/// Waits for the operation and counts it.
pub(crate) async fn timed<T>(
    backend: &'static str,
    op: &'static str,
    operation: impl Future<Output = T>,
) -> T {
    let start = Instant::now();
    let answer = operation.await;
    OP_SECONDS.with_label_values(&[backend, op]).observe(start.elapsed().as_secs_f64());
    answer
}
