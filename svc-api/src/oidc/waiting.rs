//! Sign-ins that have begun: each can be finished once, soon, and only by the browser that began it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long somebody may take at the provider.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);
/// Sign-ins that wait at most; beyond it the oldest is forgotten.
const MOST: usize = 10_000;

/// What is needed to finish a sign-in.
pub(super) struct Begun {
    pub(super) nonce: String,
    pub(super) pkce_verifier: String,
    /// Fingerprint of the cookie that the browser got.
    pub(super) browser: String,
    until: Instant,
}

impl Begun {
    pub(super) fn new(nonce: String, pkce_verifier: String, browser: String) -> Self {
        Self { nonce, pkce_verifier, browser, until: Instant::now() + PATIENCE }
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
            && let Some(oldest) =
                all.iter().min_by_key(|(_, begun)| begun.until).map(|(state, _)| state.clone())
        {
            all.remove(&oldest);
        }
        all.insert(state, begun);
    }

    /// Takes a sign-in out, whatever comes of it.
    pub(super) fn take(&self, state: &str) -> Option<Begun> {
        let begun = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(state)?;
        (begun.until > Instant::now()).then_some(begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun() -> Begun {
        Begun::new("n".into(), "v".into(), "b".into())
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
}
