//! Hides the values of secrets in a log, whatever pieces it comes in: each stretch of bytes that shows one becomes
//! `***`. Also in the forms in which programs usually show them: base64, hexadecimal, in a URL, in JSON, in a shell.
//!
//! What comes out depends on the bytes alone and not on the pieces, so that a log which is read again from its first byte
//! gives the same bytes at the same offsets.

use std::collections::BTreeSet;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use bytes::{Bytes, BytesMut};
use emboflow_protocol::SecretValue;

use super::forms::{forms_of, json};

/// What stands in the place of a secret.
const MARK: &[u8] = b"***";
/// A line of a value that is as long as this is hidden by itself too: logs show values line by line.
const LINE_MIN_BYTES: usize = 8;
/// Shorter forms would hide half of an ordinary log and protect nothing.
const FORM_MIN_BYTES: usize = 4;

/// What is to be hidden in the log of one attempt. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Mask(Option<Arc<Patterns>>);

struct Patterns {
    search: AhoCorasick,
    /// In order, so that the beginnings of a text can be looked up.
    sorted: Vec<Vec<u8>>,
    longest: usize,
}

impl Mask {
    /// Hides these values. Errors: there are more forms of them than can be searched for at once.
    pub(crate) fn new<'v>(values: impl IntoIterator<Item = &'v SecretValue>) -> Result<Self, String> {
        let mut patterns = BTreeSet::new();
        for value in values {
            let value = value.reveal();
            let whole = [value, value.trim()].into_iter().flat_map(forms_of);
            let lines = value.lines().map(str::trim).filter(|line| line.len() >= LINE_MIN_BYTES);
            let lines = lines.flat_map(|line| [line.to_owned(), json(line)]).map(String::into_bytes);
            patterns.extend(whole.chain(lines).filter(|form| form.len() >= FORM_MIN_BYTES));
        }
        let sorted: Vec<Vec<u8>> = patterns.into_iter().collect();
        let Some(longest) = sorted.iter().map(Vec::len).max() else { return Ok(Self(None)) };
        let search = AhoCorasick::new(&sorted).map_err(|error| error.to_string())?;
        Ok(Self(Some(Arc::new(Patterns { search, sorted, longest }))))
    }

    /// Whether a text shows something that is to be hidden.
    pub(crate) fn hides(&self, text: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|patterns| patterns.search.is_match(text))
    }

    /// Begins with the first byte of a log.
    pub(crate) fn begin(&self) -> Masking {
        Masking { patterns: self.0.clone(), held: Vec::new(), covered: 0, in_mark: false }
    }
}

impl Patterns {
    /// Bytes at the end of a text that may be the beginning of something to hide.
    fn open_end(&self, text: &[u8]) -> usize {
        let most = text.len().min(self.longest - 1);
        let mut tails = (1..=most).rev().map(|length| &text[text.len() - length..]);
        tails.find(|tail| self.begins_with(tail)).map_or(0, <[u8]>::len)
    }

    fn begins_with(&self, start: &[u8]) -> bool {
        let at = self.sorted.partition_point(|pattern| pattern.as_slice() < start);
        // The pattern itself is found by the search; only what goes on behind `start` keeps the end open.
        self.sorted[at..]
            .iter()
            .take_while(|pattern| pattern.starts_with(start))
            .any(|pattern| pattern.len() > start.len())
    }
}

/// One reading of a log.
pub(crate) struct Masking {
    patterns: Option<Arc<Patterns>>,
    /// Bytes that may be the beginning of a secret.
    held: Vec<u8>,
    /// How many of those show the end of one that began before them.
    covered: usize,
    /// The byte before those was hidden.
    in_mark: bool,
}

impl Masking {
    /// Takes the next bytes, and gives what is safe to show by now.
    pub(crate) fn push(&mut self, bytes: Bytes) -> Bytes {
        let Some(patterns) = self.patterns.clone() else { return bytes };
        self.held.extend_from_slice(&bytes);
        let settled = self.held.len() - patterns.open_end(&self.held);
        self.settle(&patterns, settled)
    }

    /// The log is over: gives what was held back.
    pub(crate) fn finish(&mut self) -> Bytes {
        match self.patterns.clone() {
            Some(patterns) => self.settle(&patterns, self.held.len()),
            None => Bytes::new(),
        }
    }

