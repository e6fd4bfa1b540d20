//! A line that the address points at: its number, and the byte that it begins with, so that no log is read to find it.

use crate::place::here;
use crate::route::Place;

/// A line and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) line: u64,
    pub(super) offset: u64,
}

impl Mark {
    /// The line that a place points at.
    pub(super) fn of(place: &Place) -> Option<Self> {
        let number = |name| place.get(name).and_then(|text| text.parse().ok());
        Some(Self { line: number("line")?, offset: number("at")? })
    }
}

/// This place, pointing at a line.
pub(super) fn marked(line: u64, offset: u64) -> Place {
    here().with("line", &line.to_string()).with("at", &offset.to_string())
}

/// This place, pointing at no line.
pub(super) fn unmarked() -> Place {
    here().with("line", "").with("at", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_its_byte_is_no_mark() {
        let of = |query| Mark::of(&Place::parse("runs/run-01/logs", query));
        assert_eq!(of("line=12&at=340"), Some(Mark { line: 12, offset: 340 }));
        assert_eq!((of("line=12"), of("at=3"), of("line=x&at=3")), (None, None, None));
    }
}
