//! Where the page is, and how it gets elsewhere without being loaded again.

use dioxus::prelude::*;

use crate::browser;
use crate::route::Place;

/// The place that is shown.
pub(crate) static PLACE: GlobalSignal<Place> = Signal::global(browser::read_place);

/// A copy of the place that is shown, for handlers: nothing stays borrowed while they change it.
pub(crate) fn here() -> Place {
    PLACE.peek().clone()
}

/// The project that is shown.
pub(crate) fn project() -> String {
    PLACE.peek().project().to_owned()
}

/// Goes there; `Back` comes back. A place that names no project is in the one that is shown.
pub(crate) fn go(place: Place) {
    let before = here();
    let place = place.settled(before.project());
    if before == place {
        return;
    }
    let another_project = before.project() != place.project();
    let another_page = another_project || !before.route.is_same_page(&place.route);
    if another_project {
        browser::remember("project", Some(place.project()));
    }
    browser::write_place(&place, false);
    *PLACE.write() = place;
    if another_page && let Some(window) = browser::window() {
        window.scroll_to_with_x_and_y(0.0, 0.0);
        // As after a load: the keyboard goes on from the content, not from a link that is gone.
        browser::focus("content");
    }
}

/// Changes filters without a new entry in the history.
pub(crate) fn adjust(place: Place) {
    let place = place.settled(here().project());
    if here() != place {
        browser::write_place(&place, true);
        *PLACE.write() = place;
    }
}

/// Follows the browser's own buttons.
pub(crate) fn use_history() {
    use_hook(|| {
        let (sender, mut receiver) = futures::channel::mpsc::unbounded::<()>();
        if let Some(window) = browser::window() {
            browser::listen(&window, "popstate", move |_| {
                // The receiver lives as long as the page.
                let _ = sender.unbounded_send(());
            });
        }
        spawn(async move {
            while futures::StreamExt::next(&mut receiver).await.is_some() {
                *PLACE.write() = browser::read_place();
            }
        });
    });
}

/// A real link: it can be opened in another tab, copied and reached by keyboard.
#[component]
pub(crate) fn Link(
    to: Place,
    #[props(default)] class: String,
    #[props(default)] current: Option<String>,
    #[props(default)] label: Option<String>,
    #[props(default)] title: Option<String>,
    /// Id of the element that says more.
    #[props(default)]
    described_by: Option<String>,
    children: Element,
) -> Element {
    let project = use_memo(|| PLACE.read().project().to_owned());
    let address = format!("{}{}", browser::root(), to.clone().settled(&project.read()).address());
    rsx! {
        a {
            class,
            href: address,
            title,
            "aria-current": current,
            "aria-label": label,
            "aria-describedby": described_by,
            onclick: move |event| {
                let keys = event.modifiers();
                let elsewhere = keys.ctrl() || keys.meta() || keys.shift() || keys.alt();
                if !elsewhere {
                    event.prevent_default();
                    go(to.clone());
                }
            },
            {children}
        }
    }
}
