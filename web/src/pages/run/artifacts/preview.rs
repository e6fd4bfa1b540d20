//! Shows a file where the browser or this page can: pictures, films, tables, trees, text, and HTML shut in.

use dioxus::prelude::*;

use super::{csv, json_tree::JsonTree};
use crate::api;
use crate::format;
use crate::parts::banner::{Loading, Problem};

/// Text files up to this size are fetched and shown.
const TEXT_MAX_BYTES: u64 = 2 * 1024 * 1024;
/// Rows of a table that are shown.
const ROWS: usize = 200;
/// Characters of a text that are shown.
const CHARACTERS: usize = 200_000;

/// How a file can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Picture,
    Film,
    Sound,
    Page,
    Table { separator: char },
    Json,
    Text,
    Other,
}

impl Kind {
    /// By the ending of its name; what would have to be fetched whole is shown only up to a size.
    pub(super) fn of(path: &str, size_bytes: u64) -> Self {
        let ending = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        let kind = match ending.as_str() {
            "png" | "jpg" | "jpeg" | "gif" | "webp" | "svg" | "avif" | "bmp" => return Self::Picture,
            "mp4" | "webm" | "mov" => return Self::Film,
            "mp3" | "wav" | "ogg" | "flac" => return Self::Sound,
            "html" | "htm" => return Self::Page,
            "csv" => Self::Table { separator: ',' },
            "tsv" => Self::Table { separator: '\t' },
            "json" => Self::Json,
            "txt" | "md" | "log" | "yaml" | "yml" | "toml" | "ini" | "py" | "sh" | "jsonl" | "ndjson"
            | "xml" => Self::Text,
            _ => Self::Other,
        };
        if size_bytes > TEXT_MAX_BYTES { Self::Other } else { kind }
    }

    pub(super) fn shows(self) -> bool {
        self != Self::Other
    }
}

#[component]
pub(super) fn Preview(kind: Kind, address: String, path: String) -> Element {
    match kind {
        Kind::Picture => rsx! { img { src: address, alt: "Picture {path}", loading: "lazy" } },
        Kind::Film => {
            rsx! { video { src: address, controls: true, preload: "metadata", "aria-label": "Film {path}" } }
        }
        Kind::Sound => {
            rsx! { audio { src: address, controls: true, preload: "metadata", "aria-label": "Sound {path}" } }
        }
        // What a program made may not run scripts, nor act as this page.
        Kind::Page => rsx! { iframe { src: address, "sandbox": "", title: "Page {path}" } },
        Kind::Table { .. } | Kind::Json | Kind::Text => rsx! { Fetched { kind, address } },
        Kind::Other => rsx! {},
    }
}

#[component]
fn Fetched(kind: Kind, address: String) -> Element {
    let asked = use_resource(use_reactive!(|address| async move { api::get_text(&address).await }));
    let answer = asked.read().clone();
    match answer {
        None => rsx! { Loading { rows: 3 } },
        Some(Err(error)) => rsx! { Problem { error } },
        Some(Ok(text)) => match kind {
            Kind::Table { separator } => rsx! { Table { text, separator } },
            Kind::Json => match serde_json::from_str(&text) {
                Ok(value) => rsx! { JsonTree { name: None, value, depth: 0 } },
                Err(error) => rsx! {
                    p { class: "dim", "Not JSON ({error}); as text:" }
                    Text { text }
                },
            },
            _ => rsx! { Text { text } },
        },
    }
}

#[component]
fn Text(text: String) -> Element {
    let cut = text.char_indices().nth(CHARACTERS).map(|(place, _)| place);
    let shown = cut.map_or(text.as_str(), |place| &text[..place]);
    rsx! {
        pre { tabindex: "0", "{shown}" }
        if cut.is_some() {
            p { class: "dim", "Only the beginning; the download has all of it." }
        }
    }
}

#[component]
fn Table(text: String, separator: char) -> Element {
    let (mut rows, more) = csv::rows(&text, separator, ROWS + 1);
    let head = if rows.is_empty() { Vec::new() } else { rows.remove(0) };
    rsx! {
        div { class: "table-wrap",
            table { class: "dense",
                thead {
                    tr {
                        for (number , title) in head.iter().enumerate() {
                            th { key: "{number}", scope: "col", "{title}" }
                        }
                    }
                }
                tbody {
                    for (number , row) in rows.iter().enumerate() {
                        tr { key: "{number}",
                            for (place , value) in row.iter().enumerate() {
                                td { key: "{place}", class: if value.parse::<f64>().is_ok() { "num right" } else { "" }, "{value}" }
                            }
                        }
                    }
                }
            }
        }
        if more {
            p { class: "dim", {format!("The first {}; the download has all of them.", format::count(ROWS as u64, "row"))} }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_tells_how_a_file_is_shown() {
        assert_eq!(Kind::of("out/Confusion.PNG", 1), Kind::Picture);
        assert_eq!(Kind::of("a.b/metrics.json", 1), Kind::Json);
        assert_eq!(Kind::of("weights", 1), Kind::Other);
        assert_eq!(Kind::of("huge.csv", TEXT_MAX_BYTES + 1), Kind::Other);
        assert_eq!(Kind::of("huge.png", TEXT_MAX_BYTES + 1), Kind::Picture);
    }
}
