//! Why a ready task has no executor.

use std::collections::BTreeSet;

use emboflow_model::{ExecutorId, PoolName, RunId, TaskKey, Timestamp};
use emboflow_protocol::verdict::{MAX_VERDICTS, Verdict};

use super::Planner;
use super::executors::KnownExecutor;
use super::fit::{Unlike, domain};
use super::ready::{LaneKey, Ready};
use super::shape::Shape;

/// Why a task has no executor, in one of few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitKind {
    /// No executor of the pool is online.
    NoExecutor,
    /// Operators keep work away from those that would do.
    Cordoned,
    /// Those of the pool have no space left.
    DiskFull,
    /// No executor of the pool has the labels.
    Labels,
    /// Those that have the labels have a taint that it does not tolerate.
    Taints,
    /// None is large enough.
    TooLarge,
    /// Those that match have no room now.
    Busy,
    /// What is free is kept for somebody who waits for more.
    Reserved,
    /// Its queue or its project holds as much as it may.
    Share,
    /// Others of its key come first.
    Key,
}

impl WaitKind {
    /// Every kind.
    pub(crate) const ALL: [Self; 10] = [
        Self::NoExecutor,
        Self::Cordoned,
        Self::DiskFull,
        Self::Labels,
        Self::Taints,
        Self::TooLarge,
        Self::Busy,
        Self::Reserved,
        Self::Share,
        Self::Key,
    ];

    /// The name that it has in the metrics.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::NoExecutor => "no_executor",
            Self::Cordoned => "cordoned",
            Self::DiskFull => "disk_full",
            Self::Labels => "labels",
            Self::Taints => "taints",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
            Self::Reserved => "reserved",
            Self::Share => "share",
            Self::Key => "key",
        }
    }
}

impl Planner {
    /// Why the first task of a lane has no executor: in a word, and in words.
    pub(super) fn explain_room(&self, lane: &LaneKey, now: Timestamp) -> (WaitKind, String) {
        let shape = &*lane.shape;
        let taking: Vec<_> = self.taking(&shape.pool, now).collect();
        if taking.is_empty() {
            return self
                .explain_cordons(shape, now)
                .unwrap_or_else(|| self.explain_empty_pool(&shape.pool, now));
        }
        let unlike: Vec<Unlike> = taking.iter().filter_map(|(_, known)| known.unlike(shape)).collect();
        if unlike.len() == taking.len() {
            return self.explain_cordons(shape, now).unwrap_or_else(|| explain_unlike(shape, &unlike));
        }
        let matching = taking.len() - unlike.len();
        let kept = self.reservations.of(&shape.pool);
        if let Some(kept) = kept.filter(|kept| *kept.lane == *lane) {
            let places: Vec<&str> = kept.seats.keys().take(3).map(ExecutorId::as_str).collect();
            let more = if kept.seats.len() > places.len() { " and others" } else { "" };
            let expected =
                kept.starts_at.map(|at| format!(", expected at {at} at the latest")).unwrap_or_default();
            let said = busy(shape, matching);
            return (
                WaitKind::Busy,
                format!("{said}; room is kept on {}{more}{expected}", places.join(", ")),
            );
        }
        if let Some(kept) = kept.filter(|_| taking.iter().any(|(_, known)| known.copies(shape) > 0)) {
            let (run, task) = &kept.ready;
            let said = format!("the free room is kept for {} of {run}, which waits for more", task.name);
            return (WaitKind::Reserved, said);
        }
        if let Some(apart) =
            shape.apart.as_ref().filter(|_| taking.iter().any(|(_, known)| known.copies(shape) > 0))
        {
            let said = format!(
                "the free executors have a task of {} already (anti_affinity: {})",
                apart.of.spec, apart.by
            );
            return (WaitKind::Busy, said);
        }
        (WaitKind::Busy, busy(shape, matching))
    }

