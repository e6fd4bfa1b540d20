use super::{at, schedule, spec};
use crate::Timestamp;
use crate::trigger::{MissedTimes, Schedule};
use crate::workflow::triggers::Missed;

const MINUTE_MS: u64 = 60_000;

fn with(cron: &str, missed: Missed) -> Schedule {
    let mut schedule = schedule(cron, "UTC");
    schedule.missed = missed;
    schedule
}

fn hourly(missed: Missed) -> Schedule {
    with("0 * * * *", missed)
}

#[test]
fn a_time_that_has_come_is_due_once() {
    let table = hourly(Missed::Last);
    let watermark = at("2026-11-21T12:30:00Z");
    let before = table.due("t", watermark, at("2026-11-21T12:59:59Z"));
    assert_eq!((before.start.len(), before.watermark), (0, watermark));
    assert_eq!(before.wake_at, Some(at("2026-11-21T13:00:00Z")));
    let due = table.due("t", watermark, at("2026-11-21T13:00:00Z"));
    assert_eq!(due.start, [at("2026-11-21T13:00:00Z")]);
    assert_eq!((due.missed, due.wake_at), (None, Some(at("2026-11-21T14:00:00Z"))));
    let again = table.due("t", due.watermark, at("2026-11-21T13:00:30Z"));
    assert_eq!((again.start.len(), again.watermark), (0, due.watermark));
}

#[test]
fn after_a_night_without_power_each_policy_does_what_it_says() {
    let watermark = at("2026-11-21T00:00:00Z");
    let now = at("2026-11-21T05:30:00Z");
    let start = |missed| hourly(missed).due("t", watermark, now).start;
    assert_eq!(start(Missed::All).len(), 5);
    assert_eq!(start(Missed::Last), [at("2026-11-21T05:00:00Z")]);
    assert_eq!(start(Missed::None), []);
    let none = hourly(Missed::None).due("t", watermark, now);
    let all = MissedTimes { count: 5, first: at("2026-11-21T01:00:00Z"), last: at("2026-11-21T05:00:00Z") };
    assert_eq!((none.missed, none.watermark), (Some(all), all.last));
    assert_eq!(hourly(Missed::Last).due("t", watermark, now).missed.unwrap().count, 4);
}

#[test]
fn the_newest_missed_time_gives_way_to_one_that_is_due_now() {
    let due = hourly(Missed::Last).due("t", at("2026-11-21T00:00:00Z"), at("2026-11-21T05:00:10Z"));
    assert_eq!(due.start, [at("2026-11-21T05:00:00Z")]);
    assert_eq!(due.missed.unwrap().count, 4);
}

#[test]
fn times_before_the_window_are_missed_and_counted_however_many_they_are() {
    let mut table = hourly(Missed::All);
    table.catch_up_ms = 3 * 60 * MINUTE_MS;
    let (from, now) = (at("2020-01-01T00:00:00Z"), at("2026-11-21T05:30:00Z"));
    let (mut watermark, mut missed) = (from, Vec::new());
    let started = loop {
        let due = table.due("t", watermark, now);
        assert!(due.watermark > watermark, "each piece goes on");
        watermark = due.watermark;
        missed.extend(due.missed);
        if due.wake_at != Some(now) {
            break due.start;
        }
        assert_eq!(due.start, [], "what is old comes first");
    };
    assert_eq!((started.first(), started.len()), (Some(&at("2026-11-21T03:00:00Z")), 3));
    let counted: u32 = missed.iter().map(|missed| missed.count).sum();
    let last = at("2026-11-21T02:00:00Z");
    assert_eq!(counted as usize, table.between(Timestamp(from.0 + 1), last, 100_000).len());
    assert_eq!((missed[0].first, missed.last().unwrap().last), (at("2020-01-01T01:00:00Z"), last));
    assert!(missed.windows(2).all(|pair| pair[0].last < pair[1].first));
}

#[test]
fn a_long_backlog_is_decided_in_pieces_that_leave_nothing_out() {
    let mut table = with("* * * * *", Missed::All);
    table.catch_up_ms = 2 * 24 * 60 * MINUTE_MS;
    let now = at("2026-11-21T05:30:30Z");
    let mut watermark = at("2026-11-19T05:30:30Z");
    let mut all = Vec::new();
    loop {
        let due = table.due("t", watermark, now);
        all.extend(due.start);
        watermark = due.watermark;
        if due.wake_at != Some(now) {
            break;
        }
    }
    assert_eq!(all.len(), 2 * 24 * 60);
    assert!(all.windows(2).all(|pair| pair[1].0 - pair[0].0 == 60_000));
    // With `last` the pieces before the end only miss.
    table.missed = Missed::Last;
    let first = table.due("t", at("2026-11-19T05:30:30Z"), now);
    assert_eq!((first.start.len(), first.missed.unwrap().count, first.wake_at), (0, 1_000, Some(now)));
}

