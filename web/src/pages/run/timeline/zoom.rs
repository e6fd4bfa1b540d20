//! Which stretch of the run's time is drawn; pure.

/// No stretch is shorter than this.
const SHORTEST_MS: f64 = 10.0;
/// One press of a button.
pub(super) const STEP: f64 = 0.5;

/// A stretch of the run, in milliseconds after its start. Without one, all of it is drawn, however long it grows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Zoom(Option<(f64, f64)>);

impl Zoom {
    /// Reads the address: `from-to` in milliseconds. What is no stretch is all of it.
    pub(super) fn of(text: Option<&str>) -> Self {
        let read = |text: &str| {
            let (from, to) = text.split_once('-')?;
            let (from, to): (u64, u64) = (from.parse().ok()?, to.parse().ok()?);
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^53")]
            let stretch = (from as f64, to as f64);
            (stretch.1 - stretch.0 >= SHORTEST_MS).then_some(stretch)
        };
        Self(text.and_then(read))
    }

    /// As in the address; empty for all of it.
    pub(super) fn word(self) -> String {
        self.0.map(|(from, to)| format!("{from:.0}-{to:.0}")).unwrap_or_default()
    }

    /// All of the run is drawn.
    pub(super) fn is_whole(self) -> bool {
        self.0.is_none()
    }

    /// From and to, in a run that has lasted this long.
    pub(super) fn stretch(self, whole_ms: f64) -> (f64, f64) {
        self.0.unwrap_or((0.0, whole_ms.max(1.0)))
    }

    /// This stretch of a run that has lasted so long; all of it where it fits into the stretch.
    pub(super) fn to(from: f64, to: f64, whole_ms: f64) -> Self {
        let (from, to) = if from <= to { (from, to) } else { (to, from) };
        let length = (to - from).max(SHORTEST_MS);
        if length >= whole_ms {
            return Self(None);
        }
        let from = from.clamp(0.0, whole_ms - length);
        Self(Some((from.round(), (from + length).round())))
    }

    /// Longer or shorter by this factor; the moment `at` stays where it is.
    pub(super) fn by(self, factor: f64, at: f64, whole_ms: f64) -> Self {
        let (from, to) = self.stretch(whole_ms);
        let length = ((to - from) * factor).max(SHORTEST_MS);
        let share = ((at - from) / (to - from)).clamp(0.0, 1.0);
        let from = at - share * length;
        Self::to(from, from + length, whole_ms)
    }

    /// The same around the middle.
    pub(super) fn by_middle(self, factor: f64, whole_ms: f64) -> Self {
        let (from, to) = self.stretch(whole_ms);
        self.by(factor, f64::midpoint(from, to), whole_ms)
    }

    /// Later, or earlier with a negative share of its own length.
    pub(super) fn moved(self, share: f64, whole_ms: f64) -> Self {
        let (from, to) = self.stretch(whole_ms);
        let way = (to - from) * share;
        Self::to(from + way, to + way, whole_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: f64 = 10_000.0;

    #[test]
    fn an_address_reads_back_to_the_same_stretch() {
        let zoom = Zoom::of(Some("1200-5400"));
        assert_eq!((zoom.word().as_str(), zoom.stretch(WHOLE)), ("1200-5400", (1_200.0, 5_400.0)));
        for nothing in ["", "5", "9-3", "a-b", "5-5", "1-99999999999999999999999"] {
            assert!(Zoom::of(Some(nothing)).is_whole(), "{nothing}");
        }
        assert_eq!(Zoom::default().word(), "");
    }

    #[test]
    fn what_lies_under_the_pointer_stays_there() {
        let zoom = Zoom::default().by(0.5, 2_500.0, WHOLE);
        assert_eq!(zoom.stretch(WHOLE), (1_250.0, 6_250.0));
        assert!(zoom.by(2.0, 2_500.0, WHOLE).is_whole(), "all the way out is no stretch");
    }

    #[test]
    fn a_stretch_never_leaves_the_run_nor_becomes_nothing() {
        assert_eq!(Zoom::of(Some("0-1000")).moved(-0.5, WHOLE).stretch(WHOLE), (0.0, 1_000.0));
        assert_eq!(Zoom::of(Some("9000-9900")).moved(0.5, WHOLE).stretch(WHOLE), (9_100.0, 10_000.0));
        let (from, to) = Zoom::to(400.0, 401.0, WHOLE).stretch(WHOLE);
        assert_eq!(to - from, SHORTEST_MS);
        assert_eq!(Zoom::to(700.0, 300.0, WHOLE).stretch(WHOLE), (300.0, 700.0), "dragged to the left");
    }
}
