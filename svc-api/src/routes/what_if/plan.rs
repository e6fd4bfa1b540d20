//! What executors that there could be have: what was said, and the rest as with those that there are.

use emboflow_model::executor::Heartbeat;
use emboflow_model::{PoolName, Resources};
use emboflow_protocol::forecast::PlannedExecutor;
use emboflow_protocol::http::what_if::AddedExecutors;

/// Labels, and taints, of an executor at most.
const PAIRS: usize = 64;
/// Characters of the name of a model, a label or a taint at most.
const CHARACTERS: usize = 200;
/// No executor has more attempts at the same time.
const SLOTS: u32 = 10_000;

/// What the scheduler is asked about. Errors: the field that is wrong, and why.
pub(super) fn executors(
    added: &AddedExecutors,
    beats: &[Heartbeat],
) -> Result<PlannedExecutor, (&'static str, String)> {
    let pool = added.pool.clone().unwrap_or_else(usual_pool);
    let like = largest(&pool, beats);
    let rest = |given: Option<u64>, field: &'static str, of: fn(&Resources) -> u64| {
        let missing =
            || (field, format!("pool {pool} has no executor to take the rest from: say {field} too"));
        given.or(like.map(|beat| of(&beat.capacity))).ok_or_else(missing)
    };
    let capacity = Resources {
        cpu_millis: rest(added.cpu_millis, "cpu_millis", |has| has.cpu_millis)?,
        memory_bytes: rest(added.memory_bytes, "memory_bytes", |has| has.memory_bytes)?,
        disk_bytes: added.disk_bytes.unwrap_or(like.map_or(u64::MAX, |beat| beat.capacity.disk_bytes)),
        gpu: added.gpu.unwrap_or(like.map_or(0, |beat| beat.capacity.gpu)),
    };
    let count = within("count", added.count.unwrap_or(1), 1..=u32::MAX)?;
    let slots = added.slots.or(like.map(|beat| beat.slots)).unwrap_or(SLOTS);
    let labels = added.labels.clone().or(like.map(|beat| beat.labels.clone())).unwrap_or_default();
    let taints = added.taints.clone().or(like.map(|beat| beat.taints.clone())).unwrap_or_default();
    for (field, pairs) in [("labels", &labels), ("taints", &taints)] {
        if pairs.len() > PAIRS {
            return Err((field, format!("{} of them: {PAIRS} at most", pairs.len())));
        }
        pairs.iter().try_for_each(|(name, value)| short(field, name).and(short(field, value)))?;
    }
    let model = || like.and_then(|beat| beat.devices.first()).map(|device| device.model.clone());
    let gpu_model = added.gpu_model.clone().or_else(model);
    gpu_model.iter().try_for_each(|model| short("gpu_model", model))?;
    let slots = within("slots", slots, 1..=SLOTS)?;
    Ok(PlannedExecutor { count, pool, capacity, slots, labels, taints, gpu_model })
}

fn usual_pool() -> PoolName {
    PoolName::new("default").expect("it has the form of a name")
}

/// The executor of a pool that has most cores; of several the first.
fn largest<'b>(pool: &PoolName, beats: &'b [Heartbeat]) -> Option<&'b Heartbeat> {
    let of_pool = beats.iter().filter(|beat| beat.pool == *pool);
    of_pool.max_by_key(|beat| (beat.capacity.cpu_millis, std::cmp::Reverse(&beat.executor)))
}

fn within(
    field: &'static str,
    number: u32,
    may_be: std::ops::RangeInclusive<u32>,
) -> Result<u32, (&'static str, String)> {
    match may_be.contains(&number) {
        true => Ok(number),
        false => Err((field, format!("{number}: it is {} to {}", may_be.start(), may_be.end()))),
    }
}

fn short(field: &'static str, text: &str) -> Result<(), (&'static str, String)> {
    match text.chars().count() <= CHARACTERS {
        true => Ok(()),
        false => Err((field, format!("a text has at most {CHARACTERS} characters"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn beats() -> Vec<Heartbeat> {
        let beat = |executor: &str, cpu: u64| {
            let beat = json!({
                "executor": executor, "pool": "gpu", "incarnation": "1", "journal": "j", "state": "online",
                "capacity": { "cpu_millis": cpu, "memory_bytes": 64, "disk_bytes": 7, "gpu": 1 }, "slots": 9,
                "labels": { "arm": "left" }, "devices": [{ "id": "GPU-1", "model": "NVIDIA A100" }],
                "runtime": "r", "version": "v", "disk": { "free_bytes": 1, "total_bytes": 1 },
                "sent_at": "2026-11-22T10:00:00.000Z",
            });
            serde_json::from_value(beat).unwrap()
        };
        vec![beat("small", 1_000), beat("large", 8_000)]
    }

    fn plan(added: serde_json::Value) -> Result<PlannedExecutor, (&'static str, String)> {
        executors(&serde_json::from_value(added).unwrap(), &beats())
    }

    #[test]
    fn what_is_not_said_is_as_with_the_largest_executor_of_the_pool() {
        let planned = plan(json!({ "pool": "gpu", "gpu": 2 })).unwrap();
        let wanted = Resources { cpu_millis: 8_000, memory_bytes: 64, disk_bytes: 7, gpu: 2 };
        assert_eq!((planned.count, planned.slots, planned.capacity), (1, 9, wanted));
        assert_eq!(planned.gpu_model.as_deref(), Some("NVIDIA A100"));
        assert_eq!(planned.labels["arm"], "left");
        let bare = plan(json!({ "pool": "gpu", "labels": {}, "slots": 1 })).unwrap();
        assert!(bare.labels.is_empty() && bare.slots == 1);
    }

    #[test]
    fn in_an_empty_pool_the_size_must_be_said() {
        let (field, why) = plan(json!({ "gpu": 2 })).unwrap_err();
        assert!(field == "cpu_millis" && why.contains("pool default has no executor"), "{why}");
        let planned = plan(json!({ "cpu_millis": 4_000, "memory_bytes": 1 })).unwrap();
        assert_eq!((planned.capacity.gpu, planned.capacity.cpu_millis), (0, 4_000));
    }

    #[test]
    fn silly_sizes_are_refused_or_do_no_harm() {
        let large = plan(json!({ "cpu_millis": u64::MAX, "memory_bytes": u64::MAX, "disk_bytes": u64::MAX }));
        assert!(large.is_ok());
        for (added, field) in [
            (json!({ "pool": "gpu", "count": 0 }), "count"),
            (json!({ "pool": "gpu", "slots": 0 }), "slots"),
            (json!({ "pool": "gpu", "slots": u32::MAX }), "slots"),
            (json!({ "pool": "gpu", "gpu_model": "x".repeat(201) }), "gpu_model"),
            (json!({ "pool": "gpu", "labels": { "a": "x".repeat(201) } }), "labels"),
        ] {
            assert_eq!(plan(added.clone()).unwrap_err().0, field, "{added}");
        }
    }
}
