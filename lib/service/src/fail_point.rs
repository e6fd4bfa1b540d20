//! Places at which a test lets a process die, to see what its next life makes of it.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};

/// At which place the process dies, if at any.
#[derive(Debug, Default)]
pub struct FailPoints(Option<Armed>);

#[derive(Debug)]
struct Armed {
    place: String,
    /// At which visit, from 1.
    nth: u64,
    visits: AtomicU64,
}

impl FailPoints {
    /// From `place:N` (die at the N-th visit, from 1; `place` alone is the first); nothing is armed without it. Errors:
    /// none of the `known` places, no number.
    pub fn parse(text: Option<&str>, known: &[String]) -> anyhow::Result<Self> {
        let Some(text) = text else { return Ok(Self::default()) };
        let (place, nth) = text.split_once(':').unwrap_or((text, "1"));
        anyhow::ensure!(
            known.iter().any(|known| known == place),
            "no place to die at is called '{place}'; there are {known:?}"
        );
        Ok(Self(Some(Armed { place: place.to_owned(), nth: nth.parse()?, visits: AtomicU64::new(0) })))
    }

    /// Dies here, at once and without a word, if this is the visit that was armed.
    pub fn visit(&self, place: impl Display) {
        let Some(Armed { place: armed, nth, visits }) = &self.0 else { return };
        if *armed == place.to_string() && visits.fetch_add(1, Ordering::Relaxed) + 1 == *nth {
            std::process::abort();
        }
    }
}
