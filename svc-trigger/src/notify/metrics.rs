//! How deliveries end.

use std::sync::LazyLock;

use emboflow_model::notification::Tried;
use prometheus::{IntCounterVec, register_int_counter_vec};

static TRIES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "emboflow_notification_tries_total",
        "Tries of deliveries, by way (webhook, email, nats) and result (arrived, later, never).",
        &["way", "result"]
    )
    .expect("registered once")
});

/// Counts a try.
pub(super) fn tried(way: &str, tried: &Tried) {
    let result = match tried {
        Tried::Arrived => "arrived",
        Tried::Later(..) => "later",
        Tried::Never(_) => "never",
    };
    TRIES.with_label_values(&[way, result]).inc();
}
