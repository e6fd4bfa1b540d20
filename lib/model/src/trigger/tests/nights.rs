use super::{at, schedule, spec};
use crate::Timestamp;
use crate::trigger::{ClockChange, Schedule};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Zones with whole and half hours of daylight saving, with none, with a day that was left out, and with changes at
/// midnight.
const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Asia/Beirut",
    "America/Santiago",
    "Pacific/Chatham",
    "Pacific/Apia",
    "Asia/Shanghai",
];

fn local(schedule: &Schedule, moments: &[Timestamp]) -> Vec<String> {
    moments.iter().map(|moment| schedule.local_text(*moment)).collect()
}

/// Starts of the hours around each change of the clock of a zone in some years.
fn changes(zone: &str) -> Vec<Timestamp> {
    let zone = jiff::tz::TimeZone::get(zone).unwrap();
    let from: jiff::Timestamp = "2011-01-01T00:00:00Z".parse().unwrap();
    let to: jiff::Timestamp = "2028-01-01T00:00:00Z".parse().unwrap();
    zone.following(from)
        .take_while(|change| change.timestamp() < to)
        .map(|change| Timestamp(change.timestamp().as_millisecond()))
        .collect()
}

#[test]
fn a_single_time_that_the_night_leaves_out_is_taken_at_the_first_moment_after() {
    let berlin = schedule("30 2 * * *", "Europe/Berlin");
    let times = berlin.next(at("2026-03-27T12:00:00Z"), 3);
    assert_eq!(
        local(&berlin, &times),
        [
            "2026-03-28T02:30:00+01:00[Europe/Berlin]",
            "2026-03-29T03:00:00+02:00[Europe/Berlin]",
            "2026-03-30T02:30:00+02:00[Europe/Berlin]"
        ]
    );
    assert_eq!(berlin.clock_change(times[1]), Some(ClockChange::Forward));
    assert_eq!(berlin.clock_change(times[2]), None);
}

#[test]
fn a_single_time_that_comes_twice_in_a_night_is_taken_once() {
    let berlin = schedule("30 2 * * *", "Europe/Berlin");
    let times = berlin.next(at("2026-10-24T12:00:00Z"), 2);
    assert_eq!(
        local(&berlin, &times),
        ["2026-10-25T02:30:00+02:00[Europe/Berlin]", "2026-10-26T02:30:00+01:00[Europe/Berlin]"]
    );
    assert_eq!(berlin.clock_change(times[0]), Some(ClockChange::Back));
    // Also for somebody who asks in the middle of the repeated hour.
    assert_eq!(berlin.after(at("2026-10-25T01:15:00Z")), Some(times[1]));
}

#[test]
fn the_half_hour_of_lord_howe_is_neither_lost_nor_doubled() {
    let howe = schedule("45 1 * * *", "Australia/Lord_Howe");
    // On 5 April 2026 the clock goes from 2:00 back to 1:30; on 4 October from 2:00 on to 2:30.
    let autumn = howe.next(at("2026-04-03T16:00:00Z"), 3);
    assert_eq!(
        local(&howe, &autumn),
        [
            "2026-04-05T01:45:00+11:00[Australia/Lord_Howe]",
            "2026-04-06T01:45:00+10:30[Australia/Lord_Howe]",
            "2026-04-07T01:45:00+10:30[Australia/Lord_Howe]"
        ]
    );
    let gap = schedule("15 2 * * *", "Australia/Lord_Howe");
    let spring = gap.next(at("2026-10-03T00:00:00Z"), 2);
    assert_eq!(
        local(&gap, &spring),
        ["2026-10-04T02:30:00+11:00[Australia/Lord_Howe]", "2026-10-05T02:15:00+11:00[Australia/Lord_Howe]"]
    );
}

#[test]
fn every_fifteen_minutes_stays_every_fifteen_minutes_over_every_change_of_the_clock() {
    for zone in ZONES {
        let table = schedule("*/15 * * * *", zone);
        for change in changes(zone) {
            let from = Timestamp(change.0 - 3 * HOUR_MS);
            let times = table.between(from, Timestamp(change.0 + 3 * HOUR_MS), 100);
            assert!((24..=25).contains(&times.len()), "{zone} around {change}: {}", times.len());
            for pair in times.windows(2) {
                assert_eq!(pair[1].0 - pair[0].0, HOUR_MS / 4, "{zone} after {}", pair[0]);
            }
        }
    }
}

