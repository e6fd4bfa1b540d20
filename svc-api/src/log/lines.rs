//! Lines in a stream of bytes: counting back from the end, and searching.

use emboflow_protocol::http::{LogMatch, LogMatches};
use regex::bytes::Regex;

/// Bytes of a line that are searched; the rest of a longer one is passed over.
const LINE_MAX_BYTES: usize = 1024 * 1024;
/// Characters of a matching line that are shown.
const SHOWN_CHARACTERS: usize = 2_000;

/// Looks for the start of the last lines of a log, block by block from its end.
#[derive(Debug)]
pub(crate) struct TailSearch {
    wanted: u64,
    found: u64,
    is_last_byte: bool,
}

impl TailSearch {
    /// The last `wanted` lines.
    pub(crate) fn new(wanted: u32) -> Self {
        Self { wanted: u64::from(wanted), found: 0, is_last_byte: true }
    }

    /// Takes the block before the ones it has had. Gives the place in it where the wanted lines start.
    pub(crate) fn take(&mut self, block: &[u8]) -> Option<usize> {
        for (place, byte) in block.iter().enumerate().rev() {
            // The line feed at the very end closes the last line, it does not begin another.
            let closes = std::mem::take(&mut self.is_last_byte);
            if *byte != b'\n' || (closes && self.wanted > 0) {
                continue;
            }
            self.found += 1;
            if self.found >= self.wanted {
                return Some(place + 1);
            }
        }
        None
    }
}

/// Searches lines as their bytes come.
pub(crate) struct LineSearch {
    pattern: Regex,
    limit: usize,
    line: Vec<u8>,
    number: u64,
    offset: u64,
    next_offset: u64,
    found: LogMatches,
}

impl LineSearch {
    /// Looks for `pattern` and keeps the first `limit` matching lines.
    pub(crate) fn new(pattern: Regex, limit: usize) -> Self {
        Self {
            pattern,
            limit,
            line: Vec::new(),
            number: 1,
            offset: 0,
            next_offset: 0,
            found: LogMatches::default(),
        }
    }

    /// Takes the next bytes.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let room = LINE_MAX_BYTES.saturating_sub(self.line.len()).min(text.len());
            self.line.extend_from_slice(&text[..room]);
            self.next_offset += part.len() as u64;
            if text.len() < part.len() {
                self.end_line();
            }
        }
    }

    /// Everything that was found.
    pub(crate) fn finish(mut self) -> LogMatches {
        if self.next_offset > self.offset {
            self.end_line();
        }
        self.found
    }

    fn end_line(&mut self) {
        if self.pattern.is_match(&self.line) {
            self.found.total += 1;
            if self.found.matches.len() < self.limit {
                let text: String =
                    String::from_utf8_lossy(&self.line).chars().take(SHOWN_CHARACTERS).collect();
                self.found.matches.push(LogMatch { line: self.number, offset: self.offset, text });
            }
        }
        self.line.clear();
        self.number += 1;
        self.offset = self.next_offset;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(log: &[u8], wanted: u32, block: usize) -> usize {
        let mut search = TailSearch::new(wanted);
        let mut end = log.len();
        while end > 0 {
            let start = end.saturating_sub(block);
            if let Some(place) = search.take(&log[start..end]) {
                return start + place;
            }
            end = start;
        }
        0
    }

    #[test]
    fn the_last_lines_start_after_a_line_feed_whatever_the_blocks() {
        for block in 1..20 {
            assert_eq!(&b"one\ntwo\nthree\n"[tail(b"one\ntwo\nthree\n", 2, block)..], b"two\nthree\n");
            assert_eq!(&b"one\ntwo\nthree"[tail(b"one\ntwo\nthree", 1, block)..], b"three");
            assert_eq!(tail(b"one\ntwo\n", 5, block), 0);
            assert_eq!(&b"one\n\n\n"[tail(b"one\n\n\n", 2, block)..], b"\n\n");
            assert_eq!(tail(b"", 3, block), 0);
        }
    }

    fn search(pattern: &str, log: &[u8], block: usize, limit: usize) -> LogMatches {
        let mut search = LineSearch::new(Regex::new(pattern).unwrap(), limit);
        log.chunks(block).for_each(|part| search.take(part));
        search.finish()
    }

    #[test]
    fn matching_lines_are_found_with_number_and_offset_whatever_the_blocks() {
        for block in 1..12 {
            let found = search("error|last", b"fine\nan error\n\nlast", block, 10);
            let places: Vec<_> =
                found.matches.iter().map(|line| (line.line, line.offset, line.text.as_str())).collect();
            assert_eq!(places, [(2, 5, "an error"), (4, 15, "last")]);
        }
    }

    #[test]
    fn more_matches_than_wanted_are_counted_and_binary_noise_is_harmless() {
        let found = search("x", b"x\nx\n\xff\xfex\n\0\n", 3, 2);
        assert_eq!((found.total, found.matches.len()), (3, 2));
        let long = vec![b'y'; 3 * LINE_MAX_BYTES];
        let found = search("y", &long, 65_536, 1);
        assert_eq!((found.total, found.matches[0].text.len()), (1, SHOWN_CHARACTERS));
    }
}
