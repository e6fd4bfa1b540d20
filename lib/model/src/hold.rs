//! A hold on removals: while one is in force nothing that has ended is removed, because a backup is being taken.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The kept document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// It ends by itself then, also when whoever made it has died.
    pub until: Timestamp,
}

impl Hold {
    /// Kind of the kept documents; their scope is empty, their name that of the backup.
    pub const KIND: &str = "hold";
    /// Milliseconds that one lasts at most: 12 hours.
    pub const LONGEST_MS: u64 = 12 * 60 * 60 * 1_000;

    /// One that lasts until then.
    pub const fn until(until: Timestamp) -> Self {
        Self { until }
    }

    /// As it is kept.
    pub fn to_json(self) -> String {
        serde_json::to_string(&self).expect("a time is JSON")
    }

    /// Whether one of these is in force. One that cannot be read is: it is somebody's who knows more.
    pub fn is_any_in_force<'b>(bodies: impl IntoIterator<Item = &'b str>, now: Timestamp) -> bool {
        bodies
            .into_iter()
            .any(|body| serde_json::from_str::<Self>(body).map_or(true, |hold| now < hold.until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_in_force_until_its_end() {
        let body = Hold::until(Timestamp(100)).to_json();
        assert!(Hold::is_any_in_force([&*body], Timestamp(99)));
        assert!(!Hold::is_any_in_force([&*body], Timestamp(100)));
        assert!(!Hold::is_any_in_force([], Timestamp(0)));
        assert!(Hold::is_any_in_force([&*body, "?"], Timestamp(100)), "an unreadable one counts");
    }
}
