//! The edge to the browser: address, storage, time, clipboard. Everything here is quiet when the browser refuses.

use std::cell::RefCell;

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Document, HtmlElement, Window};

use crate::route::{DEFAULT_PROJECT, Place};

pub(crate) fn window() -> Option<Window> {
    web_sys::window()
}

pub(crate) fn document() -> Option<Document> {
    window()?.document()
}

/// The folder of the site, such as `/` or `/emboflow/`; the boot script has found it.
pub(crate) fn root() -> String {
    let root = document()
        .and_then(|document| document.document_element())
        .and_then(|html| html.get_attribute("data-root"));
    root.unwrap_or_else(|| "/".to_owned())
}

/// Scheme, host and port of the site, such as `https://flow.example`.
pub(crate) fn origin() -> String {
    window().and_then(|window| window.location().origin().ok()).unwrap_or_default()
}

/// Unix milliseconds by the browser's clock.
pub(crate) fn now_ms() -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "the clock is far below 2^53")]
    let now = js_sys::Date::now() as i64;
    now
}

/// A number between 0 and 1, for spreading reconnects.
pub(crate) fn jitter() -> f64 {
    js_sys::Math::random()
}

/// The moment as the viewer's locale and zone write it, with seconds.
pub(crate) fn local_time(ms: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds are far below 2^53")]
    let date = js_sys::Date::new(&JsValue::from_f64(ms as f64));
    let two = |number: u32| format!("{number:02}");
    let day = format!("{}-{}-{}", date.get_full_year(), two(date.get_month() + 1), two(date.get_date()));
    let clock = [date.get_hours(), date.get_minutes(), date.get_seconds()].map(two).join(":");
    format!("{day} {clock}")
}

/// The moment (Unix milliseconds) that a field for one holds, such as `2026-11-21T06:00`, in the viewer's zone.
pub(crate) fn moment(text: &str) -> Option<i64> {
    let ms = js_sys::Date::parse(text);
    #[expect(clippy::cast_possible_truncation, reason = "a date is far below 2^53")]
    let moment = ms.is_finite().then_some(ms as i64);
    moment
}

/// The viewer's zone at that moment, such as `UTC+08:00`.
pub(crate) fn zone(ms: i64) -> String {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "minutes of a day")]
    let west = js_sys::Date::new(&JsValue::from_f64(ms as f64)).get_timezone_offset() as i32;
    crate::format::zone(-west)
}

/// Whether the address names nothing below the site itself.
pub(crate) fn is_at_root() -> bool {
    window().and_then(|window| window.location().pathname().ok()).is_some_and(|path| path == root())
}

/// Where the address bar is.
pub(crate) fn read_place() -> Place {
    let last = remembered("project").unwrap_or_else(|| DEFAULT_PROJECT.to_owned());
    let Some(location) = window().map(|window| window.location()) else {
        return Place::parse("", "").settled(&last);
    };
    let path = location.pathname().unwrap_or_default();
    let query = location.search().unwrap_or_default();
    let below = path.strip_prefix(&root()).unwrap_or_default();
    Place::parse(below, query.trim_start_matches('?')).settled(&last)
}

/// Writes the place into the address bar; as a new entry of the history, or in place of the last one.
pub(crate) fn write_place(place: &Place, replace: bool) {
    let Some(history) = window().and_then(|window| window.history().ok()) else { return };
    let address = format!("{}{}", root(), place.address());
    let written = if replace {
        history.replace_state_with_url(&JsValue::NULL, "", Some(&address))
    } else {
        history.push_state_with_url(&JsValue::NULL, "", Some(&address))
    };
    // A browser limits how often a page may do this; the view is right all the same.
    let _ = written;
}

/// Calls `then` for every event of this name, as long as the page lives.
pub(crate) fn listen(target: &web_sys::EventTarget, name: &str, then: impl FnMut(web_sys::Event) + 'static) {
    let closure = Closure::<dyn FnMut(web_sys::Event)>::new(then);
    if target.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref()).is_ok() {
        closure.forget();
    }
}

/// Waits.
pub(crate) async fn sleep_ms(ms: i32) {
    let waiting = js_sys::Promise::new(&mut |resolve, _| {
        if let Some(window) = window() {
            let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms);
        }
    });
    let _ = JsFuture::from(waiting).await;
}

/// A setting of this browser.
pub(crate) fn remembered(name: &str) -> Option<String> {
    window()?.local_storage().ok()??.get_item(&format!("emboflow.{name}")).ok()?
}

/// Keeps a setting in this browser; nothing keeps it where storage is switched off.
pub(crate) fn remember(name: &str, value: Option<&str>) {
    let storage = window().and_then(|window| window.local_storage().ok()).flatten();
    if let Some(storage) = storage {
        let name = format!("emboflow.{name}");
        let _ = match value {
            Some(value) => storage.set_item(&name, value),
            None => storage.remove_item(&name),
        };
    }
}

/// Puts text on the clipboard; false when the browser did not do it. There is no clipboard over plain HTTP.
pub(crate) async fn copy(text: &str) -> bool {
    let Some(window) = window().filter(Window::is_secure_context) else { return false };
    JsFuture::from(window.navigator().clipboard().write_text(text)).await.is_ok()
}

