//! The application: shell around, page inside, one stream and one clock for all.

use dioxus::prelude::*;

use crate::browser;
use crate::pages;
use crate::place::{PLACE, use_history};
use crate::route::Route;
use crate::shell::Shell;

/// Unix milliseconds, once a second while somebody looks; what shows an age reads it.
pub(crate) static CLOCK: GlobalSignal<i64> = Signal::global(browser::now_ms);

#[component]
pub(crate) fn App() -> Element {
    use_history();
    crate::live::use_stream();
    use_hook(|| {
        spawn(async {
            loop {
                browser::sleep_ms(1_000).await;
                if !browser::is_hidden() {
                    *CLOCK.write() = browser::now_ms();
                }
            }
        });
    });
    let route = use_memo(|| PLACE.read().route.clone());
    use_effect(move || browser::set_title(&title(&route.read())));
    let page = match route() {
        Route::Runs => rsx! { pages::runs::Runs {} },
        // A key, so that another run starts with nothing of the one before.
        Route::Run { id, tab } => rsx! { pages::run::RunPage { key: "{id}", id, tab } },
        Route::Workflows => rsx! { pages::workflows::Workflows {} },
        Route::Workflow { name } => rsx! { pages::workflow::WorkflowPage { key: "{name}", name } },
        Route::New => rsx! { pages::new_run::NewRun {} },
        Route::Executors => rsx! { pages::executors::Executors {} },
        Route::System => rsx! { pages::system::System {} },
        Route::Unknown => rsx! { pages::Unknown {} },
    };
    rsx! { Shell { {page} } }
}

fn title(route: &Route) -> String {
    let what = match route {
        Route::Runs => "Runs".to_owned(),
        Route::Run { id, tab } => format!("{} · {}", tab.title(), crate::format::short_id(id)),
        Route::Workflows => "Workflows".to_owned(),
        Route::Workflow { name } => name.clone(),
        Route::New => "New run".to_owned(),
        Route::Executors => "Executors".to_owned(),
        Route::System => "System".to_owned(),
        Route::Unknown => "Not found".to_owned(),
    };
    format!("{what} · EmboFlow")
}