#[test]
fn a_daily_time_comes_once_a_local_day_whatever_the_clock_does() {
    for zone in ZONES.iter().filter(|zone| **zone != "Pacific/Apia") {
        for cron in
            ["0 0 * * *", "30 0 * * *", "15 1 * * *", "45 1 * * *", "30 2 * * *", "0 3 * * *", "59 23 * * *"]
        {
            let table = schedule(cron, zone);
            for change in changes(zone) {
                let from = Timestamp(change.0 - 5 * DAY_MS);
                let times = table.between(from, Timestamp(change.0 + 5 * DAY_MS), 100);
                let days: Vec<String> =
                    times.iter().map(|time| table.local_text(*time)[..10].to_owned()).collect();
                let mut unique = days.clone();
                unique.dedup();
                assert_eq!(days, unique, "{zone}, {cron}: a day has two");
                assert!((9..=11).contains(&days.len()), "{zone}, {cron} around {change}: {days:?}");
                for pair in times.windows(2) {
                    let gap = pair[1].0 - pair[0].0;
                    let is_day = (21 * HOUR_MS..=27 * HOUR_MS).contains(&gap);
                    assert!(is_day, "{zone}, {cron}: {} to {}", pair[0], pair[1]);
                }
            }
        }
    }
}

#[test]
fn a_table_goes_on_after_a_day_that_its_zone_left_out() {
    for cron in ["0 0 * * *", "0 12 * * *", "59 23 * * *"] {
        let samoa = schedule(cron, "Pacific/Apia");
        let times = samoa.next(at("2011-12-29T00:00:00Z"), 5);
        let days: std::collections::BTreeSet<String> =
            local(&samoa, &times).iter().map(|text| text[..10].to_owned()).collect();
        assert!(days.contains("2011-12-29") && days.contains("2011-12-31"), "{cron}: {days:?}");
        assert!(!days.contains("2011-12-30"), "{cron}: the 30th never was");
    }
}

#[test]
fn the_next_time_is_always_later_and_does_not_depend_on_when_it_is_asked_for() {
    for zone in ZONES {
        for cron in ["*/7 * * * *", "5,35 0-4 * * *", "30 2 * * 0", "0 2 1 * *"] {
            let table = schedule(cron, zone);
            for change in changes(zone) {
                let mut moment = Timestamp(change.0 - 2 * HOUR_MS);
                let end = Timestamp(change.0 + 2 * HOUR_MS);
                while moment < end {
                    let Some(next) = table.after(moment) else {
                        panic!("{zone}, {cron}: nothing after {moment}")
                    };
                    assert!(next > moment, "{zone}, {cron}: {next} after {moment}");
                    // From a moment in between it is the same one.
                    let between = Timestamp(moment.0 + (next.0 - moment.0) / 2);
                    assert_eq!(table.after(between), Some(next), "{zone}, {cron} from {between}");
                    moment = next;
                }
            }
        }
    }
}

#[test]
fn a_table_without_a_zone_is_in_utc_and_a_wrong_zone_is_named_with_the_right_one() {
    let mut plain = spec("0 6 * * *", "UTC");
    plain.timezone = None;
    let plain = Schedule::new(&plain).unwrap();
    assert_eq!(plain.after(at("2026-11-21T13:00:00Z")), Some(at("2026-11-22T06:00:00Z")));
    let wrong = Schedule::new(&spec("0 6 * * *", "Europe/Berln")).unwrap_err();
    assert_eq!(wrong.field, "timezone");
    assert_eq!(wrong.hint.as_deref(), Some("did you mean `Europe/Berlin`?"));
}

#[test]
fn what_is_no_time_table_is_refused_and_so_is_a_day_that_never_comes() {
    for bad in ["", "* * * *", "61 * * * *", "* * * * * *", "a b c d e", "0 0 30 2 *", &"*".repeat(400)] {
        let error = Schedule::new(&spec(bad, "UTC")).unwrap_err();
        assert_eq!(error.field, "cron", "{bad:?}: {error}");
    }
    for good in ["@daily", "0 6 * * MON-FRI", "*/5 8-18 * JAN,JUL 1-5", "0 0 29 2 *", "0 0 L * *"] {
        assert!(Schedule::new(&spec(good, "UTC")).is_ok(), "{good}");
    }
}

#[test]
fn a_table_says_in_words_what_it_means() {
    let sentence = schedule("30 6 * * 1-5", "Asia/Shanghai").sentence();
    assert!(sentence.contains("06:30") && sentence.contains("Asia/Shanghai"), "{sentence}");
}
