//! The decision log counts without gaps, so that the feed knows what it missed and what it has had.

/// How far the feed has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    last: u64,
}

/// What an event is to the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The next one.
    Next,
    /// Published again; it has been handed out.
    Old,
    /// Something came between: lost on the way, or a rejection, which is in the log but is no event.
    Gap,
}

impl Order {
    /// Everything up to `last` is known.
    pub(crate) fn after(last: u64) -> Self {
        Self { last }
    }

    /// The last place that is known.
    pub(crate) fn last(self) -> u64 {
        self.last
    }

    /// Places an event.
    pub(crate) fn place(self, seq: u64) -> Step {
        match seq {
            _ if seq <= self.last => Step::Old,
            _ if seq == self.last + 1 => Step::Next,
            _ => Step::Gap,
        }
    }

    /// Everything up to `seq` has been handed out.
    pub(crate) fn reach(&mut self, seq: u64) {
        self.last = self.last.max(seq);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_next_old_or_after_a_gap() {
        let mut order = Order::after(4);
        assert_eq!([3, 4, 5, 6].map(|seq| order.place(seq)), [Step::Old, Step::Old, Step::Next, Step::Gap]);
        order.reach(7);
        order.reach(5);
        assert_eq!(order.last(), 7);
    }
}
