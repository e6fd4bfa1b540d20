//! Line icons, drawn on a grid of 16.

use dioxus::prelude::*;

/// A picture that stands beside a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icon {
    Alarm,
    Alert,
    Book,
    Broken,
    Check,
    Clock,
    Close,
    Copy,
    Cross,
    Dots,
    Download,
    Executor,
    File,
    Filter,
    Folder,
    Info,
    Key,
    Keys,
    Left,
    Lock,
    Minus,
    Moon,
    Pause,
    People,
    Person,
    Play,
    Plus,
    Reset,
    Retry,
    Reuse,
    Right,
    Runs,
    Screen,
    Search,
    Skip,
    Spinner,
    Star,
    Stop,
    Sun,
    System,
    Workflow,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Icon::Alarm => "M8 14A5.5 5.5 0 1 0 8 3a5.5 5.5 0 0 0 0 11ZM8 5.8v3l2 1.2M2 3.6 4 2m10 1.6L12 2",
            Icon::Alert => "M8 2.2 14.4 13.4H1.6ZM8 6.4v3.2M8 11.4v.2",
            Icon::Broken => {
                "M6 10 10 6M6.8 4.6 8 3.4a3.2 3.2 0 0 1 4.6 4.6l-1.2 1.2M9.2 11.4 8 12.6A3.2 3.2 0 0 1 3.4 8l1.2-1.2M3 3l2 1M13 13l-2-1"
            }
            Icon::Book => "M3 2.5h9.5v11H4.5A1.5 1.5 0 0 1 3 12ZM3 12a1.5 1.5 0 0 1 1.5-1.5h8M6 5.5h4M6 8h3",
            Icon::Check => "M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4ZM5.2 8.2l2 2 3.6-4.2",
            Icon::Clock => "M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4ZM8 4.8V8l2.2 1.4",
            Icon::Close => "M4 4l8 8M12 4l-8 8",
            Icon::Copy => "M6 6h7v7H6ZM10 6V3H3v7h3",
            Icon::Cross => "M5.4 1.8h5.2l3.6 3.6v5.2l-3.6 3.6H5.4l-3.6-3.6V5.4ZM6 6l4 4M10 6l-4 4",
            Icon::Dots => "M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4ZM5.2 8h.1M8 8h.1M10.8 8h.1",
            Icon::Download => "M8 2.5v7M5 7l3 3 3-3M3 13h10",
            Icon::Executor => "M2.5 3.5h11v4h-11ZM2.5 8.5h11v4h-11ZM5 5.5h.1M5 10.5h.1M8 5.5h3M8 10.5h3",
            Icon::File => "M4 2h5l3 3v9H4ZM9 2v3h3",
            Icon::Filter => "M2 3.5h12L9.5 8.8v4.2l-3-1.6V8.8Z",
            Icon::Folder => "M1.8 3.5h4.4l1.5 2h6.5v7.5H1.8Z",
            Icon::Key => "M5.5 13.2a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM7.5 8.4 13.5 2.4M11 5l2 2",
            Icon::Lock => "M3.5 7.2h9v6.3h-9ZM5.3 7.2V5a2.7 2.7 0 0 1 5.4 0v2.2M8 9.6v1.6",
            Icon::People => {
                "M6 7.6a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8ZM1.6 13.4a4.4 4.4 0 0 1 8.8 0M10.4 3a2.4 2.4 0 0 1 0 4.4M11.6 9.4a4.4 4.4 0 0 1 2.9 4"
            }
            Icon::Person => "M8 8a2.8 2.8 0 1 0 0-5.6A2.8 2.8 0 0 0 8 8ZM2.8 14a5.2 5.2 0 0 1 10.4 0",
            Icon::Info => "M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4ZM8 7.4v3.6M8 5v.1",
            Icon::Keys => "M1.5 4h13v8.5h-13ZM4 6.6h.1M6.7 6.6h.1M9.3 6.6h.1M12 6.6h.1M5 9.8h6",
            Icon::Minus => "M3 8h10",
            Icon::Left => "M10 3.5 5.5 8l4.5 4.5",
            Icon::Right => "M6 3.5 10.5 8 6 12.5",
            Icon::Reset => "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
            Icon::Star => "M8 1.9l1.9 3.9 4.3.6-3.1 3 .7 4.3L8 11.7l-3.8 2 .7-4.3-3.1-3 4.3-.6Z",
            Icon::Moon => "M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8Z",
            Icon::Pause => "M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4ZM6.4 5.8v4.4M9.6 5.8v4.4",
            Icon::Play => "M4.5 3v10l8-5Z",
            Icon::Plus => "M8 3v10M3 8h10",
            Icon::Retry => "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3",
            Icon::Reuse => "M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4ZM5 7h5.5L9 5.5M11 9.5H5.5L7 11",
            Icon::Runs => "M2.5 4h7M2.5 8h11M2.5 12h5M12 4h1.5M10 12h3.5",
            Icon::Screen => "M2 3h12v8H2ZM6 14h4M8 11v3",
            Icon::Search => "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.3 10.3 14 14",
            Icon::Skip => {
                "M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4ZM5.6 5.6 8 8l-2.4 2.4M8.6 5.6 11 8l-2.4 2.4"
            }
            Icon::Spinner => "M8 1.8A6.2 6.2 0 1 1 1.8 8",
            Icon::Stop => "M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4ZM5.9 5.9h4.2v4.2H5.9Z",
            Icon::Sun => {
                "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1.5V3M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M3.4 12.6l1-1M11.6 4.4l1-1"
            }
            Icon::System => "M1.8 8h3l1.6-4.5 3 9L11.2 8h3",
            Icon::Workflow => "M2.5 2.5h4v4h-4ZM9.5 9.5h4v4h-4ZM4.5 6.5v3a2 2 0 0 0 2 2h3",
        }
    }
}

/// Draws an icon; it says nothing to a screen reader, the word beside it does.
#[component]
pub(crate) fn Drawn(icon: Icon, #[props(default)] class: String) -> Element {
    let turning = if icon == Icon::Spinner { "spin" } else { "" };
    rsx! {
        svg {
            class: "icon {turning} {class}",
            view_box: "0 0 16 16",
            fill: "none",
            stroke: "currentColor",
            stroke_width: "1.5",
            stroke_linecap: "round",
            stroke_linejoin: "round",
            "aria-hidden": "true",
            path { d: icon.path() }
        }
    }
}
