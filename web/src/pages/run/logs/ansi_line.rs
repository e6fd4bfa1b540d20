//! One line of a log with its colours.

use dioxus::prelude::*;

use crate::ansi::{Style, draw};

/// Drawing stops here; the download has the whole line.
const LONGEST: usize = 10_000;

#[component]
pub(crate) fn AnsiLine(line: String, start: Style) -> Element {
    let cut = line.char_indices().nth(LONGEST).map(|(place, _)| place);
    let shown = cut.map_or(line.as_str(), |place| &line[..place]);
    let (spans, _) = draw(shown, start);
    rsx! {
        for (number , span) in spans.into_iter().enumerate() {
            Piece { key: "{number}", text: span.text, style: span.style }
        }
        if cut.is_some() {
            span { class: "dim", " … {line.len()} bytes; the download has the whole line" }
        }
    }
}

#[component]
fn Piece(text: String, style: Style) -> Element {
    if style == Style::default() {
        return rsx! { "{text}" };
    }
    let (colour, background) = style.exact();
    rsx! { span { class: style.classes(), color: colour, background_color: background, "{text}" } }
}
