//! The scheduler's metrics.

use std::sync::LazyLock;

use emboflow_model::transition::Change;
use emboflow_model::{LogEntry, RunSummary, Task, Timestamp, Transition};
use prometheus::{
    Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, register_histogram_vec_with_registry,
    register_histogram_with_registry, register_int_counter_vec_with_registry,
    register_int_counter_with_registry, register_int_gauge_with_registry,
};

use emboflow_service::metrics::registry;

const REGISTERED: &str = "the name is registered once";

static RUNS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec_with_registry!(
        "emboflow_runs_total",
        "Runs that ended, and requests that were rejected.",
        &["project", "result"],
        registry()
    )
    .expect(REGISTERED)
});
static ATTEMPTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec_with_registry!(
        "emboflow_attempts_total",
        "Attempts that ended.",
        &["outcome", "reason"],
        registry()
    )
    .expect(REGISTERED)
});
pub(crate) static OPEN_RUNS: LazyLock<IntGauge> = LazyLock::new(|| {
    register_int_gauge_with_registry!("emboflow_runs_open", "Runs that have not ended.", registry())
        .expect(REGISTERED)
});
pub(crate) static QUEUED_TASKS: LazyLock<IntGauge> = LazyLock::new(|| {
    register_int_gauge_with_registry!("emboflow_tasks_queued", "Tasks without an executor.", registry())
        .expect(REGISTERED)
});
pub(crate) static RUNS_REMOVED: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter_with_registry!(
        "emboflow_runs_removed_total",
        "Finished runs that were removed because their time was over.",
        registry()
    )
    .expect(REGISTERED)
});
pub(crate) static DECISION: LazyLock<Histogram> = LazyLock::new(|| {
    histogram(
        "emboflow_scheduler_decision_seconds",
        "Time that the planner takes for the decisions of one tick.",
    )
});
pub(crate) static COMMIT: LazyLock<Histogram> = LazyLock::new(|| {
    histogram(
        "emboflow_scheduler_commit_seconds",
        "Time that the records take for the decisions of one tick.",
    )
});
pub(crate) static COMMIT_ENTRIES: LazyLock<Histogram> = LazyLock::new(|| {
    let buckets = prometheus::exponential_buckets(1.0, 2.0, 12).expect("the buckets grow");
    register_histogram_with_registry!(
        "emboflow_scheduler_commit_entries",
        "Log entries in one commit.",
        buckets,
        registry()
    )
    .expect(REGISTERED)
});

static RUN_DURATION: LazyLock<HistogramVec> = LazyLock::new(|| {
    let buckets = prometheus::exponential_buckets(0.01, 4.0, 12).expect("the buckets grow");
    register_histogram_vec_with_registry!(
        "emboflow_run_duration_seconds",
        "Time from a run's acceptance to its end.",
        &["result"],
        buckets,
        registry()
    )
    .expect(REGISTERED)
});
static QUEUE_WAIT: LazyLock<Histogram> = LazyLock::new(|| {
    histogram("emboflow_task_queue_wait_seconds", "Time from a task's readiness to its first attempt.")
});

/// Measures the runs that ended and the tasks that got their first attempt at `now`.
pub(crate) fn observe(runs: &[RunSummary], tasks: &[Task], now: Timestamp) {
    for run in runs {
        if let Some(finished_at) = run.finished_at {
            let seconds = finished_at.ms_since(run.created_at) as f64 / 1000.0;
            RUN_DURATION.with_label_values(&[run.state.word()]).observe(seconds);
        }
    }
    for task in tasks {
        if let ([first], Some(queued_at)) = (task.attempts.as_slice(), task.queued_at)
            && first.dispatched_at == now
        {
            QUEUE_WAIT.observe(now.ms_since(queued_at) as f64 / 1000.0);
        }
    }
}

fn histogram(name: &str, help: &str) -> Histogram {
    let buckets = prometheus::exponential_buckets(0.0001, 2.5, 12).expect("the buckets grow");
    register_histogram_with_registry!(name, help, buckets, registry()).expect(REGISTERED)
}

/// Counts what a commit made final.
pub(crate) fn count(entries: &[LogEntry]) {
    for entry in entries {
        match entry {
            LogEntry::Rejection(rejection) => {
                RUNS.with_label_values(&[rejection.project.as_str(), "rejected"]).inc();
            }
            LogEntry::Transition(transition) => count_transition(transition),
        }
    }
}

fn count_transition(transition: &Transition) {
    for change in &transition.changes {
        match change {
            Change::Run { to, .. } if to.is_terminal() => {
                RUNS.with_label_values(&[transition.project.as_str(), to.word()]).inc();
            }
            Change::AttemptClosed { end, .. } => {
                let reason = end.reason.map_or("", |reason| reason.word());
                ATTEMPTS.with_label_values(&[end.outcome.word(), reason]).inc();
            }
            _ => {}
        }
    }
}
