//! Which of the executors that fit are best.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use emboflow_model::executor::{artifact_hash, image_hash};
use emboflow_model::{ExecutorId, PoolName, Resources, RuntimeSpec, Timestamp};

use super::Planner;
use super::executors::KnownExecutor;
use super::fit::domain;
use super::policy::Filling;
use super::ready::{LaneKey, Ready};
use super::shape::Shape;

/// Loads that differ by less count as the same: then it matters who has the image.
const LOAD_STEPS: u64 = 8;

/// Where the tasks that start together may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// One task: the best executors, as good as each other but for what they have at hand.
    One(Vec<ExecutorId>),
    /// A gang: an executor for each member, in order.
    All(Vec<ExecutorId>),
}

/// An executor that can take some of the tasks.
#[derive(Clone, Copy)]
pub(super) struct Offer<'p> {
    pub(super) id: &'p ExecutorId,
    pub(super) known: &'p KnownExecutor,
    /// How many of them.
    pub(super) copies: u64,
}

impl Planner {
    /// Where the unit whose turn it is can start now, all of it; none when it has to wait.
    pub(super) fn room_for(&self, lane: &LaneKey, ready: &Ready, now: Timestamp) -> Option<Room> {
        let shape = &*lane.shape;
        let offers = self.taking(&shape.pool, now).filter_map(|(id, known)| {
            let copies = known.copies(shape);
            let copies =
                if copies == 0 { 0 } else { copies.min(self.unreserved(id, known, lane, ready, now)) };
            (copies > 0).then_some(Offer { id, known, copies })
        });
        self.seats(offers.collect(), shape, ready)
    }

    /// The best of the offers, if they take all that start together.
    pub(super) fn seats(&self, offers: Vec<Offer<'_>>, shape: &Shape, (run, task): &Ready) -> Option<Room> {
        let by = shape.apart.as_ref().map(|apart| &apart.by).or(shape.spread.as_ref());
        if shape.apart.is_some() && self.has_hidden_siblings(*run, &task.name, by) {
            return None;
        }
        let mut together = match by {
            Some(by) => self.siblings(*run, &task.name, by, &shape.pool),
            None => BTreeMap::new(),
        };
        let filling = self.filling(&shape.pool);
        let room_beside = |offer: &Offer<'_>, together: &BTreeMap<&str, u64>| {
            let count =
                by.and_then(|by| together.get(domain(offer.id, offer.known, by))).copied().unwrap_or(0);
            (shape.apart.is_none() || count == 0).then_some(count)
        };
        if shape.gang.is_none() {
            let ranked = offers.into_iter().filter_map(|offer| {
                Some(((room_beside(&offer, &together)?, filling.rank(load(offer.known))), offer))
            });
            return best(ranked.collect(), filling).map(Room::One);
        }
        let mut left: BTreeMap<&ExecutorId, u64> =
            offers.iter().map(|offer| (offer.id, offer.copies)).collect();
        let mut seats = Vec::new();
        for _ in 0..shape.members() {
            // Few executors, unless the file wants them apart: members talk to each other.
            let ranked = offers.iter().filter_map(|offer| {
                let left = left.get(offer.id).copied().filter(|left| *left > 0)?;
                let count = room_beside(offer, &together)?;
                let is_new = !seats.contains(offer.id);
                Some(((count, is_new, Reverse(left), offer.id), offer))
            });
            let (_, offer) = ranked.min_by(|(one, _), (other, _)| one.cmp(other))?;
            *left.get_mut(offer.id)? -= 1;
            if let Some(by) = by {
                *together.entry(domain(offer.id, offer.known, by)).or_default() += 1;
            }
            seats.push(offer.id.clone());
        }
        Some(Room::All(seats))
    }

    fn filling(&self, pool: &PoolName) -> Filling {
        self.policy.filling.get(pool).copied().unwrap_or_default()
    }

    /// The one of several equal executors that has to fetch least for this attempt; the first of several such.
    pub(super) fn nearest(&self, equals: &[ExecutorId], spec: &RuntimeSpec) -> Option<ExecutorId> {
        let [first, _, ..] = equals else { return equals.first().cloned() };
        let image = image_hash(&spec.image);
        let sources = spec.inputs.iter().flat_map(|input| &input.sources);
        let artifacts: Vec<u32> = sources.map(|source| artifact_hash(&source.manifest_sha256)).collect();
        // An image counts as much as all the artifacts.
        let at_hand = |id: &ExecutorId| {
            let beat = self.executors.get(id).and_then(|known| known.heartbeat.as_ref());
            beat.map_or(0, |beat| {
                let has_image = beat.at_hand.images.contains(&image);
                let has = artifacts.iter().filter(|artifact| beat.at_hand.artifacts.contains(artifact));
                has.count() + if has_image { artifacts.len().max(1) } else { 0 }
            })
        };
        let most = equals
            .iter()
            .map(|id| (at_hand(id), id))
            .fold((0, first), |best, one| if one.0 > best.0 { one } else { best });
        Some(most.1.clone())
    }
}

/// The offers of the best rank, those with fewest open attempts (or most, where executors are filled) first.
fn best(mut ranked: Vec<((u64, u64), Offer<'_>)>, filling: Filling) -> Option<Vec<ExecutorId>> {
    let top = ranked.iter().map(|(rank, _)| *rank).min()?;
    ranked.retain(|(rank, _)| *rank == top);
    ranked.sort_by_key(|(_, offer)| filling.rank(offer.known.open.len() as u64));
    Some(ranked.into_iter().map(|(_, offer)| offer.id.clone()).collect())
}

/// The greatest part of what an executor has that is in use, in [`LOAD_STEPS`].
fn load(known: &KnownExecutor) -> u64 {
    let Some(beat) = &known.heartbeat else { return 0 };
    let Resources { cpu_millis, memory_bytes, disk_bytes, gpu } = beat.capacity;
    let pairs = [
        (known.used.cpu_millis, cpu_millis),
        (known.used.memory_bytes, memory_bytes),
        (known.used.disk_bytes, disk_bytes),
        (known.used.gpu, gpu),
    ];
    let part = |(used, all): (u64, u64)| {
        let steps = u128::from(used) * u128::from(LOAD_STEPS) / u128::from(all.max(1));
        u64::try_from(steps).unwrap_or(LOAD_STEPS)
    };
    pairs.into_iter().map(part).max().unwrap_or(0)
}
