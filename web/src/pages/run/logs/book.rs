//! The part of a log that the page holds: lines, and where in the log's bytes they lie. Pure.

use std::collections::VecDeque;

use emboflow_protocol::http::LogFrame;

use crate::ansi::{Style, style_after};

/// Lines held at most; the oldest give way, and can be read again.
const MOST_LINES: usize = 100_000;

/// A line and the colours it begins in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) start: Style,
    bytes: u64,
}

impl Line {
    /// Its length in the log, with the line feed.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// A stretch of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Book {
    lines: VecDeque<Line>,
    /// Byte offset of the first line; none when the server did not say.
    start: Option<u64>,
    /// Byte offset after the last byte.
    end: u64,
    /// Number of the first line, from 1, where it is known.
    first_number: Option<u64>,
    /// The last line has no line feed yet.
    open: bool,
    style: Style,
    /// Grows with every line that came at the end.
    arrived: u64,
}

/// What a live frame is to a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It was taken in, or was known already.
    Taken,
    /// Bytes before it are missing: from here to there.
    Gap { from: u64, to: u64 },
}

impl Book {
    /// A book of bytes that begin at `start`; `first_number` is the number of their first line, if known.
    pub(crate) fn open(bytes: &[u8], start: Option<u64>, first_number: Option<u64>) -> Self {
        let first_number = first_number.or((start == Some(0)).then_some(1));
        let mut book = Self { start, end: start.unwrap_or(0), first_number, ..Self::default() };
        book.append(bytes);
        book.arrived = 0;
        book
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(crate) fn arrived(&self) -> u64 {
        self.arrived
    }

    /// Byte offset after the last byte.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Byte offset of the first line, when something lies before it.
    pub(crate) fn before(&self) -> Option<u64> {
        self.start.filter(|start| *start > 0)
    }

    /// Byte offset of a line, where the server has said where the first one lies.
    pub(crate) fn offset_of(&self, place: usize) -> Option<u64> {
        let before: u64 = self.lines.iter().take(place).map(|line| line.bytes).sum();
        self.start.map(|start| start + before)
    }

    /// Lines with their numbers.
    pub(crate) fn rows(&self, first: usize, last: usize) -> Vec<(usize, Option<u64>, Line)> {
        let rows = self.lines.iter().enumerate().skip(first).take(last.saturating_sub(first));
        rows.map(|(place, line)| (place, self.first_number.map(|number| number + place as u64), line.clone()))
            .collect()
    }

    /// Once the number of all lines is known, the ones at the end can be numbered.
    pub(crate) fn number_from_end(&mut self, total: u64) {
        if self.first_number.is_none() {
            self.first_number = (total + 1).checked_sub(self.lines.len() as u64).filter(|number| *number > 0);
        }
    }

    /// Takes bytes in at the end.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ends = part.last() == Some(&b'\n');
            let text = String::from_utf8_lossy(part.strip_suffix(b"\n").unwrap_or(part)).into_owned();
            match self.lines.back_mut().filter(|_| self.open) {
                Some(line) => {
                    line.text.push_str(&text);
                    line.bytes += part.len() as u64;
                }
                None => {
                    self.lines.push_back(Line { text, start: self.style, bytes: part.len() as u64 });
                    self.arrived += 1;
                }
            }
            self.open = !ends;
            if let (true, Some(line)) = (ends, self.lines.back()) {
                self.style = style_after(&line.text, line.start);
            }
        }
        self.end += bytes.len() as u64;
        while self.lines.len() > MOST_LINES {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some(line) = self.lines.pop_front() {
            self.start = self.start.map(|start| start + line.bytes);
            self.first_number = self.first_number.map(|number| number + 1);
        }
    }

    /// Takes in a live frame; bytes that are known already are passed over.
    pub(crate) fn follow(&mut self, frame: &LogFrame) -> Fit {
        let frame_end = frame.offset + frame.size_bytes;
        if frame_end <= self.end {
            return Fit::Taken;
        }
        if frame.offset > self.end {
            return Fit::Gap { from: self.end, to: frame.offset };
        }
        let known = usize::try_from(self.end - frame.offset).unwrap_or(usize::MAX);
        match frame.text.as_bytes().get(known..) {
            // Only where no byte was replaced do text and log count alike.
            Some(rest) if frame.text.len() as u64 == frame.size_bytes => self.append(rest),
            _ if known == 0 => self.append(frame.text.as_bytes()),
            _ => return Fit::Gap { from: self.end, to: frame_end },
        }
        self.end = frame_end;
        Fit::Taken
    }

