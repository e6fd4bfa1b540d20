//! Why a ready task has no executor.

use std::collections::{BTreeMap, BTreeSet};

use emboflow_model::{ExecutorId, Timestamp};

use super::executors::KnownExecutor;
use super::fit::matches_shape;
use super::ready::Shape;

/// Why a task has no executor, in one of few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitKind {
    /// No executor of the pool is online.
    NoExecutor,
    /// Those of the pool have no space left.
    DiskFull,
    /// No executor of the pool has the labels.
    Labels,
    /// None is large enough.
    TooLarge,
    /// Those that match have no room now.
    Busy,
}

impl WaitKind {
    /// Every kind.
    pub(crate) const ALL: [Self; 5] =
        [Self::NoExecutor, Self::DiskFull, Self::Labels, Self::TooLarge, Self::Busy];

    /// The name that it has in the metrics.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::NoExecutor => "no_executor",
            Self::DiskFull => "disk_full",
            Self::Labels => "labels",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
        }
    }
}

/// Why the first task of this shape has no executor: in a word, and in words.
pub(super) fn explain(
    shape: &Shape,
    executors: &BTreeMap<ExecutorId, KnownExecutor>,
    now: Timestamp,
    suspect_after_ms: u64,
) -> (WaitKind, String) {
    let taking: Vec<_> = executors.values().filter(|known| known.takes_work(now, suspect_after_ms)).collect();
    let in_pool: Vec<_> = taking
        .iter()
        .filter(|known| known.heartbeat.as_ref().is_some_and(|beat| beat.pool == shape.pool))
        .collect();
    if in_pool.is_empty() {
        let full = executors.iter().filter(|(_, known)| known.drains(now, suspect_after_ms));
        return match full.filter_map(|(id, known)| describe_full_disk(id, known, shape)).next() {
            Some(full) => {
                (WaitKind::DiskFull, format!("no executor in pool {} takes work: {full}", shape.pool))
            }
            None => (WaitKind::NoExecutor, format!("no executor is online in pool {}", shape.pool)),
        };
    }
    let matching: Vec<_> = in_pool.iter().filter(|known| matches_shape(known, shape)).collect();
    if matching.is_empty() {
        let wanted: Vec<_> = shape.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let wanted = wanted.join(", ");
        return (WaitKind::Labels, format!("no executor in pool {} matches {wanted}", shape.pool));
    }
    let lacking: BTreeSet<&str> = matching
        .iter()
        .filter_map(|known| shape.resources.lacking(&known.heartbeat.as_ref()?.capacity))
        .collect();
    let could_ever = matching
        .iter()
        .any(|known| known.heartbeat.as_ref().is_some_and(|beat| shape.resources.fits(&beat.capacity)));
    let needs = describe(shape);
    if !could_ever {
        let lacking: Vec<_> = lacking.into_iter().collect();
        let lacking = lacking.join(" and ");
        let said = format!("no executor is large enough: it needs {needs}, too little {lacking}");
        return (WaitKind::TooLarge, said);
    }
    let busy = match matching.len() {
        1 => "the only matching executor is".to_owned(),
        count => format!("all {count} matching executors are"),
    };
    (WaitKind::Busy, format!("{busy} busy: it needs {needs}"))
}

fn describe_full_disk(id: &ExecutorId, known: &KnownExecutor, shape: &Shape) -> Option<String> {
    let beat = known.heartbeat.as_ref().filter(|beat| beat.pool == shape.pool)?;
    Some(format!("the disk of executor {id} is full ({} MiB free)", beat.disk.free_bytes >> 20))
}

fn describe(shape: &Shape) -> String {
    let cpu = shape.resources.cpu_millis as f64 / 1000.0;
    let memory_mib = shape.resources.memory_bytes / (1024 * 1024);
    format!("{cpu} cpu and {memory_mib} MiB of memory")
}