    /// Gives the first bytes of what is held, with everything hidden that is to be.
    fn settle(&mut self, patterns: &Patterns, settled: usize) -> Bytes {
        if settled == 0 {
            return Bytes::new();
        }
        let mut shown = BytesMut::with_capacity(settled);
        let mut at = 0;
        let mut in_mark = self.in_mark;
        let mut covered = 0;
        for (start, end) in self.hidden(patterns) {
            if start >= settled {
                break;
            }
            if start > at {
                shown.extend_from_slice(&self.held[at..start]);
                in_mark = false;
            }
            if !in_mark {
                shown.extend_from_slice(MARK);
                in_mark = true;
            }
            at = end.min(settled);
            covered = end.saturating_sub(settled);
        }
        if at < settled {
            shown.extend_from_slice(&self.held[at..settled]);
            in_mark = false;
        }
        self.held.drain(..settled);
        self.covered = covered;
        self.in_mark = in_mark;
        shown.freeze()
    }

    /// The stretches of the held bytes that show a secret, in order; those that touch or overlap are one.
    fn hidden(&self, patterns: &Patterns) -> Vec<(usize, usize)> {
        let found = patterns.search.find_overlapping_iter(&self.held);
        let mut all: Vec<(usize, usize)> = found.map(|found| (found.start(), found.end())).collect();
        if self.covered > 0 {
            all.push((0, self.covered));
        }
        all.sort_unstable();
        let mut joined: Vec<(usize, usize)> = Vec::with_capacity(all.len());
        for (start, end) in all {
            match joined.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => joined.push((start, end)),
            }
        }
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(values: &[&str]) -> Mask {
        let values: Vec<SecretValue> = values.iter().map(|value| SecretValue::new(*value)).collect();
        Mask::new(&values).unwrap()
    }

    fn masked(mask: &Mask, log: &[u8], piece: usize) -> Vec<u8> {
        let mut reading = mask.begin();
        let mut shown = Vec::new();
        for bytes in log.chunks(piece) {
            shown.extend(reading.push(Bytes::copy_from_slice(bytes)));
        }
        shown.extend(reading.finish());
        shown
    }

    fn whole(mask: &Mask, log: &str) -> String {
        String::from_utf8(masked(mask, log.as_bytes(), usize::MAX)).unwrap()
    }

    #[test]
    fn a_value_is_hidden_and_everything_else_stays() {
        let mask = mask(&["hunter22"]);
        assert_eq!(whole(&mask, "the password is hunter22.\nhunter2\n"), "the password is ***.\nhunter2\n");
        assert_eq!(whole(&mask, "hunter22hunter22"), "***", "two that touch tell no number");
        assert_eq!(whole(&mask, ""), "");
    }

    #[test]
    fn the_pieces_in_which_a_log_comes_change_nothing() {
        let mask = mask(&["abcabd", "bdef9999", "9999", "line-one-of-it\nline-two-of-it"]);
        let log =
            b"xabcabdef9999 abcab abcabcabd 9999999 bdef999\nline-one-of-it\r\n  line-two-of-it and abcab";
        let expected = masked(&mask, log, usize::MAX);
        assert!(!expected.windows(6).any(|six| six == b"abcabd"));
        for piece in 1..log.len() {
            assert_eq!(masked(&mask, log, piece), expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn only_what_may_become_a_secret_is_held_back() {
        let mask = mask(&["hunter22"]);
        let mut reading = mask.begin();
        assert_eq!(reading.push(Bytes::from_static(b"Password: ")), "Password: ");
        assert_eq!(reading.push(Bytes::from_static(b"hunt")), "");
        assert_eq!(reading.push(Bytes::from_static(b"ing\n")), "hunting\n");
        assert_eq!(reading.push(Bytes::from_static(b"hunter2")), "");
        assert_eq!(reading.push(Bytes::from_static(b"2")), "***");
        assert_eq!(reading.finish(), "");
    }

    #[test]
    fn values_that_overlap_leave_no_rest_of_either() {
        assert_eq!(whole(&mask(&["abcd1234", "1234efgh"]), "<abcd1234efgh>"), "<***>");
        assert_eq!(
            whole(&mask(&["secret", "secret-longer"]), "<secret-longer> <secret-lo>"),
            "<***> <***-lo>"
        );
    }

    #[test]
    fn each_long_line_of_a_value_is_hidden_by_itself() {
        let mask = mask(&["-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nshort\n-----END KEY-----\n"]);
        assert_eq!(whole(&mask, "> MIIEvQIBADANBgkq <\nshort\n"), "> *** <\nshort\n");
    }

    #[test]
    fn values_too_short_to_search_for_hide_nothing() {
        assert_eq!(whole(&mask(&["abc"]), "abc"), "abc");
        assert_eq!(whole(&mask(&[]), "anything"), "anything");
    }
}
