//! What was seen, as metrics.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use emboflow_model::executor::ExecutorState;
use prometheus::{GaugeVec, IntGaugeVec, register_gauge_vec, register_int_gauge_vec};

use super::tree::{Seen, skew};

const REGISTERED: &str = "the name is registered once";

static UP: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let help = "Whether heartbeats of the executor come; no series for one that was stopped.";
    register_int_gauge_vec!("emboflow_executor_up", help, &["executor", "pool"]).expect(REGISTERED)
});
static AGE: LazyLock<GaugeVec> = LazyLock::new(|| {
    let help = "Seconds since the executor was last heard of.";
    register_gauge_vec!("emboflow_executor_heartbeat_age_seconds", help, &["executor", "pool"])
        .expect(REGISTERED)
});
static SERVICES: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let help = "Processes of a service that answer over NATS when they are asked how they are.";
    register_int_gauge_vec!("emboflow_service_answers", help, &["service"]).expect(REGISTERED)
});
static SKEW: LazyLock<GaugeVec> = LazyLock::new(|| {
    let help = "How far a service's clock is ahead of the API's, as far as that is certain.";
    register_gauge_vec!("emboflow_clock_skew_seconds", help, &["service", "process"]).expect(REGISTERED)
});

/// Series that were shown last: those of whoever is gone are taken away.
static SHOWN: LazyLock<Mutex<Shown>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Shown {
    executors: BTreeSet<[String; 2]>,
    clocks: BTreeSet<[String; 2]>,
}

pub(super) fn show(seen: &Seen) {
    let mut now = Shown::default();
    for executor in &seen.executors {
        let beat = &executor.heartbeat;
        if beat.state == ExecutorState::Stopped {
            continue;
        }
        let labels = [beat.executor.to_string(), beat.pool.to_string()];
        UP.with_label_values(&labels).set(i64::from(executor.online));
        AGE.with_label_values(&labels).set(executor.age_ms as f64 / 1_000.0);
        now.executors.insert(labels);
    }
    for service in &seen.known {
        let answers = seen.answers.iter().filter(|answered| answered.answer.service == *service).count();
        SERVICES.with_label_values(&[service.as_str()]).set(i64::try_from(answers).unwrap_or(i64::MAX));
    }
    for answered in &seen.answers {
        let labels = [answered.answer.service.clone(), answered.answer.instance.clone()];
        let skew = skew(seen.at, answered);
        let certain = skew.ahead_ms.unsigned_abs().saturating_sub(skew.within_ms) as f64 / 1_000.0;
        SKEW.with_label_values(&labels).set(certain.copysign(skew.ahead_ms as f64));
        now.clocks.insert(labels);
    }
    let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    for gone in shown.executors.difference(&now.executors) {
        // It may have been removed already.
        let _ = UP.remove_label_values(gone);
        let _ = AGE.remove_label_values(gone);
    }
    for gone in shown.clocks.difference(&now.clocks) {
        let _ = SKEW.remove_label_values(gone);
    }
    *shown = now;
}
