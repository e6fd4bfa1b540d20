//! The application: shell around, page inside, one stream and one clock for all.

use dioxus::prelude::*;

use crate::browser;
use crate::live;
use crate::me::{self, ME, Me};
use crate::pages;
use crate::parts::banner::{Loading, Problem};
use crate::parts::sign_in::SignInPage;
use crate::place::{PLACE, adjust, use_history};
use crate::route::{Place, Route};
use crate::shell::Shell;

/// Unix milliseconds, once a second while somebody looks; what shows an age reads it.
pub(crate) static CLOCK: GlobalSignal<i64> = Signal::global(browser::now_ms);

#[component]
pub(crate) fn App() -> Element {
    use_history();
    live::use_stream();
    use_hook(|| {
        spawn(me::ask_again());
        spawn(async {
            loop {
                browser::sleep_ms(1_000).await;
                if !browser::is_hidden() {
                    *CLOCK.write() = browser::now_ms();
                }
            }
        });
    });
    let place = use_memo(|| PLACE.read().clone());
    let project = use_memo(move || place.read().project().to_owned());
    let open_project = use_memo(move || me::role_in(&project.read()).map(|_| project()));
    use_effect(move || live::follow(open_project()));
    use_effect(move || {
        let here = place.read().clone();
        // Nobody has asked for the project that is shown: one that is open takes its place.
        let is_asked = here.route.is_in_project() && !browser::is_at_root();
        if let Some(open) = me::open_project().filter(|_| !is_asked && me::role_in(here.project()).is_none())
        {
            adjust(here.of_project(&open));
        }
    });
    use_effect(move || browser::set_title(&title(&place.read())));
    let me = ME.read().clone();
    match me {
        Me::SignedOut { ended } => rsx! { SignInPage { ended } },
        Me::Asking => rsx! { Shell { Loading { rows: 6 } } },
        Me::Unknown(error) => rsx! {
            Shell {
                h1 { class: "visually-hidden", "EmboFlow" }
                Problem { error, retry: move |()| { spawn(me::ask_again()); } }
            }
        },
        Me::Known(_) => {
            let route = place.read().route.clone();
            let hidden = route.is_in_project() && open_project.read().is_none();
            rsx! {
                Shell {
                    if hidden {
                        pages::no_project::NoProject { project: project() }
                    } else {
                        // A key, so that another project starts with nothing of the one before.
                        Page { key: "{project}", route }
                    }
                }
            }
        }
    }
}

#[component]
fn Page(route: Route) -> Element {
    match route {
        Route::Runs => rsx! { pages::runs::Runs {} },
        // A list of one: only in lists another key means another page, which starts with nothing of the one before.
        Route::Run { id, tab } => rsx! {
            for id in [id] {
                pages::run::RunPage { key: "{id}", id, tab }
            }
        },
        Route::Workflows => rsx! { pages::workflows::Workflows {} },
        Route::Workflow { name } => rsx! {
            for name in [name] {
                pages::workflow::WorkflowPage { key: "{name}", name }
            }
        },
        Route::Triggers => rsx! { pages::triggers::Triggers {} },
        Route::Trigger { name } => rsx! {
            for name in [name] {
                pages::trigger::TriggerPage { key: "{name}", name }
            }
        },
        Route::New => rsx! { pages::new_run::NewRun {} },
        Route::Secrets => rsx! { pages::secrets::Secrets {} },
        Route::Uploads => rsx! { pages::uploads::Uploads {} },
        Route::Queues => rsx! { pages::queues::Queues {} },
        Route::Notifications => rsx! { pages::notifications::Notifications {} },
        Route::Executors => rsx! { pages::executors::Executors {} },
        Route::System => rsx! { pages::system::System {} },
        Route::Account => rsx! { pages::account::Account {} },
        Route::Users => rsx! { pages::users::Users {} },
        Route::Projects => rsx! { pages::projects::Projects {} },
        Route::Project { name } => rsx! {
            for name in [name] {
                pages::project::ProjectPage { key: "{name}", name }
            }
        },
        Route::Keys => rsx! { pages::keys::Keys {} },
        Route::Services => rsx! { pages::services::Services {} },
        Route::Audit => rsx! { pages::audit::Audit {} },
        Route::Unknown => rsx! { pages::Unknown {} },
    }
}

fn title(place: &Place) -> String {
    let what = match &place.route {
        Route::Runs => "Runs".to_owned(),
        Route::Run { id, tab } => format!("{} · {}", tab.title(), crate::format::short_id(id)),
        Route::Workflows => "Workflows".to_owned(),
        Route::Workflow { name } => name.clone(),
        Route::Triggers => "Triggers".to_owned(),
        Route::Trigger { name } => format!("Trigger {name}"),
        Route::New => "New run".to_owned(),
        Route::Secrets => "Secrets".to_owned(),
        Route::Uploads => "Uploads".to_owned(),
        Route::Queues => "Queues".to_owned(),
        Route::Notifications => "Notifications".to_owned(),
        Route::Executors => "Executors".to_owned(),
        Route::System => "System".to_owned(),
        Route::Account => "Account".to_owned(),
        Route::Users => "Users".to_owned(),
        Route::Projects => "Projects".to_owned(),
        Route::Project { name } => format!("Project {name}"),
        Route::Keys => "API keys".to_owned(),
        Route::Services => "Services".to_owned(),
        Route::Audit => "Audit".to_owned(),
        Route::Unknown => "Not found".to_owned(),
    };
    match (place.project(), place.route.is_in_project()) {
        (crate::route::DEFAULT_PROJECT, _) | (_, false) => format!("{what} · EmboFlow"),
        (project, true) => format!("{what} · {project} · EmboFlow"),
    }
}
