//! Measures what running tasks take of the disk, for all attempts of an executor together: one folder at a time, off
//! the threads that serve everything else, and never more than a small share of a core.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::disk_use::{DiskUse, measure};
use crate::metrics;
use crate::runtime::Place;

/// One measurement's time fits this often into the pause behind it: all of them together take 3 % of a core at most.
const COST_FACTOR: u32 = 33;
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Bytes a second that a task is taken to write at most: the less room is left, the sooner it is looked at again.
const FILL_RATE: u64 = 512 << 20;

/// All measuring of an executor.
pub(crate) struct Survey {
    turn: Arc<Semaphore>,
    watchers: AtomicUsize,
}

/// One attempt that is measured, until it is dropped.
pub(crate) struct Watcher<'a> {
    survey: &'a Survey,
    bytes: u64,
    cost: Duration,
}

impl Default for Survey {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), watchers: AtomicUsize::new(0) }
    }
}

impl Survey {
    /// Begins to watch one more attempt.
    pub(crate) fn watcher(&self) -> Watcher<'_> {
        self.watchers.fetch_add(1, Ordering::Relaxed);
        Watcher { survey: self, bytes: 0, cost: Duration::ZERO }
    }
}

impl Watcher<'_> {
    /// Measures places when it is this attempt's turn; one that cannot be read is left out. Counts up to `enough`
    /// bytes in each.
    pub(crate) async fn measure(&mut self, places: Vec<Place>, enough: u64) -> Vec<(Place, DiskUse)> {
        // The permit goes along: a walk whose attempt has ended still fills the turn.
        let turn = self.survey.turn.clone().acquire_owned().await;
        let walk = tokio::task::spawn_blocking(move || {
            let (_turn, began) = (turn, Instant::now());
            (measured(places, enough), began.elapsed())
        });
        let Ok((used, cost)) = walk.await else { return Vec::new() };
        metrics::disk_measured(cost.as_secs_f64());
        self.cost = cost;
        self.note(used.iter().map(|(_, used)| used.bytes).sum());
        used
    }

    /// How long to wait before the next measurement when so many bytes may still be written.
    pub(crate) fn pause(&self, room_bytes: u64) -> Duration {
        pause(self.cost, self.survey.watchers.load(Ordering::Relaxed), room_bytes)
    }

    fn note(&mut self, bytes: u64) {
        metrics::workspaces_changed(self.bytes, bytes);
        self.bytes = bytes;
    }
}

impl Drop for Watcher<'_> {
    fn drop(&mut self) {
        self.note(0);
        self.survey.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

fn measured(places: Vec<Place>, enough: u64) -> Vec<(Place, DiskUse)> {
    let look = |place: Place| match measure(&place.folder, enough) {
        Ok(used) => Some((place, used)),
        Err(error) => {
            tracing::debug!(%error, folder = %place.folder.display(), "a task's folder cannot be measured");
            None
        }
    };
    places.into_iter().filter_map(look).collect()
}

fn pause(cost: Duration, watchers: usize, room_bytes: u64) -> Duration {
    let until_full = Duration::from_millis(room_bytes / (FILL_RATE / 1_000)).clamp(PAUSE_MIN, PAUSE_MAX);
    let watchers = u32::try_from(watchers.max(1)).unwrap_or(u32::MAX);
    until_full.max(cost.saturating_mul(COST_FACTOR).saturating_mul(watchers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_shrinks_with_the_room_and_grows_with_the_cost() {
        let ms = Duration::from_millis;
        let gib = 1 << 30;
        assert_eq!(pause(ms(0), 1, 100 * gib), PAUSE_MAX);
        assert_eq!(pause(ms(0), 1, 0), PAUSE_MIN);
        let near = pause(ms(0), 1, 2 * gib);
        assert!(near > ms(3_900) && near < ms(4_100), "{near:?}");
        assert_eq!(pause(ms(1_000), 1, 0), Duration::from_secs(33), "a slow walk is rare");
        assert_eq!(pause(ms(1_000), 4, 0), Duration::from_secs(132), "and rarer where others measure too");
        assert!(pause(Duration::MAX, usize::MAX, u64::MAX) > PAUSE_MAX);
    }

    #[tokio::test]
    async fn a_watcher_measures_all_places_and_counts_as_one_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), vec![1; 1 << 20]).unwrap();
        let place = |name: &str| Place { target: "/x".into(), folder: folder.path().join(name) };
        let survey = Survey::default();
        let mut watcher = survey.watcher();
        assert_eq!(survey.watchers.load(Ordering::Relaxed), 1);
        let used = watcher.measure(vec![place("."), place("none"), place("a")], u64::MAX).await;
        assert_eq!(used.len(), 2, "a file is no folder and is left out");
        assert!(used[0].1.bytes >= 1 << 20 && used[1].1.bytes == 0);
        drop(watcher);
        assert_eq!(survey.watchers.load(Ordering::Relaxed), 0);
    }
}
