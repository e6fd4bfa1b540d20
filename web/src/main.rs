//! EmboFlow's page: runs, workflows, executors and the health of the installation, live.
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]

mod ansi;
mod api;
mod app;
mod browser;
mod format;
mod graph;
mod icon;
mod live;
mod look;
mod me;
mod pages;
mod parts;
mod place;
mod reader;
mod route;
mod shell;

fn main() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.to_string();
        web_sys::console::error_1(&text.as_str().into());
        // The boot script is not part of what has died: it shows the bar.
        browser::tell("emboflow-panic", &text);
    }));
    if let Some(skeleton) = browser::element("main") {
        skeleton.set_inner_html("");
    }
    dioxus::launch(app::App);
}
