//! The scheduler's metrics.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use emboflow_model::approval::Decision;
use emboflow_model::transition::Change;
use emboflow_model::{AttemptState, LogEntry, QueueName, Reason, RunSummary, Task, Timestamp, Transition};
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    register_gauge_vec_with_registry, register_gauge_with_registry, register_histogram_vec_with_registry,
    register_histogram_with_registry, register_int_counter_vec_with_registry,
    register_int_counter_with_registry, register_int_gauge_vec_with_registry,
    register_int_gauge_with_registry,
};

use emboflow_service::metrics::{Names, registry};

use crate::planner::{QueueUse, WaitKind};

/// Projects and workflows that have labels of their own.
const LABELS: usize = 100;
const REGISTERED: &str = "the name is registered once";

static RUNS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec_with_registry!(
        "emboflow_runs_total",
        "Runs that ended, and requests that were rejected.",
        &["project", "workflow", "result"],
        registry()
    )
    .expect(REGISTERED)
});
static TASKS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec_with_registry!(
        "emboflow_tasks_total",
        "Tasks that ended.",
        &["result", "reason"],
        registry()
    )
    .expect(REGISTERED)
});
static RESULTS_ASKED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec_with_registry!(
        "emboflow_cache_lookups_total",
        "Tasks with `cache` whose turn came: a result was taken over (hit), or they run (miss).",
        &["project", "result"],
        registry()
    )
    .expect(REGISTERED)
});
static CHILDREN: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec_with_registry!(
        "emboflow_child_runs_total",
        "Runs that tasks have asked for: they were made, or refused.",
        &["result"],
        registry()
    )
    .expect(REGISTERED)
});
static WAITING: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    register_int_gauge_vec_with_registry!(
        "emboflow_tasks_waiting",
        "Tasks that are ready and have no executor, by why.",
        &["reason"],
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
pub(crate) static LEADS: LazyLock<IntGauge> = LazyLock::new(|| {
    register_int_gauge_with_registry!(
        "emboflow_scheduler_leads",
        "1 while this scheduler decides, 0 while it stands by.",
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
static APPROVALS: LazyLock<IntGauge> = LazyLock::new(|| {
    register_int_gauge_with_registry!(
        "emboflow_approvals_open",
        "Tasks that wait for a person to decide.",
        registry()
    )
    .expect(REGISTERED)
});
static OLDEST_APPROVAL: LazyLock<Gauge> = LazyLock::new(|| {
    let help = "For how long the oldest of the tasks has waited that wait for a person to decide; 0 where none does.";
    register_gauge_with_registry!("emboflow_approvals_oldest_wait_seconds", help, registry())
        .expect(REGISTERED)
});
static DECIDED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec_with_registry!(
        "emboflow_approvals_total",
        "Tasks that people were asked about and that ended: approved, rejected, or out of time.",
        &["result"],
        registry()
    )
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
pub(crate) static SNAPSHOT: LazyLock<Histogram> = LazyLock::new(|| {
    histogram(
        "emboflow_forecast_snapshot_seconds",
        "Time in which the plan is copied for a forecast; no decision is made meanwhile.",
    )
});
pub(crate) static FORECAST: LazyLock<Histogram> = LazyLock::new(|| {
    histogram("emboflow_forecast_seconds", "Time that a look ahead takes, beside the decisions.")
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

static TASK_DURATION: LazyLock<HistogramVec> = LazyLock::new(|| {
    let buckets = prometheus::exponential_buckets(0.01, 4.0, 12).expect("the buckets grow");
    register_histogram_vec_with_registry!(
        "emboflow_task_duration_seconds",
        "Time from a task's first placement to its end.",
        &["result"],
        buckets,
        registry()
    )
    .expect(REGISTERED)
});
static DISPATCH: LazyLock<Histogram> = LazyLock::new(|| {
    histogram(
        "emboflow_dispatch_latency_seconds",
        "Time from the decision that gives an attempt to an executor to the news that it has begun.",
    )
});
static QUEUE_TASKS: LazyLock<GaugeVec> = LazyLock::new(|| {
    queue_gauge("emboflow_queue_tasks", "Tasks of a queue that are ready and have no executor.")
});
static QUEUE_SHARE: LazyLock<GaugeVec> = LazyLock::new(|| {
    let help = "The greatest part of any resource that a queue's open attempts hold, from 0 to 1.";
    queue_gauge("emboflow_queue_share", help)
});
static QUEUE_OLDEST: LazyLock<GaugeVec> = LazyLock::new(|| {
    let help = "For how long the first ready task of a queue has waited.";
    queue_gauge("emboflow_queue_oldest_wait_seconds", help)
});

fn queue_gauge(name: &str, help: &str) -> GaugeVec {
    register_gauge_vec_with_registry!(name, help, &["queue"], registry()).expect(REGISTERED)
}
const APPROVED: &str = "approved";
const REJECTED: &str = "rejected";
const TIMED_OUT: &str = "timed_out";

static QUEUES: LazyLock<Names> = LazyLock::new(|| Names::new(LABELS));
static PROJECTS: LazyLock<Names> = LazyLock::new(|| Names::new(LABELS));
static WORKFLOWS: LazyLock<Names> = LazyLock::new(|| Names::new(LABELS));

/// Shows zeros instead of nothing from the start on.
pub(crate) fn announce() {
    for kind in WaitKind::ALL {
        WAITING.with_label_values(&[kind.word()]).set(0);
    }
    for collector in [&*QUEUE_WAIT, &*DISPATCH, &*DECISION, &*COMMIT, &*SNAPSHOT, &*FORECAST] {
        collector.local().flush();
    }
    LazyLock::force(&OPEN_RUNS);
    LazyLock::force(&QUEUED_TASKS);
    LazyLock::force(&APPROVALS);
    LazyLock::force(&OLDEST_APPROVAL);
    for result in [APPROVED, REJECTED, TIMED_OUT] {
        DECIDED.with_label_values(&[result]).inc_by(0);
    }
    for result in ["made", "refused"] {
        CHILDREN.with_label_values(&[result]).inc_by(0);
    }
}

/// Tells how many tasks wait, and why.
pub(crate) fn waiting(by_kind: impl IntoIterator<Item = (WaitKind, usize)>) {
    let mut counts = WaitKind::ALL.map(|kind| (kind, 0));
    for (kind, tasks) in by_kind {
        counts.iter_mut().filter(|(known, _)| *known == kind).for_each(|(_, count)| *count += tasks);
    }
    for (kind, count) in counts {
        WAITING.with_label_values(&[kind.word()]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

/// Tells how many tasks wait for people, and for how long the oldest has.
pub(crate) fn approvals((open, oldest): (usize, Option<Timestamp>), now: Timestamp) {
    APPROVALS.set(i64::try_from(open).unwrap_or(i64::MAX));
    OLDEST_APPROVAL.set(oldest.map_or(0, |oldest| now.ms_since(oldest)) as f64 / 1000.0);
}

/// Tells what each queue holds and waits for. Queues beyond the first hundred share a label.
pub(crate) fn queues(uses: &BTreeMap<QueueName, QueueUse>, now: Timestamp) {
    let mut shown: BTreeMap<&str, (usize, u64, u64)> = BTreeMap::new();
    for (queue, used) in uses {
        let (waiting, share, oldest_ms) = shown.entry(QUEUES.bounded(queue.as_str())).or_default();
        *waiting += used.waiting;
        *share += used.share;
        *oldest_ms = (*oldest_ms).max(used.oldest.map_or(0, |oldest| now.ms_since(oldest)));
    }
    for (queue, (waiting, share, oldest_ms)) in shown {
        QUEUE_TASKS.with_label_values(&[queue]).set(waiting as f64);
        QUEUE_SHARE.with_label_values(&[queue]).set(share as f64 / 1e9);
        QUEUE_OLDEST.with_label_values(&[queue]).set(oldest_ms as f64 / 1000.0);
    }
}

/// Measures the runs that ended and the tasks that got their first attempt at `now`.
pub(crate) fn observe(runs: &[RunSummary], tasks: &[Task], now: Timestamp) {
    for run in runs {
        if let Some(finished_at) = run.finished_at {
            let (project, workflow) =
                (PROJECTS.bounded(run.project.as_str()), WORKFLOWS.bounded(run.workflow.as_str()));
            RUNS.with_label_values(&[project, workflow, run.state.word()]).inc();
            let seconds = finished_at.ms_since(run.created_at) as f64 / 1000.0;
            RUN_DURATION.with_label_values(&[run.state.word()]).observe(seconds);
        }
    }
    for task in tasks.iter().filter(|task| task.finished_at == Some(now)) {
        let decision = task.approval.as_ref().map(|approval| approval.decision.as_ref());
        let result = match decision {
            Some(Some(Decision { by: None, .. })) => TIMED_OUT,
            Some(Some(Decision { approved: true, .. })) => APPROVED,
            Some(Some(_)) => REJECTED,
            Some(None) if task.reason == Some(Reason::ApprovalTimeout) => TIMED_OUT,
            Some(None) | None => continue,
        };
        DECIDED.with_label_values(&[result]).inc();
    }
    for task in tasks {
        if let ([first], Some(queued_at)) = (task.attempts.as_slice(), task.queued_at)
            && first.dispatched_at == now
        {
            QUEUE_WAIT.observe(now.ms_since(queued_at) as f64 / 1000.0);
        }
        if let (Some(finished_at), Some(first)) = (task.finished_at, task.attempts.first())
            && finished_at == now
        {
            let seconds = finished_at.ms_since(first.dispatched_at) as f64 / 1000.0;
            TASK_DURATION.with_label_values(&[task.state.word()]).observe(seconds);
        }
    }
}

fn histogram(name: &str, help: &str) -> Histogram {
    let buckets = prometheus::exponential_buckets(0.0001, 2.5, 12).expect("the buckets grow");
    register_histogram_with_registry!(name, help, buckets, registry()).expect(REGISTERED)
}

/// Measures how long those attempts took to begin whose executors say so in `entries`.
pub(crate) fn observe_begun(entries: &[LogEntry], tasks: &[Task], now: Timestamp) {
    let mut begun = HashSet::new();
    for entry in entries {
        let LogEntry::Transition(transition) = entry else { continue };
        begun.extend(transition.changes.iter().filter_map(|change| match change {
            Change::AttemptMoved { task, number, to: AttemptState::Preparing, .. } => {
                Some((transition.run, task, *number))
            }
            _ => None,
        }));
    }
    if begun.is_empty() {
        return;
    }
    for task in tasks {
        for attempt in &task.attempts {
            if begun.contains(&(task.run, &task.key, attempt.number)) {
                DISPATCH.observe(now.ms_since(attempt.dispatched_at) as f64 / 1000.0);
            }
        }
    }
}

/// Counts what a commit made final.
pub(crate) fn count(entries: &[LogEntry]) {
    for entry in entries {
        match entry {
            LogEntry::Rejection(rejection) => {
                RUNS.with_label_values(&[PROJECTS.bounded(rejection.project.as_str()), "", "rejected"]).inc();
            }
            LogEntry::Transition(transition) => count_transition(transition),
        }
    }
}

fn count_result(transition: &Transition, result: &str) {
    RESULTS_ASKED.with_label_values(&[PROJECTS.bounded(transition.project.as_str()), result]).inc();
}

fn count_transition(transition: &Transition) {
    for change in &transition.changes {
        match change {
            Change::Task { to, reason, .. } if to.is_terminal() => {
                TASKS.with_label_values(&[to.word(), reason.map_or("", |reason| reason.word())]).inc();
                if *reason == Some(Reason::ChildRefused) {
                    CHILDREN.with_label_values(&["refused"]).inc();
                }
            }
            Change::Accepted(accepted) if accepted.parent.is_some() => {
                CHILDREN.with_label_values(&["made"]).inc();
            }
            Change::TaskKeyed { .. } => count_result(transition, "miss"),
            Change::TaskTakenOver { key: Some(_), .. } => count_result(transition, "hit"),
            Change::AttemptClosed { end, .. } => {
                let reason = end.reason.map_or("", |reason| reason.word());
                ATTEMPTS.with_label_values(&[end.outcome.word(), reason]).inc();
            }
            _ => {}
        }
    }
}
