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
    began: Timestamp,
    /// The stretch that is drawn, in milliseconds after the start.
    from_ms: f64,
    length_ms: f64,
    width_px: f64,
}

impl Scale {
    /// Draws this stretch, in milliseconds after `began`.
    pub(super) fn new(began: Timestamp, (from_ms, to_ms): (f64, f64), width_px: f64) -> Self {
        let width_px = (width_px - MARGIN_PX).max(1.0);
        Self { began, from_ms, length_ms: (to_ms - from_ms).max(1.0), width_px }
    }

    /// The place of what happened this many milliseconds after the start; at an edge when it is not in the stretch.
    #[expect(clippy::cast_precision_loss, reason = "pixels")]
    pub(super) fn x(&self, ms: u64) -> f64 {
        ((ms as f64 - self.from_ms) / self.length_ms).clamp(0.0, 1.0) * self.width_px
    }

    /// What happened at this place, in milliseconds after the start.
    pub(super) fn ms(&self, x: f64) -> f64 {
        self.from_ms + (x / self.width_px).clamp(0.0, 1.0) * self.length_ms
    }

    /// Start and width of a bar; none when all of it lies outside.
    pub(super) fn span(&self, from: Timestamp, to: Timestamp) -> Option<(f64, f64)> {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^53")]
        let (from_ms, to_ms) = (from.ms_since(self.began) as f64, to.ms_since(self.began) as f64);
        if to_ms < self.from_ms || from_ms > self.from_ms + self.length_ms {
            return None;
        }
        let start = self.x(from.ms_since(self.began));
        let end = self.x(to.ms_since(self.began));
        Some((start, (end - start).max(NARROWEST_PX)))
    }

    /// Start and width of a task that is too short for its phases to be told apart.
    pub(super) fn short_span(&self, from: Timestamp, to: Timestamp) -> Option<(f64, f64)> {
        let (start, width) = self.span(from, to)?;
        // Cut off by an edge, it only looks short.
        #[expect(clippy::cast_precision_loss, reason = "pixels")]
        let whole = to.ms_since(from) as f64 / self.length_ms * self.width_px;
        (whole < READABLE_PX).then_some((start, width.max(NARROWEST_TASK_PX)))
    }

    /// Round moments with enough space for their labels, in milliseconds after the start.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and small")]
    pub(super) fn ticks(&self) -> Vec<u64> {
        let fit = (self.width_px / LABEL_PX).floor().max(1.0);
        let least = self.length_ms / fit;
        let step = STEPS_MS.iter().copied().find(|step| f64::from(*step) >= least);
        let step = step.map_or(least.ceil() as u64, u64::from).max(1);
        let first = (self.from_ms.max(0.0) as u64).div_ceil(step);
        (first..)
            .map(|number| number * step)
            .take_while(|tick| *tick <= (self.from_ms + self.length_ms) as u64)
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
        let scale = Scale::new(Timestamp(0), (0.0, 3_600_000.0), 1_000.0);
        assert_eq!(scale.span(Timestamp(10), Timestamp(11)).map(|(_, width)| width), Some(NARROWEST_PX));
        assert_eq!(
            scale.short_span(Timestamp(10), Timestamp(11)).map(|(_, width)| width),
            Some(NARROWEST_TASK_PX)
        );
        assert_eq!(scale.short_span(Timestamp(0), Timestamp(1_800_000)), None);
    }

    #[test]
    fn what_lies_outside_the_stretch_is_cut_off() {
        let scale = Scale::new(Timestamp(1_000), (100.0, 200.0), 100.0 + MARGIN_PX);
        assert_eq!(scale.span(Timestamp(1_000), Timestamp(1_050)), None);
        assert_eq!(scale.span(Timestamp(1_300), Timestamp(1_400)), None);
        assert_eq!(scale.span(Timestamp(1_050), Timestamp(1_150)), Some((0.0, 50.0)));
        assert_eq!(scale.short_span(Timestamp(1_000), Timestamp(1_101)), None, "only its end is in sight");
        assert_eq!(scale.ms(50.0), 150.0);
    }

    #[test]
    fn ticks_are_round_and_have_space() {
        let scale = Scale::new(Timestamp(0), (0.0, 61_000.0), 500.0);
        assert_eq!(scale.ticks(), [0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000]);
        #[expect(clippy::cast_precision_loss, reason = "any number that is far too large will do")]
        let endless = Scale::new(Timestamp(0), (0.0, i64::MAX as f64), 700.0);
        assert!(endless.ticks().len() <= 101);
        assert_eq!(Scale::new(Timestamp(5), (0.0, 0.0), 0.0).ticks().first(), Some(&0));
        assert_eq!(Scale::new(Timestamp(0), (1_010.0, 1_050.0), 400.0).ticks().first(), Some(&1_010));
    }

    #[test]
    fn tick_labels_are_short() {
        let texts: Vec<String> =
            [0, 500, 10_000, 90_000, 120_000, 7_200_000].into_iter().map(tick_text).collect();
        assert_eq!(texts, ["0", "500 ms", "10 s", "1 min 30 s", "2 min", "2 h"]);
    }
}