    /// Goes on at a later place: what lies between is said in a line of its own.
    pub(crate) fn skip_to(&mut self, offset: u64) {
        if offset > self.end {
            let missing = crate::format::bytes(offset - self.end);
            let text = format!("… {missing} not shown here …");
            self.lines.push_back(Line { text, start: Style::default(), bytes: offset - self.end });
            (self.open, self.first_number, self.end) = (false, None, offset);
        }
    }

    /// Puts earlier bytes, which end where the book begins, before it. Gives the number of lines they were.
    /// `whole`: they begin at the start of a line.
    pub(crate) fn prepend(&mut self, bytes: &[u8], whole: bool) -> usize {
        let Some(start) = self.start else { return 0 };
        // The first line began earlier still.
        let from = if whole {
            0
        } else {
            bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1)
        };
        let mut style = Style::default();
        let mut earlier = Vec::new();
        for part in bytes.get(from..).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
            let text = String::from_utf8_lossy(part.strip_suffix(b"\n").unwrap_or(part)).into_owned();
            let next = style_after(&text, style);
            earlier.push(Line { text, start: style, bytes: part.len() as u64 });
            style = next;
        }
        let count = earlier.len();
        earlier.into_iter().rev().for_each(|line| self.lines.push_front(line));
        self.start = Some(start.saturating_sub((bytes.len() - from) as u64));
        let number = self.first_number.and_then(|number| number.checked_sub(count as u64));
        self.first_number = if self.start == Some(0) { Some(1) } else { number };
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(offset: u64, text: &str) -> LogFrame {
        LogFrame { attempt: String::new(), offset, text: text.to_owned(), size_bytes: text.len() as u64 }
    }

    fn texts(book: &Book) -> Vec<String> {
        book.rows(0, usize::MAX).into_iter().map(|(_, _, line)| line.text).collect()
    }

    #[test]
    fn a_line_that_comes_in_pieces_is_one_line() {
        let mut book = Book::open(b"one\ntw", Some(0), None);
        assert_eq!(book.follow(&frame(6, "o\nthree\n")), Fit::Taken);
        assert_eq!(texts(&book), ["one", "two", "three"]);
        assert_eq!((book.rows(2, 3)[0].1, book.offset_of(2)), (Some(3), Some(8)));
    }

    #[test]
    fn a_frame_that_is_known_in_part_adds_only_the_rest() {
        let mut book = Book::open(b"one\n", Some(0), None);
        assert_eq!(book.follow(&frame(0, "one\ntwo\n")), Fit::Taken);
        assert_eq!(book.follow(&frame(4, "two\n")), Fit::Taken);
        assert_eq!(texts(&book), ["one", "two"]);
        assert_eq!(book.end(), 8);
    }

    #[test]
    fn missing_bytes_are_a_gap_and_then_said() {
        let mut book = Book::open(b"one\n", Some(0), None);
        assert_eq!(book.follow(&frame(10, "x\n")), Fit::Gap { from: 4, to: 10 });
        book.skip_to(10);
        assert_eq!(book.follow(&frame(10, "x\n")), Fit::Taken);
        assert_eq!(texts(&book).len(), 3);
        assert_eq!(book.rows(2, 3)[0].1, None, "after a gap nobody knows the line's number");
    }

    #[test]
    fn earlier_bytes_lose_their_first_broken_line() {
        let mut book = Book::open(b"four\n", Some(14), Some(4));
        assert_eq!(book.prepend(b"ne\ntwo\nthree\n", false), 2);
        assert_eq!(texts(&book), ["two", "three", "four"]);
        assert_eq!(book.rows(0, 1)[0].1, Some(2));
        assert_eq!(book.before(), Some(4));
        assert_eq!(book.prepend(b"one\n", true), 1);
        assert_eq!((book.before(), book.rows(0, 1)[0].1), (None, Some(1)));
    }

    #[test]
    fn replaced_bytes_do_not_move_the_offsets() {
        let mut book = Book::open(b"", Some(0), None);
        let noise = LogFrame {
            attempt: String::new(),
            offset: 0,
            text: "\u{fffd}\u{fffd}\n".to_owned(),
            size_bytes: 3,
        };
        assert_eq!(book.follow(&noise), Fit::Taken);
        assert_eq!(book.end(), 3);
    }

    #[test]
    fn a_flood_keeps_only_the_newest_lines() {
        let flood = "x\n".repeat(MOST_LINES + 10);
        let book = Book::open(flood.as_bytes(), Some(0), None);
        assert_eq!((book.len(), book.before(), book.rows(0, 1)[0].1), (MOST_LINES, Some(20), Some(11)));
    }
}
