//! The time table of a schedule: which times it has, and when each is due.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Zoned;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

use crate::Timestamp;
use crate::workflow::quantity;
use crate::workflow::triggers::{Missed, Overlap, ScheduleSpec};

/// Characters of a time table at most.
const MAX_CRON_CHARS: usize = 128;
/// How far back missed times are looked for unless the file says otherwise: a day.
const CATCH_UP_MS: u64 = 24 * 60 * 60 * 1000;
/// The farthest that a file may ask for: 31 days.
const MAX_CATCH_UP_MS: u64 = 31 * CATCH_UP_MS;

/// A time table that has been read.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
    pub(super) jitter_ms: u64,
    /// What happens to missed times.
    pub missed: Missed,
    /// What happens while the run before still goes on.
    pub overlap: Overlap,
    /// Milliseconds that missed times are looked for.
    pub catch_up_ms: u64,
}

/// A field of a schedule that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadSchedule {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Schedule {
    /// Reads a schedule. Errors: the field that cannot be read.
    pub fn new(spec: &ScheduleSpec) -> Result<Self, BadSchedule> {
        let cron = read_cron(&spec.cron)?;
        let zone = read_zone(spec.timezone.as_deref())?;
        let duration = |field: &'static str, given: &Option<crate::workflow::field::Scalar>, otherwise| {
            given.as_ref().map_or(Ok(otherwise), |given| {
                quantity::duration_ms(given.value()).map_err(|message| bad(field, message, None))
            })
        };
        let jitter_ms = duration("jitter", &spec.jitter, 0)?;
        let catch_up_ms = duration("catch_up", &spec.catch_up, CATCH_UP_MS)?;
        if catch_up_ms > MAX_CATCH_UP_MS {
            return Err(bad("catch_up", "missed times are looked for over `31d` at most".to_owned(), None));
        }
        Ok(Self { cron, zone, jitter_ms, missed: spec.missed, overlap: spec.overlap, catch_up_ms })
    }

    /// The first time of the table after a moment; none when there is no more.
    pub fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        const HALF_HOUR_MS: i64 = 30 * 60 * 1000;
        // The search gives up at a gap of more than two hours, as where a zone left out a whole day: it is taken up
        // again behind the gap.
        let behind =
            (1..=100).map(|step| Timestamp((moment.0.div_euclid(HALF_HOUR_MS) + step) * HALF_HOUR_MS));
        self.search(moment, false).or_else(|| behind.into_iter().find_map(|from| self.search(from, true)))
    }

    fn search(&self, from: Timestamp, inclusive: bool) -> Option<Timestamp> {
        let next = self.cron.find_next_occurrence(&self.local(from)?, inclusive).ok()?;
        let next = Timestamp(next.timestamp().as_millisecond());
        (next > from || (inclusive && next == from)).then_some(next)
    }

    /// The next times after a moment, at most `count`.
    pub fn next(&self, moment: Timestamp, count: usize) -> Vec<Timestamp> {
        std::iter::successors(self.after(moment), |time| self.after(*time)).take(count).collect()
    }

    /// When a run for this time is started: with its share of the jitter, always the same for this trigger and time,
    /// and before the next time of the table.
    pub fn due_at(&self, trigger: &str, time: Timestamp) -> Timestamp {
        if self.jitter_ms == 0 {
            return time;
        }
        let interval = self.after(time).map_or(u64::MAX, |next| next.ms_since(time));
        time.plus_ms(share(trigger, time) % self.jitter_ms.min(interval).max(1))
    }

    /// The moment in the zone of the table, as RFC 3339 with the offset and the zone's name.
    pub fn local_text(&self, moment: Timestamp) -> String {
        self.local(moment).map_or_else(|| moment.to_string(), |local| local.to_string())
    }

    /// The name of the zone.
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// What the table means, in words.
    pub fn sentence(&self) -> String {
        format!("{} ({})", self.cron.describe().trim_end_matches('.'), self.zone())
    }

    /// Whether the local clock is set forward or back within a day around this moment: the hour of such a time may look
    /// odd, and it is right.
    pub fn clock_change(&self, moment: Timestamp) -> Option<ClockChange> {
        const HALF_A_DAY_MS: i64 = 12 * 60 * 60 * 1000;
        let offset = |ms: i64| self.local(Timestamp(ms)).map(|local| local.offset().seconds());
        let before = offset(moment.0 - HALF_A_DAY_MS)?;
        let after = offset(moment.0 + HALF_A_DAY_MS)?;
        match after - before {
            0 => None,
            change if change > 0 => Some(ClockChange::Forward),
            _ => Some(ClockChange::Back),
        }
    }

    fn local(&self, moment: Timestamp) -> Option<Zoned> {
        let moment = jiff::Timestamp::from_millisecond(moment.0).ok()?;
        Some(moment.to_zoned(self.zone.clone()))
    }
}

/// The local clock is set near a time of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ClockChange {
    /// Some local times are left out that day; one of them that the table names is taken at the first moment after.
    Forward,
    /// Some local times come twice that day; a single one that the table names is taken at the first.
    Back,
}

/// A number from the trigger and the time: 64 bits that look like chance.
fn share(trigger: &str, time: Timestamp) -> u64 {
    let digest = Sha256::new().chain_update(trigger).chain_update(time.0.to_be_bytes()).finalize();
    digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

fn read_cron(text: &str) -> Result<Cron, BadSchedule> {
    const HINT: &str =
        "five fields: minute, hour, day of the month, month, day of the week, such as `0 6 * * 1-5`";
    let shown: String = text.chars().take(80).collect();
    let refuse =
        |why: String| bad("cron", format!("`{shown}` is not a time table: {why}"), Some(HINT.to_owned()));
    if text.chars().count() > MAX_CRON_CHARS {
        return Err(refuse(format!("it has more than {MAX_CRON_CHARS} characters")));
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let cron = parser.parse(text).map_err(|error| refuse(error.to_string()))?;
    let start = jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    match cron.find_next_occurrence(&start, true) {
        Ok(_) => Ok(cron),
        Err(_) => Err(refuse("no day is ever like that".to_owned())),
    }
}

fn read_zone(name: Option<&str>) -> Result<TimeZone, BadSchedule> {
    let Some(name) = name else { return Ok(TimeZone::UTC) };
    // The page has no list of time zones; the server, which has one, judges.
    if jiff::tz::db().is_definitively_empty() {
        return Ok(TimeZone::UTC);
    }
    TimeZone::get(name).map_err(|_| {
        let shown: String = name.chars().take(80).collect();
        let known: Vec<_> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
        let nearest = crate::workflow::nearest(name, known.iter().map(String::as_str));
        let hint = match nearest {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => "a name of the IANA list, such as `Europe/Berlin` or `UTC`".to_owned(),
        };
        bad("timezone", format!("there is no time zone `{shown}`"), Some(hint))
    })
}

fn bad(field: &'static str, message: String, hint: Option<String>) -> BadSchedule {
    BadSchedule { field, message, hint }
}
