//! How much of something each client holds at this moment.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// What everybody holds. Clones share it.
#[derive(Clone)]
pub(crate) struct Shares<K> {
    /// 0 = as much as they want.
    most: u64,
    held: Arc<Mutex<HashMap<K, u64>>>,
}

/// What a client holds until this is dropped.
pub(crate) struct Share<K: Eq + Hash> {
    of: Shares<K>,
    client: K,
    amount: u64,
}

impl<K: Clone + Eq + Hash> Shares<K> {
    /// Shares of at most so much each; 0 does not limit.
    pub(crate) fn of_at_most(most: u64) -> Self {
        Self { most, held: Arc::default() }
    }

    /// None: together with what the client holds it would be more than its share.
    pub(crate) fn take(&self, client: &K, amount: u64) -> Option<Share<K>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let own = held.get(client).copied().unwrap_or(0).saturating_add(amount);
        if self.most != 0 && own > self.most {
            return None;
        }
        held.insert(client.clone(), own);
        Some(Share { of: self.clone(), client: client.clone(), amount })
    }

    /// How much each may hold.
    pub(crate) fn most(&self) -> u64 {
        self.most
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = self.of.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = held.get_mut(&self.client) {
            *own = own.saturating_sub(self.amount);
            if *own == 0 {
                held.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_holds_more_than_a_share_and_what_is_given_back_can_be_taken_again() {
        let shares = Shares::of_at_most(3);
        let (two, one) = (shares.take(&"ada", 2), shares.take(&"ada", 1));
        assert!(two.is_some() && one.is_some() && shares.take(&"ada", 1).is_none());
        assert!(shares.take(&"bob", 3).is_some(), "another client has a share of its own");
        drop(two);
        assert!(shares.take(&"ada", 3).is_none() && shares.take(&"ada", 2).is_some());
        drop(one);
        assert!(shares.held.lock().unwrap().is_empty(), "nothing is remembered of whoever holds nothing");
        let free = Shares::of_at_most(0);
        let all: Vec<_> = (0..9).map(|_| free.take(&"ada", 1_000)).collect();
        assert!(all.iter().all(Option::is_some));
    }
}
