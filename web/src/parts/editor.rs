//! A plain text editor with line numbers.

use dioxus::prelude::*;
use wasm_bindgen::JsCast;

use crate::browser;

const ID: &str = "editor-text";

/// Puts the cursor at a place of the text.
pub(crate) fn show(line: u32, column: u32) {
    let Some(area) =
        browser::element(ID).and_then(|element| element.dyn_into::<web_sys::HtmlTextAreaElement>().ok())
    else {
        return;
    };
    let at = utf16_offset(&area.value(), line, column);
    let _ = area.focus();
    let _ = area.set_selection_range(at, at);
}

/// Offset of a line and column (both from 1, in characters) as the browser counts.
fn utf16_offset(text: &str, line: u32, column: u32) -> u32 {
    let before = text.split_inclusive('\n').take(line.saturating_sub(1) as usize).flat_map(str::chars);
    let within = text.split('\n').nth(line.saturating_sub(1) as usize).unwrap_or_default();
    let letters = before.chain(within.chars().take(column.saturating_sub(1) as usize));
    letters.map(|letter| letter.len_utf16() as u32).sum()
}

#[component]
pub(crate) fn Editor(
    text: String,
    /// What is edited, for those who cannot see it.
    #[props(default = "Workflow file".to_owned())]
    label: String,
    onchange: Callback<String>,
) -> Element {
    let lines = text.split('\n').count().max(1);
    let mut numbers = String::new();
    for line in 1..=lines {
        numbers.push_str(&line.to_string());
        numbers.push('\n');
    }
    // All lines are always in sight: the page scrolls, not the editor.
    let rows = lines.max(16);
    rsx! {
        div { class: "editor",
            div { class: "gutter", "aria-hidden": "true", "{numbers}" }
            textarea {
                id: ID,
                rows: "{rows}",
                spellcheck: "false",
                autocomplete: "off",
                wrap: "off",
                "aria-label": "{label}",
                value: "{text}",
                oninput: move |event| onchange.call(event.value()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_as_the_browser_counts() {
        assert_eq!(utf16_offset("ab\ncd", 2, 2), 4);
        assert_eq!(utf16_offset("é😀\nx", 2, 1), 4);
        assert_eq!(utf16_offset("a", 9, 9), 1);
    }
}
