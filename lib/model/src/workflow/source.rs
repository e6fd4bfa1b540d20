//! Places in the source text: byte ranges, their lines and columns, and snippets of them.

use std::sync::Arc;

/// A range of bytes in the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    /// From `start`, without the end being known.
    pub(super) fn at(start: usize) -> Self {
        Self { start, end: start }
    }
}

/// The text of a workflow file and where its lines begin.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) text: Arc<str>,
    line_starts: Vec<usize>,
}

const SNIPPET_CHARACTERS: usize = 100;

impl Source {
    pub(super) fn new(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text: text.into(), line_starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// The bytes of a span; empty where it does not fit the text.
    pub(super) fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// Line and column, both from 1, the column in characters.
    pub(super) fn position(&self, offset: usize) -> (u32, u32) {
        let line = self.line_starts.partition_point(|start| *start <= offset) - 1;
        let before = self.slice(Span { start: self.line_starts[line], end: self.floor(offset) });
        (saturate(line + 1), saturate(before.chars().count() + 1))
    }

    /// The line that the byte stands in, without its end.
    pub(super) fn line(&self, offset: usize) -> &str {
        let (line, _) = self.position(offset);
        let start = self.line_starts[line as usize - 1];
        let end = self.line_starts.get(line as usize).copied().unwrap_or(self.text.len());
        self.slice(Span { start, end }).trim_end_matches(['\n', '\r'])
    }

    /// The line of the span with its number, and a line of `^` under the place.
    pub(super) fn snippet(&self, span: Span) -> String {
        let (line, column) = self.position(span.start);
        let full = self.line(span.start);
        let place = column as usize - 1;
        let skip = place.saturating_sub(SNIPPET_CHARACTERS / 2);
        let skip = if full.chars().count() <= SNIPPET_CHARACTERS { 0 } else { skip };
        let shown: String = full.chars().skip(skip).take(SNIPPET_CHARACTERS).map(printable).collect();
        let before = if skip > 0 { "…" } else { "" };
        let after = if full.chars().count() > skip + SNIPPET_CHARACTERS { "…" } else { "" };
        let indent = place - skip + before.chars().count();
        let marked = self.slice(Span { start: self.floor(span.start), end: self.floor(span.end) });
        let marked = marked.lines().next().unwrap_or_default();
        let room = shown.chars().count().saturating_sub(place - skip).max(1);
        let width = marked.trim_end().chars().count().clamp(1, room);
        let number = line.to_string();
        let gutter = " ".repeat(number.len());
        format!(
            "  {number} | {before}{shown}{after}\n  {gutter} | {}{}",
            " ".repeat(indent),
            "^".repeat(width)
        )
    }

    /// The nearest character boundary at or before the offset.
    fn floor(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

fn printable(character: char) -> char {
    if character == '\t' || !character.is_control() { character } else { '\u{fffd}' }
}

fn saturate(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