    /// None: no executor that is cordoned would do.
    fn explain_cordons(&self, shape: &Shape, now: Timestamp) -> Option<(WaitKind, String)> {
        let would_do = |(_, known): &(&ExecutorId, &KnownExecutor)| known.unlike(shape).is_none();
        let mut cordoned = self.cordoned_in(&shape.pool, now).filter(would_do);
        let why = self.cordoned(cordoned.next()?.0)?;
        let more = match cordoned.count() {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        Some((WaitKind::Cordoned, format!("no executor in pool {} takes it: {why}{more}", shape.pool)))
    }

    fn explain_empty_pool(&self, pool: &PoolName, now: Timestamp) -> (WaitKind, String) {
        let suspect_after_ms = self.policy.suspect_after_ms;
        let full = self.in_pool(pool).filter(|(_, known)| known.drains(now, suspect_after_ms));
        match full.filter_map(|(id, known)| describe_full_disk(id, known)).next() {
            Some(full) => (WaitKind::DiskFull, format!("no executor in pool {pool} takes work: {full}")),
            None => (WaitKind::NoExecutor, format!("no executor is online in pool {pool}")),
        }
    }

    /// What stands between a task that waits and each executor; those of its pool first, [`MAX_VERDICTS`] at most.
    pub(crate) fn verdicts(&self, run: RunId, task: &TaskKey, now: Timestamp) -> Vec<Verdict> {
        let Some(open) = self.runs.get(&run) else { return Vec::new() };
        let ready = (run, open.stands_as(task));
        let Some(lane) = self.lane_of_task(run, &ready.1) else { return Vec::new() };
        let in_pool =
            |known: &KnownExecutor| known.heartbeat.as_ref().is_some_and(|beat| beat.pool == lane.shape.pool);
        let (own, others): (Vec<_>, Vec<_>) = self.executors.iter().partition(|(_, known)| in_pool(known));
        let judged = own.into_iter().chain(others).take(MAX_VERDICTS).map(|(id, known)| {
            let (fits, why) = match self.obstacle(id, known, &lane, &ready, now) {
                Some(why) => (false, why),
                None => (true, describe_room(known, &lane.shape)),
            };
            Verdict { executor: id.clone(), fits, why }
        });
        judged.collect()
    }

    /// Why an executor cannot take a task of a lane now.
    fn obstacle(
        &self,
        id: &ExecutorId,
        known: &KnownExecutor,
        lane: &LaneKey,
        ready: &Ready,
        now: Timestamp,
    ) -> Option<String> {
        let shape = &*lane.shape;
        let Some(beat) = &known.heartbeat else { return Some("it has not been heard of yet".to_owned()) };
        if beat.pool != shape.pool {
            return Some(format!("it is in pool {}, not in {}", beat.pool, shape.pool));
        }
        if let Some(why) = self.cordoned(id).or_else(|| self.maintenance_of(&shape.pool)) {
            return Some(why);
        }
        if !known.takes_work(now, self.policy.suspect_after_ms) {
            let silence_s = now.ms_since(known.last_seen) / 1000;
            return Some(match describe_full_disk(id, known) {
                Some(full) if known.drains(now, self.policy.suspect_after_ms) => full,
                _ => format!("it takes no work: its last word was {:?}, {silence_s} s ago", beat.state)
                    .to_lowercase(),
            });
        }
        if let Some(unlike) = known.unlike(shape) {
            return Some(unlike.to_string());
        }
        if !known.has_slot() {
            return Some(format!("all of its {} slots are taken", beat.slots));
        }
        let free = beat.capacity.minus(&known.used);
        if let Some(lacking) = shape.resources.lacking(&free) {
            return Some(format!("too little {lacking} is free"));
        }
        if known.copies(shape) == 0 {
            return Some("too few of its graphics processors are free".to_owned());
        }
        if let Some(apart) = &shape.apart {
            let together = self.siblings(ready.0, &ready.1.name, &apart.by, &shape.pool);
            if together.contains_key(domain(id, known, &apart.by)) {
                return Some(format!(
                    "a task of {} is there already (anti_affinity: {})",
                    apart.of.spec, apart.by
                ));
            }
        }
        (self.unreserved(id, known, lane, ready, now) == 0)
            .then(|| "its room is kept for somebody who waits for more".to_owned())
    }
}

impl std::fmt::Display for Unlike {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Label(name, value) => write!(f, "it has not the label {name}={value}"),
            Self::Taint(key, value) => write!(f, "it has the taint {}", taint(key, value)),
            Self::TooSmall(what) => write!(f, "it is too small: too little {what}"),
            Self::Unfenced => write!(f, "it is of a version that cannot carry out exclusive tasks"),
            Self::Model(model) => write!(f, "it has too few graphics processors of the model {model}"),
        }
    }
}

