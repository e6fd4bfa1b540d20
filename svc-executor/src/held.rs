//! The attempts that an executor holds, and how orders reach them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use emboflow_model::executor::HeldAttempt;
use emboflow_model::{AttemptId, Reason, Resources};
use tokio::sync::watch;

/// Released attempts that are remembered, so that a command that comes late for one is known as such.
const TOMBSTONES: usize = 10_000;

/// What an attempt was told since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Orders {
    /// End, for this reason.
    pub(crate) stop: Option<Reason>,
    /// Forget it.
    pub(crate) release: bool,
    /// How often it was asked to say again how it ended.
    pub(crate) asked_again: u64,
}

impl Orders {
    /// The first reason stands.
    fn stop(&mut self, reason: Reason) {
        self.stop = self.stop.or(Some(reason));
    }
}

/// Waits until the attempt is told to end.
pub(crate) async fn stopped(orders: &mut watch::Receiver<Orders>) -> Reason {
    let told = orders.wait_for(|orders| orders.stop.is_some()).await.ok().and_then(|orders| orders.stop);
    match told {
        Some(reason) => reason,
        // Nobody can tell it any more: the executor is ending.
        None => std::future::pending().await,
    }
}

/// Waits until the attempt is to be forgotten.
pub(crate) async fn released(orders: &mut watch::Receiver<Orders>) {
    if orders.wait_for(|orders| orders.release).await.is_err() {
        std::future::pending().await
    }
}

/// Waits until the attempt is asked once more how it ended.
pub(crate) async fn asked_again(orders: &mut watch::Receiver<Orders>, before: u64) {
    let gone = orders.wait_for(|orders| orders.asked_again > before).await.is_err();
    if gone {
        std::future::pending().await
    }
}

/// All attempts in hand.
#[derive(Default)]
pub(crate) struct Held {
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    attempts: HashMap<AttemptId, Holding>,
    released: HashMap<AttemptId, u64>,
    released_in_order: VecDeque<AttemptId>,
}

struct Holding {
    fence: u64,
    resources: Resources,
    ended: bool,
    orders: watch::Sender<Orders>,
}

/// What became of taking an attempt in.
pub(crate) enum Taken {
    /// It is new; here are its orders.
    New(watch::Receiver<Orders>),
    /// It is in hand already, with this fence.
    Known(u64),
    /// It was released: the command is out of date.
    Released,
}

/// What all attempts in hand come to.
#[derive(Default)]
pub(crate) struct Inventory {
    /// Every one.
    pub(crate) attempts: Vec<HeldAttempt>,
    /// Those that have not ended.
    pub(crate) open: usize,
    /// What those hold.
    pub(crate) used: Resources,
}

impl Held {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers attempts that were released before this start, oldest first.
    pub(crate) fn remember(&self, released: Vec<(AttemptId, u64)>) {
        let mut book = self.book();
        released.into_iter().for_each(|(attempt, fence)| book.bury(attempt, fence));
    }

    pub(crate) fn take(&self, attempt: &AttemptId, fence: u64, resources: Resources) -> Taken {
        let mut book = self.book();
        if let Some(holding) = book.attempts.get(attempt) {
            holding.orders.send_modify(|orders| orders.asked_again += 1);
            return Taken::Known(holding.fence);
        }
        // After a restore from a backup the scheduler gives the same number again, under a greater fence.
        if book.released.get(attempt).is_some_and(|released| fence <= *released) {
            return Taken::Released;
        }
        let (orders, taken) = watch::channel(Orders::default());
        book.attempts.insert(attempt.clone(), Holding { fence, resources, ended: false, orders });
        Taken::New(taken)
    }

    /// Tells an attempt to end. False: it is not in hand, or not under this fence.
    pub(crate) fn stop(&self, attempt: &AttemptId, fence: u64, reason: Reason) -> bool {
        self.order(attempt, fence, |orders| orders.stop(reason))
    }

    /// Tells an attempt that it can be forgotten. False: it is not in hand, or not under this fence.
    pub(crate) fn release(&self, attempt: &AttemptId, fence: u64) -> bool {
        self.order(attempt, fence, |orders| orders.release = true)
    }

    fn order(&self, attempt: &AttemptId, fence: u64, change: impl FnOnce(&mut Orders)) -> bool {
        let book = self.book();
        let holding = book.attempts.get(attempt).filter(|holding| holding.fence == fence);
        holding.inspect(|holding| holding.orders.send_modify(change)).is_some()
    }

    /// Tells every attempt that has not ended to end, and gives their number.
    pub(crate) fn stop_all(&self, reason: Reason) -> usize {
        let book = self.book();
        let open = book.attempts.values().filter(|holding| !holding.ended);
        open.inspect(|holding| holding.orders.send_modify(|orders| orders.stop(reason))).count()
    }

