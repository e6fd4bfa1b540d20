//! One measured number, and how many of them become one.

use std::time::Duration;

use serde::Serialize;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "1/s")]
    PerSecond,
    #[serde(rename = "MB/s")]
    MegabytesPerSecond,
    #[serde(rename = "MB")]
    Megabytes,
    #[serde(rename = "kB")]
    Kilobytes,
    #[serde(rename = "runs")]
    Runs,
    #[serde(rename = "% of a core")]
    PercentOfACore,
}

impl Unit {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::PerSecond => "1/s",
            Self::MegabytesPerSecond => "MB/s",
            Self::Megabytes => "MB",
            Self::Kilobytes => "kB",
            Self::Runs => "runs",
            Self::PercentOfACore => "% of a core",
        }
    }
}

/// A measured number; ours and the floor's are compared by `name`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) value: f64,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, unit: Unit, value: f64) -> Self {
        Self { name: name.into(), unit, value }
    }

    pub(crate) fn ms(name: impl Into<String>, time: Duration) -> Self {
        Self::new(name, Unit::Milliseconds, milliseconds(time))
    }

    pub(crate) fn rate(name: impl Into<String>, count: usize, time: Duration) -> Self {
        Self::new(name, Unit::PerSecond, count as f64 / time.as_secs_f64())
    }

    pub(crate) fn throughput(name: impl Into<String>, bytes: u64, time: Duration) -> Self {
        Self::new(name, Unit::MegabytesPerSecond, bytes as f64 / 1e6 / time.as_secs_f64())
    }
}

/// The middle and the slow end of many times, as two figures.
pub(crate) fn percentiles(what: &str, times: &mut [Duration]) -> Vec<Figure> {
    times.sort_unstable();
    let figure = |name: &str, share| Figure::ms(format!("{what}{name}"), percentile(times, share));
    vec![figure("p50", 0.50), figure("p99", 0.99)]
}

/// The smallest time that `share` of the sorted times do not exceed; zero when there are none.
pub(crate) fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 0.5), Duration::from_millis(100));
        assert_eq!(percentile(&times, 0.99), Duration::from_millis(198));
        assert_eq!(percentile(&times[..1], 0.99), Duration::from_millis(1));
        assert_eq!(percentile(&[], 0.5), Duration::ZERO);
    }
}