#[test]
fn jitter_is_the_same_every_time_and_keeps_the_order() {
    let mut given = spec("*/5 * * * *", "Australia/Lord_Howe");
    given.jitter = Some("20m".into());
    let table = Schedule::new(&given).unwrap();
    let times = table.next(at("2026-04-04T12:00:00Z"), 200);
    let due: Vec<_> = times.iter().map(|time| table.due_at("one", *time)).collect();
    assert_eq!(due, times.iter().map(|time| table.due_at("one", *time)).collect::<Vec<_>>());
    assert_ne!(due, times.iter().map(|time| table.due_at("two", *time)).collect::<Vec<_>>());
    for (time, due) in times.iter().zip(&due) {
        assert!(due.ms_since(*time) < 5 * MINUTE_MS, "later than the next one: {time} at {due}");
    }
    assert!(due.windows(2).all(|pair| pair[0] < pair[1]));
    let spread: std::collections::BTreeSet<_> =
        times.iter().zip(&due).map(|(time, due)| due.ms_since(*time)).collect();
    assert!(spread.len() > 100, "they are spread");
}

#[test]
fn a_time_that_comes_late_by_its_jitter_is_not_taken_for_one_of_long_ago() {
    let mut given = spec("0 12 * * *", "UTC");
    (given.jitter, given.catch_up) = (Some("2h".into()), Some("1m".into()));
    let table = Schedule::new(&given).unwrap();
    let noon = at("2026-11-21T12:00:00Z");
    let trigger =
        (0..).map(|n| format!("t{n}")).find(|name| table.due_at(name, noon).ms_since(noon) > 60 * MINUTE_MS);
    let trigger = trigger.unwrap();
    let comes = table.due_at(&trigger, noon);
    let watermark = at("2026-11-20T18:00:00Z");
    assert_eq!(table.due(&trigger, watermark, comes).start, [noon]);
    let too_late = table.due(&trigger, watermark, comes.plus_ms(61_000));
    let missed = MissedTimes { count: 1, first: noon, last: noon };
    assert_eq!((too_late.start.len(), too_late.missed, too_late.watermark), (0, Some(missed), noon));
}

#[test]
fn a_range_has_its_ends_and_a_limit() {
    let table = schedule("0 6 * * *", "Europe/Berlin");
    let (from, to) = (at("2026-03-28T05:00:00Z"), at("2026-03-30T04:00:00Z"));
    let times = table.between(from, to, 10);
    assert_eq!(times, [from, at("2026-03-29T04:00:00Z"), to]);
    assert_eq!(table.between(from, to, 2).len(), 2);
    assert_eq!(table.between(to, from, 2), []);
}

#[test]
fn whatever_the_pieces_every_time_is_started_or_missed_exactly_once() {
    let policies = [Missed::All, Missed::Last, Missed::None];
    // Pauses between decisions, in minutes, from a fixed row of numbers that look like chance.
    let mut number: u64 = 0x9e37_79b9_7f4a_7c15;
    for round in 0..60_usize {
        let mut given = spec("*/10 * * * *", "America/New_York");
        given.jitter = (round % 2 == 0).then(|| "4m".into());
        given.missed = policies[round % 3];
        let table = Schedule::new(&given).unwrap();
        let start = at("2026-10-31T20:00:00Z");
        let (mut now, mut watermark) = (start, start);
        let (mut started, mut missed) = (Vec::new(), 0);
        while now.ms_since(start) < 15 * 60 * MINUTE_MS {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            now = Timestamp(now.0 + i64::try_from((number >> 33) % 40 * MINUTE_MS).unwrap());
            let due = table.due("t", watermark, now);
            started.extend(due.start);
            missed += due.missed.map_or(0, |missed| missed.count as usize);
            assert!(due.watermark >= watermark);
            watermark = due.watermark;
        }
        assert!(started.windows(2).all(|pair| pair[0] < pair[1]), "round {round}");
        assert_eq!(
            started.len() + missed,
            table.between(Timestamp(start.0 + 1), watermark, 10_000).len(),
            "round {round}"
        );
    }
}
