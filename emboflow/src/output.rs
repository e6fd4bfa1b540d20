//! What a command writes: data on standard output, messages on standard error.

mod yaml;

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;

/// The form of the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// For people with wide screens
    Wide,
    /// One JSON document
    Json,
    /// One JSON document a line
    Jsonl,
    /// One YAML document
    Yaml,
    /// Names or ids only, one a line
    Name,
}

/// A colour of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Red,
    Green,
    Yellow,
    Blue,
    Grey,
    Bold,
}

impl Colour {
    const ALL: [Self; 6] = [Self::Red, Self::Green, Self::Yellow, Self::Blue, Self::Grey, Self::Bold];

    fn code(self) -> &'static str {
        match self {
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Blue => "34",
            Self::Grey => "90",
            Self::Bold => "1",
        }
    }
}

/// Where a command writes.
pub(crate) struct Output {
    /// The form of the data.
    pub(crate) format: Format,
    out: io::Stdout,
    err: io::Stderr,
    colours_out: bool,
    colours_err: bool,
}

impl Output {
    /// Standard output and standard error of this process.
    pub(crate) fn standard(format: Format) -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        let (colours_out, colours_err) = (has_colours(out.is_terminal()), has_colours(err.is_terminal()));
        Self { format, out, err, colours_out, colours_err }
    }

    /// Whether data is read by a program.
    pub(crate) fn is_for_programs(&self) -> bool {
        !matches!(self.format, Format::Table | Format::Wide)
    }

    /// Whether standard output and standard error both are a terminal, so that lines may be drawn anew.
    pub(crate) fn is_terminal(&self) -> bool {
        self.out.is_terminal() && self.err.is_terminal()
    }

    /// Writes raw data.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    /// Writes data that ends its lines itself.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.bytes(text.as_bytes())
    }

    /// Writes a line of data; to people nothing that acts on their terminal.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        let text = if self.is_for_programs() { Cow::Borrowed(text) } else { harmless(text) };
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    /// Writes one document: on one line for `jsonl`, as YAML for `yaml`.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = match self.format {
            Format::Jsonl => serde_json::to_string(value),
            Format::Yaml => serde_json::to_value(value).map(|value| yaml::text(&value)),
            _ => serde_json::to_string_pretty(value),
        };
        self.line(text.map_err(io::Error::other)?.trim_end())
    }

    /// Writes one thing in the chosen form. `people` writes it for people.
    pub(crate) fn one<T: Serialize>(
        &mut self,
        item: &T,
        name: &str,
        people: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        match self.format {
            Format::Json | Format::Jsonl | Format::Yaml => self.json(item),
            Format::Name => self.line(name),
            Format::Table | Format::Wide => people(self),
        }
    }

    /// Writes a list in the chosen form. `row` gives the cells of a line for people; with `wide` more of them.
    pub(crate) fn list<T: Serialize>(
        &mut self,
        items: &[T],
        header: &[&str],
        name: impl Fn(&T) -> String,
        row: impl Fn(&T, &Output) -> Vec<String>,
    ) -> io::Result<()> {
        match self.format {
            Format::Json | Format::Yaml => self.json(&items),
            Format::Jsonl => items.iter().try_for_each(|item| self.json(item)),
            Format::Name => items.iter().try_for_each(|item| self.line(&name(item))),
            Format::Table | Format::Wide => {
                let rows = items.iter().map(|item| row(item, self)).collect();
                self.table(header, rows)
            }
        }
    }

    /// Writes a table without lines. Nothing is cut or wrapped: a terminal wraps, and a script wants it whole.
    pub(crate) fn table(&mut self, header: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
        let header = header.iter().map(|name| (*name).to_owned()).collect();
        let cleaned = rows.into_iter().map(|row| row.iter().map(|cell| on_one_line(cell)).collect());
        let rows: Vec<Vec<String>> = std::iter::once(header).chain(cleaned).collect();
        self.text(&aligned(&rows))
    }

    /// The text in a colour, where standard output shows colours.
    pub(crate) fn paint(&self, colour: Colour, text: &str) -> String {
        painted(self.colours_out, colour, text)
    }

    /// Tells people something that is no data.
    pub(crate) fn message(&mut self, text: &str) {
        // Nobody may listen, and that changes nothing.
        let _nobody_reads = writeln!(self.err, "{}", harmless(text));
    }

    /// Tells people what is wrong.
    pub(crate) fn error(&mut self, text: &str, hint: Option<&str>) {
        let word = painted(self.colours_err, Colour::Red, "error");
        self.message(&format!("{word}: {text}"));
        if let Some(hint) = hint {
            self.hint(hint);
        }
    }

    /// The same with the stable code of what is wrong.
    pub(crate) fn coded_error(&mut self, code: &str, text: &str, hint: Option<&str>) {
        let word = painted(self.colours_err, Colour::Red, &format!("error[{code}]"));
        self.message(&format!("{word}: {text}"));
        if let Some(hint) = hint {
            self.hint(hint);
        }
    }

    /// Tells people what to do.
    pub(crate) fn hint(&mut self, hint: &str) {
        self.message(&format!("  help: {hint}"));
    }
}

