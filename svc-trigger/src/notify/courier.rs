//! Sends what is due: one delivery of a notification at a time, so that a slow receiver holds up nobody but itself.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};
use std::time::Duration;

use emboflow_model::name::NotificationName;
use emboflow_model::notification::Tried;
use emboflow_model::{ProjectName, Timestamp};
use emboflow_records::RecordsError;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};

use super::deliveries::{Deliveries, DeliveryId};
use super::known::Known;
use super::metrics;
use super::send::Ways;
use crate::kept::now;

/// Tries under way at most.
const SIDE_BY_SIDE: usize = 32;
/// Tries of one project at most: its receivers may all be slow.
const OF_PROJECT: usize = 4;
/// After how long a delivery is looked at again that could not be tried: the records are away, or it is paused.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

type Receiver = (ProjectName, NotificationName);
type Due = HashMap<Receiver, BTreeSet<(Timestamp, DeliveryId)>>;

/// What is due when, and who is busy.
pub(super) struct Courier {
    ways: Ways,
    known: Known,
    deliveries: Deliveries,
    later: BinaryHeap<Reverse<(Timestamp, DeliveryId)>>,
    /// Due, by receiver.
    due: Due,
    /// All that is due, later or under way: what is noted again is the same.
    held: HashSet<DeliveryId>,
    tries: JoinSet<Option<Timestamp>>,
    under_way: HashMap<Id, DeliveryId>,
}

impl Courier {
    pub(super) fn new(ways: Ways, known: Known, deliveries: Deliveries) -> Self {
        Self {
            ways,
            known,
            deliveries,
            later: BinaryHeap::new(),
            due: HashMap::new(),
            held: HashSet::new(),
            tries: JoinSet::new(),
            under_way: HashMap::new(),
        }
    }

    /// Works until nobody can note a delivery any more. What is under way then is broken off, and tried again by the
    /// next process.
    pub(super) async fn work(mut self, mut noted: mpsc::UnboundedReceiver<(DeliveryId, Timestamp)>) {
        loop {
            self.send_what_is_due();
            let pause = self.later.peek().map(|Reverse((at, _))| Duration::from_millis(at.ms_since(now())));
            tokio::select! {
                new = noted.recv() => match new {
                    Some((id, at)) if self.held.insert(id.clone()) => self.later.push(Reverse((at, id))),
                    Some(_) => {}
                    None => return,
                },
                Some(tried) = self.tries.join_next_with_id() => self.tried(tried),
                () = tokio::time::sleep(pause.unwrap_or(LOOK_AGAIN)), if pause.is_some() => {}
            }
        }
    }

    fn send_what_is_due(&mut self) {
        let now = now();
        while let Some(Reverse((at, _))) = self.later.peek()
            && *at <= now
            && let Some(Reverse((at, id))) = self.later.pop()
        {
            self.due.entry(receiver(&id)).or_default().insert((at, id));
        }
        for receiver in next_receivers(&self.due, self.under_way.values()) {
            self.send_next(receiver);
        }
    }

    fn send_next(&mut self, receiver: Receiver) {
        let Some(waiting) = self.due.get_mut(&receiver) else { return };
        let next = waiting.pop_first();
        if waiting.is_empty() {
            self.due.remove(&receiver);
        }
        let Some((_, id)) = next else { return };
        let (ways, known, deliveries) = (self.ways.clone(), self.known.clone(), self.deliveries.clone());
        let tried = id.clone();
        let handle = self.tries.spawn(async move {
            try_once(&ways, &known, &deliveries, &tried).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "a delivery waits for the records");
                Some(look_again_at())
            })
        });
        self.under_way.insert(handle.id(), id);
    }

    fn tried(&mut self, tried: Result<(Id, Option<Timestamp>), JoinError>) {
        let (task, next) = tried.unwrap_or_else(|error| {
            tracing::error!(%error, "a delivery was broken off");
            (error.id(), Some(look_again_at()))
        });
        let Some(id) = self.under_way.remove(&task) else { return };
        match next {
            Some(at) => self.later.push(Reverse((at, id))),
            None => drop(self.held.remove(&id)),
        }
    }
}

