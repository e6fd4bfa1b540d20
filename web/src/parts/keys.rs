//! Keys that work everywhere, and the sheet that lists them.

use dioxus::prelude::*;
use wasm_bindgen::JsCast;

use crate::browser;
use crate::icon::{Drawn, Icon};
use crate::parts::dialog::Dialog;
use crate::parts::palette;
use crate::place::go;
use crate::route::{Place, Route};

/// Whether the sheet is open.
pub(crate) static SHEET: GlobalSignal<bool> = Signal::global(|| false);

/// A second key comes within this time.
const SEQUENCE_MS: i64 = 1_200;

const LIST: [(&str, &str); 9] = [
    ("Ctrl K", "Jump to anything"),
    ("/", "Search on this page"),
    ("g r", "Runs"),
    ("g w", "Workflows"),
    ("g e", "Executors"),
    ("g s", "System"),
    ("g n", "New run"),
    ("?", "This list"),
    ("Esc", "Close what is open"),
];

/// What a key does.
#[derive(Clone, Debug, PartialEq)]
enum Command {
    Jump,
    Sheet,
    Find,
    Go(Route),
    /// The first of two.
    Begin,
}

/// A key as the browser reports it.
struct Pressed<'a> {
    key: &'a str,
    /// With Ctrl, Meta or Alt.
    modified: bool,
    /// Into a field, where letters are text.
    typing: bool,
    /// `g` came just before.
    after_g: bool,
    /// Single letters act as keys here.
    single: bool,
}

fn command(pressed: &Pressed) -> Option<Command> {
    if pressed.modified {
        return (pressed.key == "k").then_some(Command::Jump);
    }
    if pressed.typing || !pressed.single {
        return None;
    }
    match (pressed.after_g, pressed.key) {
        (true, "r") => Some(Command::Go(Route::Runs)),
        (true, "w") => Some(Command::Go(Route::Workflows)),
        (true, "e") => Some(Command::Go(Route::Executors)),
        (true, "s") => Some(Command::Go(Route::System)),
        (true, "n") => Some(Command::Go(Route::New)),
        (false, "g") => Some(Command::Begin),
        (false, "?") => Some(Command::Sheet),
        (false, "/") => Some(Command::Find),
        _ => None,
    }
}

/// Listens to the keys; called once, by the shell.
pub(crate) fn use_keys() {
    use_hook(|| {
        let (sender, mut commands) = futures::channel::mpsc::unbounded::<Command>();
        let mut began = 0;
        if let Some(window) = browser::window() {
            browser::listen(&window, "keydown", move |event| {
                let Ok(event) = event.dyn_into::<web_sys::KeyboardEvent>() else { return };
                let now = browser::now_ms();
                let key = event.key();
                let pressed = Pressed {
                    key: &key,
                    modified: event.ctrl_key() || event.meta_key() || event.alt_key(),
                    typing: browser::is_typing(),
                    after_g: now - began < SEQUENCE_MS,
                    single: browser::remembered("keys").is_none(),
                };
                let Some(command) = command(&pressed) else { return };
                began = if command == Command::Begin { now } else { 0 };
                event.prevent_default();
                // The receiver lives as long as the page.
                let _ = sender.unbounded_send(command);
            });
        }
        spawn(async move {
            while let Some(command) = futures::StreamExt::next(&mut commands).await {
                obey(command);
            }
        });
    });
}

fn obey(command: Command) {
    // One dialog is enough.
    if browser::has_dialog() {
        return;
    }
    match command {
        Command::Jump => *palette::OPEN.write() = true,
        Command::Sheet => *SHEET.write() = true,
        Command::Find => browser::focus_search(),
        Command::Go(route) => go(Place::new(route)),
        Command::Begin => {}
    }
}

#[component]
pub(crate) fn KeySheet() -> Element {
    let mut single = use_signal(|| browser::remembered("keys").is_none());
    if !*SHEET.read() {
        return rsx! {};
    }
    rsx! {
        Dialog { label: "Keys", onclose: move |()| *SHEET.write() = false,
            div { class: "dialog-body",
                div { class: "row-flex",
                    h2 { class: "grow", "Keys" }
                    button { class: "button ghost small square", r#type: "button", "aria-label": "Close", onclick: move |_| *SHEET.write() = false,
                        Drawn { icon: Icon::Close }
                    }
                }
                dl { class: "facts",
                    for (key , what) in LIST {
                        div { key: "{key}", class: "pair",
                            dt { kbd { "{key}" } }
                            dd { "{what}" }
                        }
                    }
                }
                label { class: "switch",
                    input {
                        r#type: "checkbox",
                        checked: single(),
                        onchange: move |event| {
                            single.set(event.checked());
                            browser::remember("keys", (!event.checked()).then_some("off"));
                        },
                    }
                    "Single letters act as keys"
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(key: &str) -> Pressed<'_> {
        Pressed { key, modified: false, typing: false, after_g: false, single: true }
    }

    #[test]
    fn two_letters_lead_to_a_page() {
        assert_eq!(command(&pressed("g")), Some(Command::Begin));
        assert_eq!(command(&Pressed { after_g: true, ..pressed("e") }), Some(Command::Go(Route::Executors)));
        assert_eq!(command(&pressed("e")), None);
    }

    #[test]
    fn letters_stay_text_in_a_field_and_where_they_are_switched_off() {
        assert_eq!(command(&Pressed { typing: true, ..pressed("?") }), None);
        assert_eq!(command(&Pressed { single: false, ..pressed("?") }), None);
        let jump = Pressed { typing: true, single: false, modified: true, ..pressed("k") };
        assert_eq!(command(&jump), Some(Command::Jump));
    }
}