/// The text with a space for whatever acts on a terminal; our own colours, tabs and line breaks stay.
fn harmless(text: &str) -> Cow<'_, str> {
    let acts = |character: char| character.is_control() && !matches!(character, '\n' | '\t');
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(acts) {
        clean.push_str(&rest[..at]);
        let acting = rest[at..].chars().next().map_or(0, char::len_utf8);
        let length = match own_colour(&rest[at..]) {
            Some(length) => {
                clean.push_str(&rest[at..at + length]);
                length
            }
            None => {
                clean.push(' ');
                acting
            }
        };
        rest = &rest[at + length..];
    }
    clean.push_str(rest);
    Cow::Owned(clean)
}

/// The bytes of the colour that the text begins with, if it is one of [`painted`].
fn own_colour(text: &str) -> Option<usize> {
    let (code, _) = text.strip_prefix("\x1b[")?.split_once('m')?;
    let ours = code == "0" || Colour::ALL.iter().any(|colour| colour.code() == code);
    ours.then_some("\x1b[m".len() + code.len())
}

/// The same on one line.
pub(crate) fn on_one_line(text: &str) -> String {
    harmless(text).replace(['\n', '\t'], " ")
}

/// The cells of each column below each other.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| shown_width(cell)).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - shown_width(cell) + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Characters that take a place on the terminal: what [`painted`] puts around a text takes none.
fn shown_width(text: &str) -> usize {
    let mut parts = text.split('\x1b');
    let plain = parts.next().unwrap_or_default().chars().count();
    plain
        + parts.map(|part| part.split_once('m').map_or(part, |(_, rest)| rest).chars().count()).sum::<usize>()
}

fn painted(colours: bool, colour: Colour, text: &str) -> String {
    if colours { format!("\x1b[{}m{text}\x1b[0m", colour.code()) } else { text.to_owned() }
}

/// <https://no-color.org> and <https://bixense.com/clicolors>.
fn has_colours(is_terminal: bool) -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    let forced = is_set("CLICOLOR_FORCE");
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    forced || (is_terminal && !refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_others_cannot_act_on_the_terminal_and_our_colours_stay() {
        let red = painted(true, Colour::Red, "✗");
        assert_eq!(
            harmless(&format!("{red} a\u{1b}]0;t\u{7}\r\u{9b}2J\nb")),
            format!("{red} a ]0;t   2J\nb")
        );
        assert_eq!(on_one_line("two\nlines\u{1b}[2J\u{1b}[8mgone\u{1b}"), "two lines [2J [8mgone ");
        assert!(matches!(harmless("plain\ttext\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn columns_are_aligned_by_what_is_seen_of_them() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let green = painted(true, Colour::Green, "✓ ok");
        let text =
            aligned(&[row(&["RUN", "STATE", "WHY"]), row(&["a", &green, ""]), row(&["long", "queued", "x"])]);
        assert_eq!(text, "RUN   STATE   WHY\na     \u{1b}[32m✓ ok\u{1b}[0m\nlong  queued  x\n");
    }
}