/// To whom something is sent now: nobody to whom something is under way, and who has waited longest first.
fn next_receivers<'a>(due: &Due, under_way: impl Iterator<Item = &'a DeliveryId>) -> Vec<Receiver> {
    let busy: HashSet<Receiver> = under_way.map(receiver).collect();
    let mut of_project: HashMap<&ProjectName, usize> = HashMap::new();
    for (project, _) in &busy {
        *of_project.entry(project).or_default() += 1;
    }
    let mut free: Vec<_> = due
        .iter()
        .filter(|(receiver, _)| !busy.contains(receiver))
        .filter_map(|(receiver, waiting)| Some((waiting.first()?, receiver)))
        .collect();
    free.sort_unstable();
    let mut next = Vec::new();
    for (_, receiver) in free {
        let count = of_project.entry(&receiver.0).or_default();
        if busy.len() + next.len() < SIDE_BY_SIDE && *count < OF_PROJECT {
            *count += 1;
            next.push(receiver.clone());
        }
    }
    next
}

fn receiver(id: &DeliveryId) -> Receiver {
    (id.project.clone(), id.notification.clone())
}

fn look_again_at() -> Timestamp {
    now().plus_ms(LOOK_AGAIN.as_millis() as u64)
}

/// Tries a delivery, keeps what became of it, and says when it is due again.
async fn try_once(
    ways: &Ways,
    known: &Known,
    deliveries: &Deliveries,
    id: &DeliveryId,
) -> Result<Option<Timestamp>, RecordsError> {
    let Some((version, delivery)) = deliveries.get(id).await? else { return Ok(None) };
    // Another service may have tried it meanwhile.
    if delivery.next_at.is_some_and(|at| at > now()) {
        return Ok(delivery.next_at);
    }
    let Some(notification) = known.get(&id.project, &id.notification) else {
        deliveries.forget(id, version).await?;
        return Ok(None);
    };
    if notification.paused.is_some() {
        return Ok(Some(look_again_at()));
    }
    let tried = match ways.letter(id, &notification).await? {
        Ok(letter) => ways.send(id, &notification, &letter, now()).await,
        Err(why) => Tried::Never(why.to_owned()),
    };
    metrics::tried(notification.spec.to.word(), &tried);
    let delivery = delivery.after(tried, now());
    if let (true, Some(error)) = (delivery.is_over(), &delivery.error) {
        let DeliveryId { project, notification, run, .. } = id;
        tracing::warn!(%project, %notification, %run, error, tries = delivery.tries, "a notification is given up");
    }
    deliveries.keep(id, version, &delivery).await?;
    Ok(delivery.next_at)
}

#[cfg(test)]
mod tests {
    use emboflow_model::RunId;

    use super::*;

    fn id(project: &str, notification: &str, run: u128) -> DeliveryId {
        DeliveryId {
            project: project.parse().unwrap(),
            notification: notification.parse().unwrap(),
            run: RunId::from_bits(run),
            task: None,
        }
    }

    fn due(all: &[(i64, DeliveryId)]) -> Due {
        let mut due = Due::new();
        for (at, id) in all {
            due.entry(receiver(id)).or_default().insert((Timestamp(*at), id.clone()));
        }
        due
    }

    #[test]
    fn a_project_whose_receivers_are_all_slow_leaves_room_for_the_others() {
        let slow: Vec<_> = (0..100_u32).map(|n| (i64::from(n), id("slow", &format!("n{n}"), 1))).collect();
        let mut all = slow.clone();
        all.push((1_000, id("quick", "on-call", 1)));
        let next = next_receivers(&due(&all), std::iter::empty());
        let of = |project: &str| next.iter().filter(|(name, _)| name.as_str() == project).count();
        assert_eq!((of("slow"), of("quick")), (OF_PROJECT, 1));
        let under_way: Vec<_> = slow[..OF_PROJECT].iter().map(|(_, id)| id.clone()).collect();
        let next = next_receivers(&due(&all), under_way.iter());
        assert_eq!(next, [receiver(&id("quick", "on-call", 1))]);
    }

    #[test]
    fn who_has_waited_longest_is_next_and_nobody_gets_two_at_once() {
        let all: Vec<_> = (0..50_u32)
            .map(|n| (i64::from(50 - n), id(&format!("p{n}"), "on-call", 1)))
            .chain([(0, id("p0", "on-call", 2))])
            .collect();
        let next = next_receivers(&due(&all), std::iter::empty());
        assert_eq!(next.len(), SIDE_BY_SIDE);
        assert_eq!(next[0], receiver(&id("p0", "on-call", 2)));
        assert_eq!(next[1], receiver(&id("p49", "on-call", 1)));
        assert!(next_receivers(&due(&all[..1]), [id("p0", "on-call", 9)].iter()).is_empty());
    }
}
