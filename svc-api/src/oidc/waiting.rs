//! Sign-ins that have begun: each can be finished once, soon, and only by the browser that began it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::limits::network_of;

/// How long somebody may take at the provider.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);
/// Sign-ins that wait at most; beyond it the network with the most of them loses its oldest.
const MOST: usize = 10_000;

/// What is needed to finish a sign-in.
pub(super) struct Begun {
    pub(super) nonce: String,
    pub(super) pkce_verifier: String,
    /// Fingerprint of the cookie that the browser got.
    pub(super) browser: String,
    network: IpAddr,
    until: Instant,
}

impl Begun {
    pub(super) fn new(nonce: String, pkce_verifier: String, browser: String, address: IpAddr) -> Self {
        let until = Instant::now() + PATIENCE;
        Self { nonce, pkce_verifier, browser, network: network_of(address), until }
    }
}

/// The sign-ins that wait, by state.
#[derive(Default)]
pub(super) struct Waiting(Mutex<HashMap<String, Begun>>);

impl Waiting {
    pub(super) fn add(&self, state: String, begun: Begun) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            let now = Instant::now();
            all.retain(|_, begun| begun.until > now);
        }
        if all.len() >= MOST
            && let Some(least_missed) = oldest_of_the_busiest(&all)
        {
            all.remove(&least_missed);
        }
        all.insert(state, begun);
    }

    /// Takes a sign-in out, whatever comes of it.
    pub(super) fn take(&self, state: &str) -> Option<Begun> {
        let begun = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(state)?;
        (begun.until > Instant::now()).then_some(begun)
    }
}

/// Whoever begins many pushes out its own.
fn oldest_of_the_busiest(all: &HashMap<String, Begun>) -> Option<String> {
    let mut counts: HashMap<IpAddr, usize> = HashMap::new();
    for begun in all.values() {
        *counts.entry(begun.network).or_default() += 1;
    }
    let rank = |begun: &Begun| (counts.get(&begun.network).copied(), Reverse(begun.until));
    all.iter().max_by_key(|(_, begun)| rank(begun)).map(|(state, _)| state.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Begun {
        Begun::new("n".into(), "v".into(), "b".into(), address.parse().unwrap())
    }

    fn begun() -> Begun {
        from("192.0.2.1")
    }

    #[tokio::test(start_paused = true)]
    async fn a_state_is_good_once_and_not_for_ever() {
        let waiting = Waiting::default();
        waiting.add("one".into(), begun());
        waiting.add("two".into(), begun());
        assert!(waiting.take("one").is_some() && waiting.take("one").is_none());
        tokio::time::advance(PATIENCE).await;
        assert!(waiting.take("two").is_none());
    }

    #[test]
    fn sign_ins_that_nobody_finishes_do_not_pile_up() {
        let waiting = Waiting::default();
        for index in 0..MOST + 10 {
            waiting.add(format!("s{index}"), begun());
        }
        assert_eq!(waiting.0.lock().unwrap().len(), MOST);
        assert!(waiting.take(&format!("s{}", MOST + 9)).is_some());
    }

    #[test]
    fn a_stranger_who_begins_many_pushes_out_nobodys_but_its_own() {
        let waiting = Waiting::default();
        waiting.add("anna".into(), from("192.0.2.7"));
        for index in 0..MOST + 10 {
            // A host with IPv6 has a whole network of addresses.
            waiting.add(format!("s{index}"), from(&format!("2001:db8:0:1::{index:x}")));
        }
        assert_eq!(waiting.0.lock().unwrap().len(), MOST);
        assert!(waiting.take("anna").is_some());
        assert!(waiting.take("s0").is_none(), "its oldest goes first");
    }
}
