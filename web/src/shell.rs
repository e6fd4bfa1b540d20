//! What is around every page: navigation, project, live badge, theme, palette.

use dioxus::prelude::*;

use crate::app::CLOCK;
use crate::browser;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::live::{CONNECTION, Connection, SERVER_VERSION};
use crate::parts::keys::{self, KeySheet};
use crate::parts::palette::{OPEN, Palette};
use crate::parts::toast::Toasts;
use crate::place::{Link, PLACE};
use crate::route::{Place, Route};

const SECTIONS: [(&str, Icon, Route); 4] = [
    ("Runs", Icon::Runs, Route::Runs),
    ("Workflows", Icon::Workflow, Route::Workflows),
    ("Executors", Icon::Executor, Route::Executors),
    ("System", Icon::System, Route::System),
];

/// The section of the navigation that a route belongs to.
fn section(route: &Route) -> &'static str {
    match route {
        Route::Runs | Route::Run { .. } => "Runs",
        Route::Workflows | Route::Workflow { .. } | Route::New => "Workflows",
        Route::Executors => "Executors",
        Route::System => "System",
        Route::Unknown => "",
    }
}

#[component]
pub(crate) fn Shell(children: Element) -> Element {
    let route = PLACE.read().route.clone();
    let here = section(&route);
    let version = SERVER_VERSION.read().clone();
    keys::use_keys();
    rsx! {
        a { class: "skip", href: "#content", "Skip to content" }
        div { class: "shell",
            nav { class: "nav", "aria-label": "Main",
                Link { to: Place::new(Route::Runs), class: "brand", label: "EmboFlow",
                    span { class: "brand-mark", "aria-hidden": "true" }
                    span { class: "brand-name", "EmboFlow" }
                }
                div { class: "nav-items",
                    for (name , icon , to) in SECTIONS {
                        Link {
                            key: "{name}",
                            to: Place::new(to),
                            class: "nav-item",
                            current: (name == here).then(|| "page".to_owned()),
                            Drawn { icon }
                            "{name}"
                        }
                    }
                }
                div { class: "nav-foot",
                    button {
                        class: "button ghost small",
                        r#type: "button",
                        onclick: move |_| *OPEN.write() = true,
                        Drawn { icon: Icon::Search }
                        "Jump to"
                        span { class: "grow" }
                        kbd { "aria-hidden": "true", "Ctrl K" }
                    }
                    button {
                        class: "button ghost small",
                        r#type: "button",
                        onclick: move |_| *keys::SHEET.write() = true,
                        Drawn { icon: Icon::Keys }
                        "Keys"
                        span { class: "grow" }
                        kbd { "aria-hidden": "true", "?" }
                    }
                    if let Some(version) = version {
                        span { class: "mono version", "v{version}" }
                    }
                }
            }
            div { class: "body",
                header { class: "topbar",
                    div { class: "crumbs", Crumbs { route } }
                    span { class: "grow" }
                    LiveBadge {}
                    ThemeSwitch {}
                    Link { to: Place::new(Route::New), class: "button primary", label: "New run",
                        Drawn { icon: Icon::Plus }
                        span { class: "hide-s", "New run" }
                    }
                }
                main { class: "page", id: "content", tabindex: "-1", {children} }
            }
        }
        Palette {}
        KeySheet {}
        Toasts {}
    }
}

#[component]
fn Crumbs(route: Route) -> Element {
    let here = section(&route);
    let deeper = match &route {
        Route::Run { id, .. } => Some((Route::Runs, format::short_id(id))),
        Route::Workflow { name } => Some((Route::Workflows, name.clone())),
        Route::New => Some((Route::Workflows, "New run".to_owned())),
        _ => None,
    };
    rsx! {
        span { class: "tag hide-s", title: "Project", {crate::api::PROJECT} }
        span { class: "hide-s", "aria-hidden": "true", "/" }
        if let Some((up, name)) = deeper {
            Link { to: Place::new(up), "{here}" }
            span { "aria-hidden": "true", "/" }
            strong { class: "cut mono", "{name}" }
        } else {
            strong { "{here}" }
        }
    }
}

#[component]
fn LiveBadge() -> Element {
    let connection = *CONNECTION.read();
    let (class, text, hint) = match connection {
        Connection::Opening => ("reconnecting", "Connecting".to_owned(), "Opening the event stream"),
        Connection::Live => ("live", "Live".to_owned(), "Changes appear by themselves"),
        Connection::Reconnecting => {
            ("reconnecting", "Reconnecting".to_owned(), "The event stream broke; trying again")
        }
        Connection::Stale(since) => {
            let age = u64::try_from(*CLOCK.read() - since).unwrap_or(0);
            (
                "stale",
                format!("Stale since {}", format::duration(age / 1000 * 1000)),
                "What you see may have changed",
            )
        }
    };
    // Only the kind of state is announced, not each second of its age.
    let said = match connection {
        Connection::Stale(_) => "Stale",
        Connection::Live => "Live",
        _ => "Connecting",
    };
    rsx! {
        span { class: "badge {class}", title: hint, "data-live": "{said}",
            span { class: "dot", "aria-hidden": "true" }
            span { "aria-hidden": "true", "{text}" }
            span { class: "visually-hidden", role: "status", "aria-live": "polite", "Event stream: {said}" }
        }
    }
}

#[component]
fn ThemeSwitch() -> Element {
    let mut theme = use_signal(|| browser::remembered("theme").unwrap_or_else(|| "system".to_owned()));
    let choice = theme();
    let (icon, next, label) = match choice.as_str() {
        "light" => (Icon::Sun, "dark", "Theme: light"),
        "dark" => (Icon::Moon, "system", "Theme: dark"),
        _ => (Icon::Screen, "light", "Theme: as the system"),
    };
    rsx! {
        button {
            class: "button ghost square",
            r#type: "button",
            title: "{label}",
            "aria-label": "{label}; change to {next}",
            onclick: move |_| {
                browser::remember("theme", (next != "system").then_some(next));
                browser::tell("emboflow-theme", next);
                theme.set(next.to_owned());
            },
            Drawn { icon }
        }
    }
}
