//! When ended containers are removed. A removal keeps the engine as busy as a start does, and a start is what somebody
//! waits for: so removals come one at a time, behind starts, and never so late that they pile up on the disk.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How long a removal gives way to starts.
const GIVES_WAY: Duration = Duration::from_secs(2);
/// So many that wait no longer give way.
const MANY: usize = 16;
/// So many that wait are carried out side by side.
const TOO_MANY: usize = 64;
const SIDE_BY_SIDE: usize = 4;

/// The starts and removals of one executor.
#[derive(Default)]
pub(crate) struct Removals {
    traffic: watch::Sender<Traffic>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Traffic {
    starting: usize,
    waiting: usize,
    removing: usize,
}

impl Traffic {
    /// Whether one of those that wait may go, having waited for so long.
    fn admits(self, waited: Duration) -> bool {
        if self.removing > 0 {
            return self.waiting > TOO_MANY && self.removing < SIDE_BY_SIDE;
        }
        self.starting == 0 || waited >= GIVES_WAY || self.waiting > MANY
    }
}

/// Takes one off a count when it is dropped.
pub(crate) struct Counted<'a> {
    removals: &'a Removals,
    count: fn(&mut Traffic) -> &mut usize,
}

impl Removals {
    /// A container is being created and started, until this is dropped.
    pub(crate) fn starting(&self) -> Counted<'_> {
        self.counted(|traffic| &mut traffic.starting)
    }

    /// Waits until a container may be removed; the turn ends when it is dropped.
    pub(crate) async fn turn(&self) -> Counted<'_> {
        let asked = Instant::now();
        let _waiting = self.counted(|traffic| &mut traffic.waiting);
        let mut changes = self.traffic.subscribe();
        loop {
            changes.borrow_and_update();
            let take = |traffic: &mut Traffic| {
                let admitted = traffic.admits(asked.elapsed());
                traffic.removing += usize::from(admitted);
                admitted
            };
            if self.traffic.send_if_modified(take) {
                return Counted { removals: self, count: |traffic| &mut traffic.removing };
            }
            if asked.elapsed() < GIVES_WAY {
                let _either = tokio::time::timeout_at(asked + GIVES_WAY, changes.changed()).await;
            } else {
                let _sender_lives = changes.changed().await;
            }
        }
    }

    fn counted(&self, count: fn(&mut Traffic) -> &mut usize) -> Counted<'_> {
        self.traffic.send_modify(|traffic| *count(traffic) += 1);
        Counted { removals: self, count }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.removals.traffic.send_modify(|traffic| *(self.count)(traffic) -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn a_removal_gives_way_to_starts_but_not_for_long_and_not_when_many_wait() {
        let traffic = |starting, waiting, removing| Traffic { starting, waiting, removing };
        let (now, late) = (Duration::ZERO, GIVES_WAY);
        for (traffic, waited, admitted) in [
            (traffic(0, 1, 0), now, true),
            (traffic(1, 1, 0), now, false),
            (traffic(9, 1, 0), late, true),
            (traffic(9, MANY + 1, 0), now, true),
            (traffic(0, 9, 1), late, false),
            (traffic(9, TOO_MANY + 1, 1), now, true),
            (traffic(9, TOO_MANY + 1, SIDE_BY_SIDE), late, false),
        ] {
            assert_eq!(traffic.admits(waited), admitted, "{traffic:?} after {waited:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn removals_go_one_by_one_and_begin_when_the_last_start_is_over() {
        let removals = Removals::default();
        let start = removals.starting();
        let mut first = Box::pin(removals.turn());
        assert!(first.as_mut().now_or_never().is_none(), "something is being started");
        drop(start);
        let turn = first.await;
        let mut second = Box::pin(removals.turn());
        assert!(second.as_mut().now_or_never().is_none(), "another one is being removed");
        drop(turn);
        drop(second.await);
        assert_eq!(*removals.traffic.borrow(), Traffic::default());
    }

    #[tokio::test(start_paused = true)]
    async fn endless_starts_do_not_keep_a_removal_for_ever() {
        let removals = Removals::default();
        let _start = removals.starting();
        let asked = Instant::now();
        let _turn = removals.turn().await;
        assert_eq!(asked.elapsed(), GIVES_WAY);
    }
}
