//! From moments to pixels; pure.

use emboflow_model::Timestamp;

use crate::format;

/// A task is never narrower than this: it must stay visible and clickable.
const NARROWEST_TASK_PX: f64 = 4.0;
/// Nor is a phase of it narrower than this.
const NARROWEST_PX: f64 = 1.5;
/// In less space than this the phases of a task cannot be told apart.
const READABLE_PX: f64 = 10.0;
/// Space to the right of the last bar.
const MARGIN_PX: f64 = 16.0;
/// One label needs about this much.
const LABEL_PX: f64 = 68.0;

/// Where a moment lies on the timeline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    from: Timestamp,
    length_ms: f64,
    width_px: f64,
}

impl Scale {
    pub(super) fn new(from: Timestamp, to: Timestamp, width_px: f64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "pixels")]
        let length_ms = to.ms_since(from).max(1) as f64;
        Self { from, length_ms, width_px: (width_px - MARGIN_PX).max(1.0) }
    }

    /// The place of what happened this many milliseconds after the start.
    #[expect(clippy::cast_precision_loss, reason = "pixels")]
    pub(super) fn x(&self, ms: u64) -> f64 {
        (ms as f64 / self.length_ms).min(1.0) * self.width_px
    }

    /// Start and width of a bar.
    pub(super) fn span(&self, from: Timestamp, to: Timestamp) -> (f64, f64) {
        let start = self.x(from.ms_since(self.from));
        let end = self.x(to.ms_since(self.from));
        (start, (end - start).max(NARROWEST_PX))
    }

    /// Start and width of a task that is too short for its phases to be told apart.
    pub(super) fn short_span(&self, from: Timestamp, to: Timestamp) -> Option<(f64, f64)> {
        let (start, width) = self.span(from, to);
        (width < READABLE_PX).then_some((start, width.max(NARROWEST_TASK_PX)))
    }

    /// Round moments with enough space for their labels, in milliseconds after the start.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and small")]
    pub(super) fn ticks(&self) -> Vec<u64> {
        let fit = (self.width_px / LABEL_PX).floor().max(1.0);
        let least = self.length_ms / fit;
        let step = STEPS_MS.iter().copied().find(|step| f64::from(*step) >= least);
        let step = step.map_or(least.ceil() as u64, u64::from).max(1);
        (0..)
            .map(|number| number * step)
            .take_while(|tick| *tick <= self.length_ms as u64)
            .take(100)
            .collect()
    }
}

/// Steps that people count in: milliseconds up to a day.
const STEPS_MS: [u32; 30] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    432_000_000,
    864_000_000,
];

/// The label of a tick: no more digits than a round moment needs.
pub(super) fn tick_text(ms: u64) -> String {
    match ms {
        0 => "0".to_owned(),
        1..1_000 => format!("{ms} ms"),
        1_000..60_000 if ms.is_multiple_of(1_000) => format!("{} s", ms / 1_000),
        60_000..3_600_000 if ms.is_multiple_of(60_000) => format!("{} min", ms / 60_000),
        3_600_000..86_400_000 if ms.is_multiple_of(3_600_000) => format!("{} h", ms / 3_600_000),
        86_400_000.. if ms.is_multiple_of(86_400_000) => format!("{} d", ms / 86_400_000),
        _ => format::duration(ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_of_a_millisecond_stays_visible() {
        let scale = Scale::new(Timestamp(0), Timestamp(3_600_000), 1_000.0);
        assert_eq!(scale.span(Timestamp(10), Timestamp(11)).1, NARROWEST_PX);
        assert_eq!(
            scale.short_span(Timestamp(10), Timestamp(11)).map(|(_, width)| width),
            Some(NARROWEST_TASK_PX)
        );
        assert_eq!(scale.short_span(Timestamp(0), Timestamp(1_800_000)), None);
    }

    #[test]
    fn ticks_are_round_and_have_space() {
        let scale = Scale::new(Timestamp(0), Timestamp(61_000), 500.0);
        assert_eq!(scale.ticks(), [0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000]);
        assert!(Scale::new(Timestamp(0), Timestamp(i64::MAX), 700.0).ticks().len() <= 101);
        assert_eq!(Scale::new(Timestamp(5), Timestamp(5), 0.0).ticks().first(), Some(&0));
    }

    #[test]
    fn tick_labels_are_short() {
        let texts: Vec<String> =
            [0, 500, 10_000, 90_000, 120_000, 7_200_000].into_iter().map(tick_text).collect();
        assert_eq!(texts, ["0", "500 ms", "10 s", "1 min 30 s", "2 min", "2 h"]);
    }
}