fn taint(key: &str, value: &str) -> String {
    if value.is_empty() { key.to_owned() } else { format!("{key}={value}") }
}

/// No executor of the pool would do, however empty: the ones that are nearest to it say why.
fn explain_unlike(shape: &Shape, unlike: &[Unlike]) -> (WaitKind, String) {
    let models = unlike.iter().find_map(|unlike| match unlike {
        Unlike::Model(model) => Some(model),
        _ => None,
    });
    let lacking: BTreeSet<&str> = unlike
        .iter()
        .filter_map(|unlike| match unlike {
            Unlike::TooSmall(what) => Some(*what),
            _ => None,
        })
        .collect();
    if let Some(model) = models {
        let said = format!(
            "no executor in pool {} has {} graphics processors of the model {model}",
            shape.pool, shape.resources.gpu
        );
        return (WaitKind::TooLarge, said);
    }
    if !lacking.is_empty() {
        let lacking: Vec<&str> = lacking.into_iter().collect();
        let said = format!(
            "no executor is large enough: it needs {}, too little {}",
            describe(shape),
            lacking.join(" and ")
        );
        return (WaitKind::TooLarge, said);
    }
    let taints: BTreeSet<String> = unlike
        .iter()
        .filter_map(|unlike| match unlike {
            Unlike::Taint(key, value) => Some(taint(key, value)),
            _ => None,
        })
        .collect();
    if !taints.is_empty() {
        let taints: Vec<String> = taints.into_iter().take(5).collect();
        let said = format!(
            "each executor in pool {} that matches has a taint which the task does not tolerate: {}",
            shape.pool,
            taints.join(", ")
        );
        return (WaitKind::Taints, said);
    }
    if unlike.contains(&Unlike::Unfenced) {
        let said = format!(
            "each executor in pool {} that matches is of a version that cannot carry out exclusive tasks",
            shape.pool
        );
        return (WaitKind::Labels, said);
    }
    let wanted: Vec<_> = shape.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    (WaitKind::Labels, format!("no executor in pool {} matches {}", shape.pool, wanted.join(", ")))
}

fn busy(shape: &Shape, matching: usize) -> String {
    let busy = match matching {
        1 => "the only matching executor is".to_owned(),
        count => format!("all {count} matching executors are"),
    };
    match shape.members() {
        1 => format!("{busy} busy: it needs {}", describe(shape)),
        members => format!("{busy} too busy: {members} start together, and each needs {}", describe(shape)),
    }
}

fn describe_full_disk(id: &ExecutorId, known: &KnownExecutor) -> Option<String> {
    let beat = known.heartbeat.as_ref()?;
    Some(format!("the disk of executor {id} is full ({} MiB free)", beat.disk.free_bytes >> 20))
}

fn describe_room(known: &KnownExecutor, shape: &Shape) -> String {
    match shape.members() {
        1 => "it has room".to_owned(),
        members => format!("it has room for {} of {members}", known.copies(shape).min(u64::from(members))),
    }
}

fn describe(shape: &Shape) -> String {
    let cpu = shape.resources.cpu_millis as f64 / 1000.0;
    let memory_mib = shape.resources.memory_bytes / (1024 * 1024);
    let said = format!("{cpu} cpu and {memory_mib} MiB of memory");
    match shape.resources.gpu {
        0 => said,
        gpu => format!("{said} and {gpu} gpu"),
    }
}
