//! Figures and moments as people read them.

use emboflow_model::Outcome;
use emboflow_model::transition::AttemptEnd;

/// A span of time with milliseconds where they matter.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{seconds}.{:03} s", ms % 1000),
        10_000..60_000 => format!("{seconds}.{} s", ms % 1000 / 100),
        60_000..3_600_000 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3_600_000..86_400_000 => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {:02} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// How long something still takes: whole seconds, for they are counted down.
pub(crate) fn left(ms: u64) -> String {
    let seconds = ms.div_ceil(1_000);
    if seconds < 60 { format!("{seconds} s") } else { duration(seconds * 1_000) }
}

/// How long ago, coarsely.
pub(crate) fn ago(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..5 => "just now".to_owned(),
        5..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// A zone by its minutes east of UTC.
pub(crate) fn zone(east: i32) -> String {
    if east == 0 {
        return "UTC".to_owned();
    }
    let sign = if east < 0 { '−' } else { '+' };
    format!("UTC{sign}{:02}:{:02}", east.abs() / 60, east.abs() % 60)
}

/// A number of bytes.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut amount = count as f64 / 1024.0;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    if amount < 10.0 {
        format!("{amount:.1} {}", UNITS[unit])
    } else {
        format!("{amount:.0} {}", UNITS[unit])
    }
}

/// Cores of a processor.
pub(crate) fn cores(millis: u64) -> String {
    match millis % 1000 {
        0 => format!("{}", millis / 1000),
        rest => format!("{}.{}", millis / 1000, format!("{rest:03}").trim_end_matches('0')),
    }
}

/// A count with its noun: `1 file`, `3 files`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{} {noun}s", thousands(number)) }
}

/// A number with thin spaces between groups of three digits.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

/// The exit code of an attempt, with what it means there.
pub(crate) fn exit_of(end: &AttemptEnd) -> Option<String> {
    let code = end.exit_code?;
    Some(match end.outcome {
        Outcome::Succeeded if code != 0 => format!("exit {code}: counts as success"),
        _ => exit_code(code),
    })
}

/// What an exit code usually means.
pub(crate) fn exit_code(code: i32) -> String {
    let meaning = match code {
        0 => "ended well",
        1 => "the program reported an error",
        2 => "wrong use of the program, or a missing file",
        126 => "the command is not executable",
        127 => "the command was not found",
        130 => "interrupted (SIGINT)",
        132 => "illegal instruction (SIGILL)",
        134 => "aborted (SIGABRT)",
        135 => "bus error (SIGBUS); perhaps /dev/shm is too small",
        136 => "arithmetic error (SIGFPE)",
        137 => "killed (SIGKILL); perhaps out of memory",
        139 => "invalid memory access (SIGSEGV)",
        143 => "asked to end (SIGTERM)",
        129..=192 => return format!("exit {code}: ended by signal {}", code - 128),
        _ => "the program reported an error",
    };
    format!("exit {code}: {meaning}")
}

/// The end of a long id, which is what tells ids of one day apart.
pub(crate) fn short_id(id: &str) -> String {
    let random: String = id.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect();
    if id.chars().count() > 14 { format!("…{random}") } else { id.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_spans_keep_their_milliseconds() {
        assert_eq!(duration(0), "0 ms");
        assert_eq!(duration(1_042), "1.042 s");
        assert_eq!(duration(12_345), "12.3 s");
        assert_eq!(duration(3_725_000), "1 h 02 min");
        assert_eq!(duration(61_000), "1 min 01 s");
        assert_eq!(duration(90_000_000), "1 d 01 h");
    }

    #[test]
    fn what_is_counted_down_has_whole_seconds() {
        assert_eq!([1, 1_000, 59_001, 60_001].map(left), ["1 s", "1 s", "1 min 00 s", "1 min 01 s"]);
    }

    #[test]
    fn a_zone_is_told_by_its_distance_from_utc() {
        assert_eq!([0, 480, -210].map(zone), ["UTC", "UTC+08:00", "UTC−03:30"]);
    }

    #[test]
    fn sizes_carry_a_unit() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(200 * 1024 * 1024), "200 MiB");
        assert_eq!(bytes(u64::MAX), "16384 PiB");
    }

    #[test]
    fn cores_are_shown_without_trailing_zeros() {
        assert_eq!(cores(2000), "2");
        assert_eq!(cores(1500), "1.5");
        assert_eq!(cores(50), "0.05");
    }

    #[test]
    fn exit_codes_are_put_in_words() {
        assert!(exit_code(137).contains("memory"));
        assert!(exit_code(127).contains("not found"));
        assert_eq!(exit_code(159), "exit 159: ended by signal 31");
        assert!(exit_code(-1).starts_with("exit -1"));
    }

    #[test]
    fn a_code_that_counts_as_success_is_no_error() {
        let end = |outcome: Outcome| {
            let end = serde_json::json!({ "outcome": outcome, "cause": "user", "exit_code": 3 });
            serde_json::from_value::<AttemptEnd>(end).unwrap()
        };
        assert_eq!(exit_of(&end(Outcome::Succeeded)).unwrap(), "exit 3: counts as success");
        assert_eq!(exit_of(&end(Outcome::Failed)).unwrap(), "exit 3: the program reported an error");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(thousands(1_234_567), "1\u{2009}234\u{2009}567");
        assert_eq!(thousands(999), "999");
    }
}
