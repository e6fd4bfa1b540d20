//! Long lists: which rows are in sight, and the space that the others take.

use dioxus::prelude::*;

/// Up to this many rows are simply all drawn.
const SHORT: usize = 300;
/// Rows drawn beyond each edge, so that scrolling shows no gap.
const MARGIN: usize = 12;

/// The rows to draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Frame {
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) above_px: f64,
    pub(crate) below_px: f64,
}

/// Whether a list is so long that not all of it is drawn.
pub(crate) fn is_long(total: usize) -> bool {
    total > SHORT
}

/// The rows of a list in sight, when it is scrolled to `top` pixels in a window of `height` pixels.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixels"
)]
pub(crate) fn frame(top: f64, height: f64, row_px: f64, total: usize) -> Frame {
    if !is_long(total) {
        return Frame { first: 0, last: total, above_px: 0.0, below_px: 0.0 };
    }
    let in_view = (height / row_px).ceil() as usize + 1;
    let first = ((top.max(0.0) / row_px) as usize).saturating_sub(MARGIN).min(total);
    let last = (first + in_view + 2 * MARGIN).min(total);
    Frame { first, last, above_px: first as f64 * row_px, below_px: (total - last) as f64 * row_px }
}

/// The same for rows of different heights.
pub(crate) fn frame_of(top: f64, height: f64, rows: impl ExactSizeIterator<Item = f64>) -> Frame {
    let total = rows.len();
    if !is_long(total) {
        return Frame { first: 0, last: total, above_px: 0.0, below_px: 0.0 };
    }
    // The bottom edge of each row.
    let edges: Vec<f64> = rows
        .scan(0.0, |y, row_px| {
            *y += row_px;
            Some(*y)
        })
        .collect();
    let first = edges.partition_point(|edge| *edge <= top.max(0.0)).saturating_sub(MARGIN);
    let last = (edges.partition_point(|edge| *edge < top + height) + 1 + MARGIN).clamp(first, total);
    let edge = |row: usize| row.checked_sub(1).and_then(|row| edges.get(row)).copied().unwrap_or(0.0);
    Frame { first, last, above_px: edge(first), below_px: edge(total) - edge(last) }
}

/// The space of rows that are not drawn, in a table.
#[component]
pub(crate) fn Pad(px: f64, columns: u32) -> Element {
    if px <= 0.0 {
        return rsx! {};
    }
    rsx! {
        tr { class: "pad", "aria-hidden": "true",
            td { colspan: "{columns}", height: "{px}px" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_list_is_drawn_whole() {
        assert_eq!(frame(0.0, 100.0, 40.0, 20), Frame { first: 0, last: 20, above_px: 0.0, below_px: 0.0 });
    }

    #[test]
    fn a_long_list_is_drawn_around_what_is_in_sight() {
        let frame = frame(40_000.0, 800.0, 40.0, 10_000);
        assert!(frame.first <= 1_000 && frame.last >= 1_020 && frame.last - frame.first < 60);
        assert_eq!(frame.above_px + frame.below_px, (10_000 - (frame.last - frame.first)) as f64 * 40.0);
    }

    #[test]
    fn rows_of_different_heights_are_drawn_around_what_is_in_sight() {
        let heights = || (0..1_000).map(|row| if row % 2 == 0 { 20.0 } else { 60.0 });
        let frame = frame_of(8_000.0, 800.0, heights());
        assert!(frame.first <= 200 && frame.last >= 220 && frame.last - frame.first < 60);
        let drawn: f64 = heights().skip(frame.first).take(frame.last - frame.first).sum();
        assert_eq!(frame.above_px + drawn + frame.below_px, 40_000.0);
        assert_eq!(frame_of(1e9, 800.0, heights()).last, 1_000);
    }

    #[test]
    fn scrolling_beyond_the_end_is_no_trouble() {
        let frame = frame(1e9, 800.0, 40.0, 1_000);
        assert!(frame.last == 1_000 && frame.first <= frame.last);
    }
}
