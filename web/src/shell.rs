//! What is around every page: navigation, project, live badge, theme, palette.

use dioxus::prelude::*;
use emboflow_model::access::Role;

use crate::app::CLOCK;
use crate::browser;
use crate::format;
use crate::icon::{Drawn, Icon};
use crate::live::{CONNECTION, Connection, SERVER_VERSION};
use crate::me;
use crate::parts::keys::{self, KeySheet};
use crate::parts::maintenance::MaintenanceBanner;
use crate::parts::palette::{OPEN, Palette};
use crate::parts::toast::Toasts;
use crate::place::{Link, PLACE, go, here};
use crate::route::{Place, Route};

/// What is for everybody, and what only some may see.
fn sections() -> (Vec<Section>, Vec<Section>) {
    let mut work = vec![
        ("Runs", Icon::Runs, Route::Runs),
        ("Workflows", Icon::Workflow, Route::Workflows),
        ("Triggers", Icon::Clock, Route::Triggers),
    ];
    work.push(("Uploads", Icon::File, Route::Uploads));
    if me::may_in_project(Role::Developer) {
        work.push(("Secrets", Icon::Lock, Route::Secrets));
    }
    work.push(("Notifications", Icon::Alert, Route::Notifications));
    work.extend([
        ("Executors", Icon::Executor, Route::Executors),
        ("Queues", Icon::Clock, Route::Queues),
        ("System", Icon::System, Route::System),
    ]);
    let mut administration = Vec::new();
    let of_platform = me::is_platform_admin();
    if of_platform {
        administration.push(("Users", Icon::People, Route::Users));
    }
    if of_platform || me::may_in_project(Role::Admin) {
        administration.push(("Projects", Icon::Folder, Route::Projects));
    }
    if of_platform {
        administration.push(("API keys", Icon::Key, Route::Keys));
        administration.push(("Services", Icon::Executor, Route::Services));
    }
    if of_platform || me::may_in_project(Role::Admin) {
        administration.push(("Audit", Icon::Book, Route::Audit));
    }
    (work, administration)
}

/// A name, its picture, and where it leads.
type Section = (&'static str, Icon, Route);

/// The section of the navigation that a route belongs to.
fn section(route: &Route) -> &'static str {
    match route {
        Route::Runs | Route::Run { .. } => "Runs",
        Route::Workflows | Route::Workflow { .. } | Route::New => "Workflows",
        Route::Triggers | Route::Trigger { .. } => "Triggers",
        Route::Executors => "Executors",
        Route::Queues => "Queues",
        Route::Secrets => "Secrets",
        Route::Uploads => "Uploads",
        Route::Notifications => "Notifications",
        Route::System => "System",
        Route::Account => "Account",
        Route::Users => "Users",
        Route::Projects | Route::Project { .. } => "Projects",
        Route::Keys => "API keys",
        Route::Services => "Services",
        Route::Audit => "Audit",
        Route::Unknown => "",
    }
}

#[component]
pub(crate) fn Shell(children: Element) -> Element {
    let route = PLACE.read().route.clone();
    let here = section(&route);
    let version = SERVER_VERSION.read().clone();
    let (work, administration) = sections();
    keys::use_keys();
    rsx! {
        a { class: "skip", href: "#content", "Skip to content" }
        div { class: "shell",
            nav { class: "nav", "aria-label": "Main",
                Link { to: Place::new(Route::Runs), class: "brand", label: "EmboFlow",
                    span { class: "brand-mark", "aria-hidden": "true" }
                    span { class: "brand-name", "EmboFlow" }
                }
                NavItems { items: work, here }
                if !administration.is_empty() {
                    div { class: "nav-group",
                        p { class: "nav-title", "Administration" }
                        NavItems { items: administration, here }
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
                    Whoever { here }
                    if me::may_in_project(Role::Developer) {
                        Link { to: Place::new(Route::New), class: "button primary", label: "New run",
                            Drawn { icon: Icon::Plus }
                            span { class: "hide-s", "New run" }
                        }
                    }
                }
                MaintenanceBanner {}
                main { class: "page", id: "content", tabindex: "-1", {children} }
            }
        }
        Palette {}
        KeySheet {}
        Toasts {}
    }
}

#[component]
fn NavItems(items: Vec<Section>, here: &'static str) -> Element {
    rsx! {
        div { class: "nav-items",
            for (name , icon , to) in items {
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
    }
}

/// Who is signed in.
#[component]
fn Whoever(here: &'static str) -> Element {
    let Some(me) = me::view() else { return rsx! {} };
    let name = me.display.or(me.name).unwrap_or_else(|| "Local".to_owned());
    rsx! {
        Link {
            to: Place::new(Route::Account),
            class: "button ghost",
            label: "Account: {name}",
            current: (here == "Account").then(|| "page".to_owned()),
            Drawn { icon: Icon::Person }
            span { class: "cut hide-s whoever", "{name}" }
        }
    }
}

/// The project that is shown, and the others that are open.
#[component]
fn ProjectSwitch() -> Element {
    let shown = PLACE.read().project().to_owned();
    let open: Vec<String> = me::view()
        .map(|me| me.projects.iter().map(|at| at.project.to_string()).collect())
        .unwrap_or_default();
    let is_open = open.contains(&shown);
    rsx! {
        select {
            class: "project-switch mono",
            "aria-label": "Project",
            title: "Project",
            onchange: move |event| switch(&event.value()),
            if !is_open {
                option { value: "{shown}", selected: true, "{shown}" }
            }
            for project in open {
                option { key: "{project}", value: "{project}", selected: project == shown, "{project}" }
            }
        }
    }
}

/// Goes to the same section of another project.
fn switch(project: &str) {
    let here = here();
    let route = match here.route {
        Route::Run { .. } => Route::Runs,
        Route::Workflow { .. } => Route::Workflows,
        route => route,
    };
    go(Place::new(route).of_project(project));
}

#[component]
fn Crumbs(route: Route) -> Element {
    let here = section(&route);
    let deeper = match &route {
        Route::Run { id, .. } => Some((Route::Runs, format::short_id(id))),
        Route::Workflow { name } => Some((Route::Workflows, name.clone())),
        Route::New => Some((Route::Workflows, "New run".to_owned())),
        Route::Trigger { name } => Some((Route::Triggers, name.clone())),
        Route::Project { name } => Some((Route::Projects, name.clone())),
        _ => None,
    };
    rsx! {
        ProjectSwitch {}
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
    if me::role_in(PLACE.read().project()).is_none() {
        // There is nothing to follow.
        return rsx! {};
    }
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