    /// Asks every attempt that has ended to say again how, until it is released.
    pub(crate) fn ask_again(&self) {
        let book = self.book();
        let ended = book.attempts.values().filter(|holding| holding.ended);
        ended.for_each(|holding| holding.orders.send_modify(|orders| orders.asked_again += 1));
    }

    /// It holds no resources any more.
    pub(crate) fn ended(&self, attempt: &AttemptId) {
        if let Some(holding) = self.book().attempts.get_mut(attempt) {
            holding.ended = true;
        }
    }

    pub(crate) fn holds(&self, attempt: &AttemptId) -> bool {
        self.book().attempts.contains_key(attempt)
    }

    /// It is done with for ever.
    pub(crate) fn forget(&self, attempt: &AttemptId) {
        let mut book = self.book();
        let fence = book.attempts.remove(attempt).map_or(0, |holding| holding.fence);
        book.bury(attempt.clone(), fence);
    }

    /// It was never really taken in; it may come again.
    pub(crate) fn put_back(&self, attempt: &AttemptId) {
        self.book().attempts.remove(attempt);
    }

    pub(crate) fn inventory(&self) -> Inventory {
        let book = self.book();
        let mut inventory = Inventory::default();
        for (attempt, holding) in &book.attempts {
            inventory.attempts.push(HeldAttempt { attempt: attempt.clone(), fence: holding.fence });
            if !holding.ended {
                inventory.open += 1;
                inventory.used = inventory.used.plus(&holding.resources);
            }
        }
        inventory
    }
}

impl Book {
    fn bury(&mut self, attempt: AttemptId, fence: u64) {
        if let Some(known) = self.released.get_mut(&attempt) {
            *known = fence.max(*known);
            return;
        }
        self.released.insert(attempt.clone(), fence);
        self.released_in_order.push_back(attempt);
        if self.released_in_order.len() > TOMBSTONES
            && let Some(oldest) = self.released_in_order.pop_front()
        {
            self.released.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::RunId;

    fn attempt(run: u128) -> AttemptId {
        AttemptId { run: RunId::from_bits(run), task: "a".parse().unwrap(), number: 1 }
    }

    #[test]
    fn a_command_that_comes_again_starts_nothing_twice() {
        let held = Held::default();
        let resources = Resources { cpu_millis: 1, memory_bytes: 2, disk_bytes: 3, gpu: 0 };
        let Taken::New(orders) = held.take(&attempt(1), 5, resources) else { panic!("it is new") };
        assert!(matches!(held.take(&attempt(1), 5, resources), Taken::Known(5)));
        assert_eq!(orders.borrow().asked_again, 1);
        assert_eq!(held.inventory().used, resources);
        held.ended(&attempt(1));
        assert_eq!((held.inventory().open, held.inventory().attempts.len()), (0, 1));
        held.forget(&attempt(1));
        assert!(matches!(held.take(&attempt(1), 5, resources), Taken::Released));
    }

    #[test]
    fn a_released_attempt_comes_again_only_under_a_greater_fence() {
        let held = Held::default();
        held.remember(vec![(attempt(1), 5)]);
        for (fence, is_new) in [(4, false), (5, false), (6, true)] {
            let taken = held.take(&attempt(1), fence, Resources::default());
            assert_eq!(matches!(taken, Taken::New(_)), is_new, "fence {fence}");
        }
        held.forget(&attempt(1));
        assert!(matches!(held.take(&attempt(1), 6, Resources::default()), Taken::Released));
    }

    #[test]
    fn only_what_has_ended_is_asked_again_how() {
        let held = Held::default();
        let taken = |run| match held.take(&attempt(run), 5, Resources::default()) {
            Taken::New(orders) => orders,
            Taken::Known(_) | Taken::Released => panic!("it is new"),
        };
        let (ended, runs) = (taken(1), taken(2));
        held.ended(&attempt(1));
        held.ask_again();
        assert_eq!((ended.borrow().asked_again, runs.borrow().asked_again), (1, 0));
    }

    #[test]
    fn an_order_under_another_fence_reaches_nobody() {
        let held = Held::default();
        let Taken::New(orders) = held.take(&attempt(1), 5, Resources::default()) else { panic!("it is new") };
        assert!(!held.stop(&attempt(1), 4, Reason::Cancelled) && !held.release(&attempt(1), 6));
        assert_eq!(*orders.borrow(), Orders::default());
        assert!(held.stop(&attempt(1), 5, Reason::Cancelled));
        assert!(held.stop(&attempt(1), 5, Reason::RunTimeout));
        assert_eq!(orders.borrow().stop, Some(Reason::Cancelled), "the first reason stands");
    }

    #[test]
    fn tombstones_are_kept_for_a_while_only() {
        let held = Held::default();
        held.remember((0..10_001).map(|run| (attempt(run), 5)).collect());
        let is_new = |run| matches!(held.take(&attempt(run), 5, Resources::default()), Taken::New(_));
        assert!(is_new(0) && !is_new(1));
    }
}
