//! Durations, sizes and CPU amounts as people write them.

use serde_json::Value;

use super::limits::MAX_GPUS;

/// The signals that may ask a container to end.
pub(super) const SIGNALS: &[&str] =
    &["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGKILL"];

/// The longest duration: 366 days.
const MAX_DURATION_MS: u64 = 366 * 24 * 60 * 60 * 1000;
/// The greatest size: 1 PiB.
const MAX_SIZE_BYTES: u64 = 1 << 50;
/// The greatest CPU amount: a million cores.
const MAX_CPU_MILLIS: u64 = 1_000_000_000;

const DURATION_UNITS: &[(&str, u64)] =
    &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

const SIZE_UNITS: &[(&str, u64)] = &[
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("k", 1000),
    ("K", 1000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
];

/// Milliseconds of `500ms`, `30s`, `5m`, `1h30m` or `2d`. Errors: what is wrong, in words.
pub fn duration_ms(value: &Value) -> Result<u64, String> {
    let Value::String(text) = value else {
        return Err(format!(
            "{value} is not a duration: it needs a unit, such as \"30s\", \"5m\" or \"1h30m\""
        ));
    };
    let wrong = || {
        format!("`{}` is not a duration such as `500ms`, `30s`, `5m` or `1h30m`", super::suggest::shown(text))
    };
    let mut total: u64 = 0;
    let mut rest = text.trim();
    let mut last_unit = u64::MAX;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = DURATION_UNITS.iter().find(|(name, _)| *name == &rest[..letters]).ok_or_else(wrong)?.1;
        if unit >= last_unit {
            return Err(wrong());
        }
        last_unit = unit;
        rest = &rest[letters..];
        total = number.checked_mul(unit).and_then(|part| total.checked_add(part)).unwrap_or(u64::MAX);
    }
    match total {
        0 => Err(format!("`{text}` is no time at all; a duration is at least `1ms`")),
        1..=MAX_DURATION_MS => Ok(total),
        _ => Err(format!("`{}` is longer than 366 days", super::suggest::shown(text))),
    }
}

/// Milliseconds of a silence that can be told from a pause: at least a second. Errors: what is wrong, in words.
pub fn heartbeat_ms(value: &Value) -> Result<u64, String> {
    match duration_ms(value)? {
        0..1_000 => Err(format!("{value} is too short for a heartbeat; the least is \"1s\"")),
        ms => Ok(ms),
    }
}

/// Bytes of `512Mi`, `1.5Gi`, `500M` or a plain number. Errors: what is wrong, in words.
pub fn size_bytes(value: &Value) -> Result<u64, String> {
    let wrong = || {
        let shown = super::suggest::shown(value.as_str().unwrap_or(&value.to_string()));
        format!("`{shown}` is not a size such as `512Mi`, `2Gi`, `500M` or a number of bytes")
    };
    let bytes = match value {
        Value::Number(number) => number.as_u64().ok_or_else(wrong)?,
        Value::String(text) => {
            let text = text.trim();
            let (number, unit) = SIZE_UNITS
                .iter()
                .find_map(|(unit, factor)| text.strip_suffix(unit).map(|number| (number, *factor)))
                .unwrap_or((text.strip_suffix('B').unwrap_or(text), 1));
            scaled(number, unit).ok_or_else(wrong)?
        }
        _ => return Err(wrong()),
    };
    if bytes > MAX_SIZE_BYTES {
        return Err(format!("{bytes} bytes is more than 1024 Ti"));
    }
    Ok(bytes)
}

/// Thousandths of a core of `2`, `0.5` or `500m`. Errors: what is wrong, in words.
pub fn cpu_millis(value: &Value) -> Result<u64, String> {
    let wrong = || {
        let shown = super::suggest::shown(value.as_str().unwrap_or(&value.to_string()));
        format!("`{shown}` is not a CPU amount such as `2`, `0.5` or `500m`")
    };
    let millis = match value {
        Value::Number(number) => match number.as_f64() {
            Some(cores) if !number.is_u64() => scaled(&format!("{cores:.3}"), 1000),
            _ => scaled(&number.to_string(), 1000),
        },
        Value::String(text) => match text.trim().strip_suffix('m') {
            Some(millis) => scaled(millis, 1),
            None => scaled(text.trim(), 1000),
        },
        _ => None,
    };
    match millis.ok_or_else(wrong)? {
        0 => Err(format!(
            "`{}` is no CPU at all; the least is `1m`",
            value.as_str().unwrap_or(&value.to_string())
        )),
        millis @ 1..=MAX_CPU_MILLIS => Ok(millis),
        millis => Err(format!("{} cores is more than a million", millis / 1000)),
    }
}

/// A whole number from 1 to `u32::MAX`. Errors: what is wrong, in words.
pub fn count(value: &Value) -> Result<u32, String> {
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("{value} is not a whole number of at least 1"))
}

/// Graphics processors: a whole number from 0 to [`MAX_GPUS`]. Errors: what is wrong, in words.
pub fn gpus(value: &Value) -> Result<u64, String> {
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| *number <= MAX_GPUS).ok_or_else(|| {
        format!("{value} is not a number of graphics processors: a whole number up to {MAX_GPUS}")
    })
}

/// A decimal such as `1.5` times the factor, when that is a whole number.
fn scaled(text: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) || fraction.len() > 9
    {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let scale = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    let fraction: u64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let part = u128::from(fraction) * u128::from(factor) / u128::from(scale);
    whole.checked_mul(factor)?.checked_add(u64::try_from(part).ok()?)
}
