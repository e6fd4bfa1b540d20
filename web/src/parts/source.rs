//! A workflow file as text with line numbers.

use dioxus::prelude::*;

use crate::parts::text::Copy;

#[component]
pub(crate) fn Source(text: String, #[props(default = "Workflow file".to_owned())] title: String) -> Element {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let count = lines.len() as u64;
    rsx! {
        section { class: "card", "aria-label": "{title}",
            div { class: "card-head with-copy",
                h2 { class: "grow", "{title}" }
                span { class: "dim num", {crate::format::count(count, "line")} }
                Copy { text: text.clone(), what: "the file" }
            }
            div { class: "source bare", tabindex: "0",
                for (place , line) in lines.into_iter().enumerate() {
                    div { key: "{place}",
                        span { class: "ln", "aria-hidden": "true", {(place + 1).to_string()} }
                        Coloured { line }
                    }
                }
            }
        }
    }
}

/// One line of YAML: comments and keys are told apart, no more.
#[component]
fn Coloured(line: String) -> Element {
    let content = line.trim_start();
    if content.starts_with('#') {
        return rsx! { span { class: "dim", "{line}" } };
    }
    match key_end(&line) {
        Some(end) => {
            let (key, rest) = line.split_at(end);
            rsx! {
                span { class: "key", "{key}" }
                "{rest}"
            }
        }
        None => rsx! { "{line}" },
    }
}

/// Where a plain key with its colon ends.
fn key_end(line: &str) -> Option<usize> {
    let indent = line.len() - line.trim_start_matches([' ', '-']).len();
    let colon = line.get(indent..)?.find(':')? + indent;
    let key = line.get(indent..colon)?;
    let plain =
        !key.is_empty() && key.chars().all(|letter| letter.is_alphanumeric() || "_-.\"'".contains(letter));
    let ends = line.get(colon + 1..).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    (plain && ends).then_some(colon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_and_other_colons_are_not() {
        assert_eq!(key_end("  image: a:1"), Some(7));
        assert_eq!(key_end("  - name: x"), Some(8));
        assert_eq!(key_end("python -c 'a: b'"), None);
        assert_eq!(key_end("http://x"), None);
        assert_eq!(key_end(""), None);
    }
}
