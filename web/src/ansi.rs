//! Terminal colours in a line of log, as spans with classes; nothing of the log ever becomes markup.

use anstyle_parse::{Params, Parser, Perform, Utf8Parser};

/// How the text is drawn from some point on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    foreground: Option<Colour>,
    background: Option<Colour>,
    bold: bool,
    dim: bool,
    italic: bool,
    underlined: bool,
    struck: bool,
    inverse: bool,
}

/// One of the sixteen named colours, which follow the theme, or an exact one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Named(u8),
    Exact(u8, u8, u8),
}

/// Text that is drawn in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) text: String,
    pub(crate) style: Style,
}

impl Style {
    /// Classes of the style sheet.
    pub(crate) fn classes(&self) -> String {
        let mut classes = Vec::new();
        let (front, back) = self.colours();
        if let Some(Colour::Named(number)) = front {
            classes.push(format!("fg-{number}"));
        }
        if let Some(Colour::Named(number)) = back {
            classes.push(format!("bg-{}", number % 8));
        }
        let flags = [
            (self.bold, "t-bold"),
            (self.dim, "t-dim"),
            (self.italic, "t-italic"),
            (self.underlined, "t-under"),
            (self.struck, "t-strike"),
        ];
        classes.extend(flags.iter().filter(|(on, _)| *on).map(|(_, class)| (*class).to_owned()));
        classes.join(" ")
    }

    /// Exact colours of text and background as `#rrggbb`.
    pub(crate) fn exact(&self) -> (Option<String>, Option<String>) {
        let (front, back) = self.colours();
        let hex = |colour| match colour {
            Some(Colour::Exact(red, green, blue)) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
            _ => None,
        };
        (hex(front), hex(back))
    }

    fn colours(&self) -> (Option<Colour>, Option<Colour>) {
        if self.inverse { (self.background, self.foreground) } else { (self.foreground, self.background) }
    }

    fn select(&mut self, numbers: &[u16]) {
        let mut rest = numbers.iter().copied();
        if numbers.is_empty() {
            *self = Self::default();
        }
        while let Some(number) = rest.next() {
            match number {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underlined = true,
                7 => self.inverse = true,
                9 => self.struck = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.underlined = false,
                27 => self.inverse = false,
                29 => self.struck = false,
                30..=37 => self.foreground = named(number - 30),
                38 => self.foreground = extended(&mut rest),
                39 => self.foreground = None,
                40..=47 => self.background = named(number - 40),
                48 => self.background = extended(&mut rest),
                49 => self.background = None,
                90..=97 => self.foreground = named(number - 82),
                100..=107 => self.background = named(number - 92),
                _ => {}
            }
        }
    }
}

fn named(number: u16) -> Option<Colour> {
    u8::try_from(number).ok().map(Colour::Named)
}

/// `5;n` or `2;r;g;b` after 38 or 48.
fn extended(rest: &mut impl Iterator<Item = u16>) -> Option<Colour> {
    let byte = |number: Option<u16>| number.and_then(|n| u8::try_from(n).ok());
    match rest.next()? {
        5 => byte(rest.next()).map(from_palette),
        2 => Some(Colour::Exact(byte(rest.next())?, byte(rest.next())?, byte(rest.next())?)),
        _ => None,
    }
}

/// The colour with this number in the usual palette of 256.
fn from_palette(number: u8) -> Colour {
    let level = |step: u8| if step == 0 { 0 } else { 55 + step * 40 };
    match number {
        0..=15 => Colour::Named(number),
        16..=231 => {
            let cube = number - 16;
            Colour::Exact(level(cube / 36), level(cube / 6 % 6), level(cube % 6))
        }
        232..=255 => {
            let grey = 8 + (number - 232) * 10;
            Colour::Exact(grey, grey, grey)
        }
    }
}

#[derive(Default)]
struct Drawing {
    spans: Vec<Span>,
    style: Style,
    /// A carriage return came: what follows overwrites the line, as in a progress bar.
    rewinds: bool,
}

impl Perform for Drawing {
    fn print(&mut self, letter: char) {
        if std::mem::take(&mut self.rewinds) {
            self.spans.clear();
        }
        match self.spans.last_mut() {
            Some(span) if span.style == self.style => span.text.push(letter),
            _ => self.spans.push(Span { text: letter.to_string(), style: self.style }),
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\t' => self.print('\t'),
            b'\r' => self.rewinds = true,
            b'\n' | 0x07 | 0x08 => {}
            // Noise stays visible, as one sign each.
            _ => self.print('\u{00b7}'),
        }
    }

    fn csi_dispatch(&mut self, params: &Params, _: &[u8], _: bool, action: u8) {
        if action == b'm' {
            let numbers: Vec<u16> = params.iter().flatten().copied().collect();
            self.style.select(&numbers);
        }
    }
}

/// The spans of one line that begins in `start`, and the style after it.
pub(crate) fn draw(line: &str, start: Style) -> (Vec<Span>, Style) {
    let mut drawing = Drawing { style: start, ..Drawing::default() };
    let mut parser = Parser::<Utf8Parser>::new();
    for byte in line.bytes() {
        parser.advance(&mut drawing, byte);
    }
    (drawing.spans, drawing.style)
}

/// The style after a line; quick for the many lines without colours.
pub(crate) fn style_after(line: &str, start: Style) -> Style {
    if line.contains('\u{1b}') { draw(line, start).1 } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<(String, String)> {
        draw(line, Style::default()).0.into_iter().map(|span| (span.text, span.style.classes())).collect()
    }

    #[test]
    fn named_colours_become_classes() {
        assert_eq!(
            texts("a\u{1b}[1;31mb\u{1b}[0mc"),
            [("a".into(), "".into()), ("b".into(), "fg-1 t-bold".into()), ("c".into(), "".into())]
        );
        assert_eq!(texts("\u{1b}[92mx"), [("x".into(), "fg-10".into())]);
    }

    #[test]
    fn exact_colours_are_kept() {
        let (spans, _) = draw("\u{1b}[38;2;1;2;255mx\u{1b}[38;5;196my", Style::default());
        assert_eq!(spans[0].style.exact().0.as_deref(), Some("#0102ff"));
        assert_eq!(spans[1].style.exact().0.as_deref(), Some("#ff0000"));
    }

    #[test]
    fn a_style_goes_on_in_the_next_line() {
        let after = style_after("\u{1b}[32mgreen", Style::default());
        assert_eq!(draw("still", after).0[0].style.classes(), "fg-2");
    }

    #[test]
    fn a_carriage_return_overwrites_the_line() {
        assert_eq!(texts("10%\r50%\r100%\r"), [("100%".into(), "".into())]);
    }

    #[test]
    fn markup_and_noise_stay_text() {
        assert_eq!(texts("<b>&\u{1b}]0;title\u{7}\u{0}x"), [("<b>&\u{b7}x".into(), "".into())]);
    }

    #[test]
    fn odd_sequences_are_no_trouble() {
        for line in ["\u{1b}[38;5m", "\u{1b}[38;2;300;0;0mx", "\u{1b}[999999999999mx", "\u{1b}[", "\u{1b}"] {
            let _ = draw(line, Style::default());
        }
    }
}