/// Selects all that an element shows, so that the keyboard can copy it.
pub(crate) fn select_all(id: &str) {
    let selection = window().and_then(|window| window.get_selection().ok()).flatten();
    if let (Some(selection), Some(element)) = (selection, element(id)) {
        // It refuses only for what is no longer there.
        let _ = selection.select_all_children(&element);
    }
}

/// Loads the page anew.
pub(crate) fn reload() {
    if let Some(window) = window() {
        let _ = window.location().reload();
    }
}

/// Whether nobody can see the page.
pub(crate) fn is_hidden() -> bool {
    document().is_some_and(|document| document.hidden())
}

pub(crate) fn set_title(title: &str) {
    if let Some(document) = document() {
        document.set_title(title);
    }
}

/// Tells the boot script something: `emboflow-theme`, `emboflow-panic`.
pub(crate) fn tell(name: &str, detail: &str) {
    let init = web_sys::CustomEventInit::new();
    init.set_detail(&JsValue::from_str(detail));
    if let (Some(window), Ok(event)) = (window(), web_sys::CustomEvent::new_with_event_init_dict(name, &init))
    {
        let _ = window.dispatch_event(&event);
    }
}

/// The element with this id.
pub(crate) fn element(id: &str) -> Option<HtmlElement> {
    document()?.get_element_by_id(id)?.dyn_into().ok()
}

/// The element that has the focus.
pub(crate) fn focused() -> Option<HtmlElement> {
    document()?.active_element()?.dyn_into().ok()
}

/// Whether letters would go into a field.
pub(crate) fn is_typing() -> bool {
    let field = focused().filter(|element| element.tag_name() != "BODY");
    field.is_some_and(|element| {
        element.matches("input:not([type=checkbox]), textarea, select").unwrap_or(false)
    })
}

/// Whether a dialog is open.
pub(crate) fn has_dialog() -> bool {
    document().is_some_and(|document| document.query_selector("dialog[open]").ok().flatten().is_some())
}

/// Puts the cursor into the search field of the page, where there is one.
pub(crate) fn focus_search() {
    let field =
        document().and_then(|document| document.query_selector("main input[type=search]").ok().flatten());
    if let Some(field) = field.and_then(|field| field.dyn_into::<HtmlElement>().ok()) {
        let _ = field.focus();
    }
}

/// Gives the focus to the element with this id; what is in sight stays in sight.
pub(crate) fn focus(id: &str) {
    let options = web_sys::FocusOptions::new();
    options.set_prevent_scroll(true);
    if let Some(element) = element(id) {
        let _ = element.focus_with_options(&options);
    }
}

/// Opens the dialog with this id; the focus goes to its first field or button.
pub(crate) fn show_dialog(id: &str) {
    let dialog = element(id).and_then(|element| element.dyn_into::<web_sys::HtmlDialogElement>().ok());
    if let Some(dialog) = dialog.filter(|dialog| !dialog.open()) {
        // It refuses only when it is open already or has just been taken away.
        let _ = dialog.show_modal();
    }
}

/// Closes the dialog with this id; the focus goes back to where it came from.
pub(crate) fn close_dialog(id: &str) {
    let dialog = element(id).and_then(|element| element.dyn_into::<web_sys::HtmlDialogElement>().ok());
    if let Some(dialog) = dialog.filter(web_sys::HtmlDialogElement::open) {
        dialog.close();
    }
}

/// Distance of an element from the left edge of the window, in pixels.
pub(crate) fn left_of(id: &str) -> f64 {
    element(id).map_or(0.0, |element| element.get_bounding_client_rect().left())
}

/// Width and height of the window, in pixels.
pub(crate) fn window_size() -> (f64, f64) {
    let size =
        |value: Result<JsValue, JsValue>| value.ok().and_then(|value| value.as_f64()).unwrap_or_default();
    window().map_or((0.0, 0.0), |window| (size(window.inner_width()), size(window.inner_height())))
}

/// Tells the width of an element in pixels, now and whenever it changes; ends when dropped.
pub(crate) struct WidthWatch {
    observer: web_sys::ResizeObserver,
    _then: Closure<dyn FnMut()>,
}

impl WidthWatch {
    /// Watches the element with this id; none when there is no such element.
    pub(crate) fn start(id: &str, mut then: impl FnMut(f64) + 'static) -> Option<Self> {
        let element = element(id)?;
        let watched = element.clone();
        let then = Closure::<dyn FnMut()>::new(move || then(f64::from(watched.client_width())));
        let observer = web_sys::ResizeObserver::new(then.as_ref().unchecked_ref()).ok()?;
        observer.observe(&element);
        Some(Self { observer, _then: then })
    }
}

impl Drop for WidthWatch {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

thread_local! {
    static KEYS: RefCell<u64> = const { RefCell::new(0) };
}

/// A key that no other request of any browser has.
pub(crate) fn fresh_key() -> String {
    let count = KEYS.with_borrow_mut(|keys| {
        *keys += 1;
        *keys
    });
    let random = format!("{:.15}", jitter());
    format!("page-{}-{}-{count}", now_ms(), random.trim_start_matches("0."))
}

/// Ends the application as a defect would, so that a test sees what people see then.
#[wasm_bindgen::prelude::wasm_bindgen]
#[expect(unreachable_pub, reason = "only what is public can be exported to the page")]
pub fn panic_on_purpose() {
    panic!("asked for by a test");
}
