//! Which backups are kept: a pure decision over their names and times.

use std::collections::{BTreeSet, HashSet};

use emboflow_model::Timestamp;
use serde::Deserialize;

/// How many backups are kept of each kind; one that any rule keeps is kept. The newest always is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keep {
    /// The newest ones. Default 7.
    pub last: usize,
    /// The newest one of each of so many days (UTC). Default 7.
    pub daily: usize,
    /// The newest one of each of so many weeks (from Monday, UTC). Default 5.
    pub weekly: usize,
}

impl Default for Keep {
    fn default() -> Self {
        Self { last: 7, daily: 7, weekly: 5 }
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The names of those that are kept, of backups in any order. Days and weeks without a backup do not count.
pub fn kept(backups: &[(String, Timestamp)], keep: Keep) -> HashSet<String> {
    let mut newest_first: Vec<&(String, Timestamp)> = backups.iter().collect();
    newest_first.sort_by(|a, b| (b.1, &b.0).cmp(&(a.1, &a.0)));
    let day = |at: Timestamp| at.0.div_euclid(DAY_MS);
    // The first day of all was a Thursday.
    let week = |at: Timestamp| (day(at) + 3).div_euclid(7);
    let mut kept: HashSet<String> =
        newest_first.iter().take(keep.last.max(1)).map(|(id, _)| id.clone()).collect();
    kept.extend(first_of_each(&newest_first, keep.daily, day));
    kept.extend(first_of_each(&newest_first, keep.weekly, week));
    kept
}

fn first_of_each<'b>(
    newest_first: &'b [&(String, Timestamp)],
    count: usize,
    span: impl Fn(Timestamp) -> i64 + 'b,
) -> impl Iterator<Item = String> + 'b {
    let mut seen = BTreeSet::new();
    newest_first
        .iter()
        .filter(move |(_, at)| seen.len() < count && seen.insert(span(*at)))
        .map(|(id, _)| id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Backups every six hours, the newest at noon of a Wednesday, each named by its age in hours.
    fn every_six_hours(count: i64) -> Vec<(String, Timestamp)> {
        let noon = Timestamp("2026-11-18T12:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond());
        (0..count).map(|n| (format!("{}h", n * 6), Timestamp(noon.0 - n * 6 * 3_600_000))).collect()
    }

    fn names(count: i64, keep: Keep) -> Vec<String> {
        let backups = every_six_hours(count);
        let kept = kept(&backups, keep);
        backups.into_iter().map(|(id, _)| id).filter(|id| kept.contains(id)).collect()
    }

    #[test]
    fn the_newest_ones_are_kept() {
        assert_eq!(names(20, Keep { last: 3, daily: 0, weekly: 0 }), ["0h", "6h", "12h"]);
    }

    #[test]
    fn the_newest_of_each_day_is_kept() {
        // Noon today, then 18:00 of each day before.
        assert_eq!(names(20, Keep { last: 1, daily: 3, weekly: 0 }), ["0h", "18h", "42h"]);
    }

    #[test]
    fn the_newest_of_each_week_is_kept() {
        // Wednesday noon, then Sunday 18:00 of each week before.
        assert_eq!(names(100, Keep { last: 1, daily: 0, weekly: 3 }), ["0h", "66h", "234h"]);
    }

    #[test]
    fn rules_add_up_and_the_newest_is_kept_whatever_they_say() {
        assert_eq!(names(5, Keep { last: 0, daily: 0, weekly: 0 }), ["0h"]);
        assert_eq!(names(20, Keep { last: 2, daily: 2, weekly: 1 }), ["0h", "6h", "18h"]);
        assert!(kept(&[], Keep::default()).is_empty());
    }

    #[test]
    fn days_without_a_backup_do_not_count() {
        let mut backups = every_six_hours(2);
        backups.push(("old".to_owned(), Timestamp(0)));
        assert!(kept(&backups, Keep { last: 1, daily: 2, weekly: 0 }).contains("old"));
    }
}
