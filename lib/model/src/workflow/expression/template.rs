//! A text with `${{ … }}` in it.

use super::parser::parse;
use super::syntax::{Expression, SyntaxError};

/// A text in parts.
#[derive(Clone, Debug)]
pub(in crate::workflow) struct Template {
    pub(in crate::workflow) parts: Vec<Part>,
}

/// A piece of a text.
#[derive(Clone, Debug)]
pub(in crate::workflow) enum Part {
    Text(String),
    /// An expression; `at` is the byte offset of its first character in the whole text.
    Expression {
        at: usize,
        expression: Expression,
    },
}

const OPEN: &str = "${{";

impl Template {
    /// Whether the text has an expression at all.
    pub(in crate::workflow) fn is_in(text: &str) -> bool {
        text.contains(OPEN)
    }

    /// Takes the text apart. Errors: offsets are those in the whole text.
    pub(in crate::workflow) fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut parts = Vec::new();
        let mut from = 0;
        while let Some(found) = text[from..].find(OPEN) {
            let open = from + found;
            if open > from {
                parts.push(Part::Text(text[from..open].to_owned()));
            }
            let start = open + OPEN.len();
            let end = closing(text, start)
                .ok_or_else(|| SyntaxError::new(open, "this `${{` is never closed with `}}`"))?;
            let inner = &text[start..end];
            if inner.trim().is_empty() {
                return Err(SyntaxError::new(open, "there is nothing between `${{` and `}}`"));
            }
            let expression =
                parse(inner).map_err(|error| SyntaxError { at: start + error.at, message: error.message })?;
            parts.push(Part::Expression { at: start, expression });
            from = end + 2;
        }
        let rest = &text[from..];
        let is_line_end = parts.len() == 1 && matches!(rest, "\n");
        if !rest.is_empty() && !is_line_end {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The expression that is the whole text, if it is one.
    pub(in crate::workflow) fn whole(&self) -> Option<(usize, &Expression)> {
        match self.parts.as_slice() {
            [Part::Expression { at, expression }] => Some((*at, expression)),
            _ => None,
        }
    }

    /// Every expression with its offset in the text.
    pub(in crate::workflow) fn expressions(&self) -> impl Iterator<Item = (usize, &Expression)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Expression { at, expression } => Some((*at, expression)),
            Part::Text(_) => None,
        })
    }
}

/// Where the `}}` is that ends the expression: not one inside of a text or a map.
fn closing(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = start;
    let mut maps = 0_usize;
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'"' | b'\'') => {
                let raw = at > start && matches!(bytes[at - 1], b'r' | b'R');
                at = after_text(bytes, at, quote, raw)?;
                continue;
            }
            b'{' => maps += 1,
            b'}' if maps > 0 => maps -= 1,
            b'}' if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

fn after_text(bytes: &[u8], start: usize, quote: u8, raw: bool) -> Option<usize> {
    let width = if bytes[start..].starts_with(&[quote; 3]) { 3 } else { 1 };
    let mut at = start + width;
    while at < bytes.len() {
        if bytes[at] == b'\\' && !raw {
            at += 2;
        } else if bytes[at..].starts_with(&[quote; 3][..width]) {
            return Some(at + width);
        } else {
            at += 1;
        }
    }
    None
}
