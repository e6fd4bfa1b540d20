//! A list of the API on the page: read page by page, read again when something was missed or changed.

use dioxus::prelude::*;
use emboflow_protocol::http::Page;
use serde::de::DeserializeOwned;

use crate::api::{self, ApiError};
use crate::live::{self, RESYNC};
use crate::parts::banner::{Loading, Problem};

/// Rows of an answer when nobody asks for another number, and at most.
const PAGE: usize = 100;
const LONGEST: usize = 500;

/// What has been read of a list.
pub(crate) struct List<T: 'static> {
    /// The rows so far.
    pub(crate) rows: Signal<Vec<T>>,
    address: Memo<String>,
    next: Signal<Option<String>>,
    loaded: Signal<bool>,
    error: Signal<Option<ApiError>>,
    /// Grows when it is to be read again.
    again: Signal<u32>,
}

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<T> {}

impl<T> PartialEq for List<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows
    }
}

/// Reads a list, reads it again when somebody has changed what is listed (`kind`, as the event stream calls it), and
/// another one when its address changes.
pub(crate) fn use_list<T: DeserializeOwned + 'static>(
    kind: &'static str,
    address: impl FnMut() -> String + 'static,
) -> List<T> {
    let list = List {
        rows: use_signal(Vec::new),
        address: use_memo(address),
        next: use_signal(|| None),
        loaded: use_signal(|| false),
        error: use_signal(|| None),
        again: use_signal(|| 0),
    };
    use_effect(move || {
        let _ = (RESYNC.read(), list.address.read(), list.again.read());
        spawn(list.read(None));
    });
    live::use_changes(kind, move || list.reload());
    list
}

impl<T: DeserializeOwned + 'static> List<T> {
    /// Reads it from the start; what is shown stays until the answer is there. It is the list that reads, so that a
    /// dialog may ask for it and close.
    pub(crate) fn reload(mut self) {
        self.again += 1;
    }

    async fn read(mut self, cursor: Option<String>) {
        live::settled().await;
        let address = self.address.peek().clone();
        let mark = if address.contains('?') { '&' } else { '?' };
        let read_before = self.rows.peek().len();
        let from = match &cursor {
            Some(cursor) => Some(format!("{mark}cursor={}", crate::route::encode(cursor))),
            // What was loaded on request stays, as far as one answer goes.
            None if read_before > PAGE => Some(format!("{mark}limit={}", read_before.min(LONGEST))),
            None => None,
        };
        let answer = api::get::<Page<T>>(&format!("{address}{}", from.unwrap_or_default())).await;
        if *self.address.peek() != address {
            // Another list is wanted meanwhile, and its answer is on its way.
            return;
        }
        match answer {
            Ok(page) => {
                if cursor.is_none() {
                    self.rows.write().clear();
                }
                self.rows.write().extend(page.items);
                self.next.set(page.next);
                self.error.set(None);
                self.loaded.set(true);
            }
            Err(error) => self.error.set(Some(error)),
        }
    }

    /// The list, or what is to be said instead of it. What was last read stays in sight below an error.
    pub(crate) fn shown(self, empty: Element, filled: Element) -> Element {
        let error = self.error.read().clone();
        let loaded = (self.loaded)();
        let is_empty = self.rows.read().is_empty();
        let next = self.next.read().clone();
        rsx! {
            if let Some(error) = error.clone() {
                Problem { error, retry: move |()| self.reload() }
            }
            if !loaded {
                if error.is_none() {
                    Loading { rows: 4 }
                }
            } else if is_empty {
                {empty}
            } else {
                {filled}
                if let Some(cursor) = next {
                    div { class: "more",
                        button {
                            class: "button",
                            r#type: "button",
                            onclick: move |_| {
                                spawn(self.read(Some(cursor.clone())));
                            },
                            "Load more"
                        }
                    }
                }
            }
        }
    }
}
