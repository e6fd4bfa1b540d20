//! The one event stream of this tab: opened once, resumed where it broke, its events handed out in batches.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use dioxus::prelude::*;
use emboflow_protocol::event::Event as RunEvent;
use emboflow_protocol::health::HealthView;
use emboflow_protocol::http::{EventQuery, ExecutorView, Hello, ListChanged, LogFrame};
use emboflow_protocol::progress::Progress;
use futures::StreamExt;
use futures::channel::mpsc::{self, UnboundedReceiver, UnboundedSender};
use serde::de::DeserializeOwned;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{EventSource, MessageEvent};

use crate::{api, browser, me};

/// How long events are gathered before the page is drawn again.
const GATHER_MS: i32 = 100;
/// A connection that takes longer to come back makes what is shown old.
const STALE_AFTER_MS: i64 = 10_000;
/// A tab that nobody has looked at for so long gives its connection back: a browser has six for a site without HTTP/2.
const HIDDEN_CLOSE_MS: i32 = 10_000;

/// What the badge says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// Not open for the first time yet.
    Opening,
    /// What is shown is what is.
    Live,
    /// Lost a moment ago.
    Reconnecting,
    /// Lost since this moment (Unix milliseconds).
    Stale(i64),
}

/// What came over the stream.
#[derive(Clone, Debug)]
pub(crate) enum Arrival {
    Run(Box<RunEvent>),
    Log(LogFrame),
    Progress(Box<Progress>),
    Executor(Box<ExecutorView>),
    Health(Box<HealthView>),
    /// This list has changed; none = any may have, while the stream was lost.
    Changed(Option<ListChanged>),
}

/// The state of the stream.
pub(crate) static CONNECTION: GlobalSignal<Connection> = Signal::global(|| Connection::Opening);
/// Grows when the server could not say what was missed: everything shown has to be read again.
pub(crate) static RESYNC: GlobalSignal<u64> = Signal::global(|| 0);
/// The API's version, as it says at the start of the stream.
pub(crate) static SERVER_VERSION: GlobalSignal<Option<String>> = Signal::global(|| None);

enum Notice {
    Opened(Hello),
    Lost {
        for_good: bool,
    },
    Resync,
    Came(Arrival),
    Wanted(Option<String>),
    /// This project is shown, and open to whoever looks; or there is nothing to follow.
    Follow(Option<String>),
    Shown,
    Hidden,
    StillHidden,
    /// Open again, unless something else has done so.
    Reopen,
}

type Listener = (u64, Callback<Rc<Vec<Arrival>>>);

thread_local! {
    static LISTENERS: RefCell<Vec<Listener>> = const { RefCell::new(Vec::new()) };
    static NEXT_LISTENER: Cell<u64> = const { Cell::new(0) };
    static TO_STREAM: RefCell<Option<UnboundedSender<Notice>>> = const { RefCell::new(None) };
}

fn tell(signal: Notice) {
    TO_STREAM.with_borrow(|sender| {
        if let Some(sender) = sender {
            // The receiver lives as long as the page.
            let _ = sender.unbounded_send(signal);
        }
    });
}

/// Hands every batch of arrivals to the component, as long as it is shown.
pub(crate) fn use_arrivals(mut then: impl FnMut(&Arrival) + 'static) {
    let callback = use_callback(move |batch: Rc<Vec<Arrival>>| batch.iter().for_each(&mut then));
    let id = use_hook(|| {
        let id = NEXT_LISTENER.with(|next| {
            next.set(next.get() + 1);
            next.get()
        });
        LISTENERS.with_borrow_mut(|listeners| listeners.push((id, callback)));
        id
    });
    use_drop(move || LISTENERS.with_borrow_mut(|listeners| listeners.retain(|(other, _)| *other != id)));
}

/// Calls `then` when a list of this kind has changed, or may have.
pub(crate) fn use_changes(kind: &'static str, mut then: impl FnMut() + 'static) {
    use_arrivals(move |arrival| {
        if let Arrival::Changed(changed) = arrival
            && changed.as_ref().is_none_or(|list| list.kind == kind)
        {
            then();
        }
    });
}

/// Waits until the stream is open, so that nothing is missed between an answer and the first event; a second at most.
pub(crate) async fn settled() {
    for _ in 0..50 {
        if *CONNECTION.peek() != Connection::Opening {
            break;
        }
        browser::sleep_ms(20).await;
    }
}

/// Asks for the live log of an attempt along with the events; `None` ends it.
pub(crate) fn want_log(attempt: Option<String>) {
    tell(Notice::Wanted(attempt));
}

/// Follows a project's events from now on; `None` follows nothing.
pub(crate) fn follow(project: Option<String>) {
    tell(Notice::Follow(project));
}

/// Keeps the stream; called once, by the application.
pub(crate) fn use_stream() {
    use_hook(|| {
        let (sender, receiver) = mpsc::unbounded();
        TO_STREAM.set(Some(sender));
        if let Some(document) = browser::document() {
            browser::listen(&document, "visibilitychange", |_| {
                tell(if browser::is_hidden() { Notice::Hidden } else { Notice::Shown });
            });
        }
        spawn(keep(receiver));
        spawn(watch_age());
    });
}

/// Turns a lost connection into old data after a while.
async fn watch_age() {
    let mut lost_at = None;
    loop {
        browser::sleep_ms(1_000).await;
        let now = browser::now_ms();
        let state = *CONNECTION.peek();
        match state {
            Connection::Live | Connection::Opening => lost_at = None,
            Connection::Stale(_) => {}
            Connection::Reconnecting => {
                let since = *lost_at.get_or_insert(now);
                if now - since > STALE_AFTER_MS {
                    *CONNECTION.write() = Connection::Stale(since);
                }
            }
        }
    }
}

async fn keep(mut signals: UnboundedReceiver<Notice>) {
    // A tab that was opened in the background takes no connection before somebody looks at it.
    let mut stream = Stream { sleeps: browser::is_hidden(), ..Stream::default() };
    while let Some(first) = signals.next().await {
        let mut batch = vec![first];
        // A single sign of life is acted on at once; a flood is gathered.
        if matches!(batch.first(), Some(Notice::Came(_))) {
            browser::sleep_ms(GATHER_MS).await;
        }
        while let Ok(more) = signals.try_recv() {
            batch.push(more);
        }
        let mut arrivals = Vec::new();
        for signal in batch {
            stream.take(signal, &mut arrivals);
        }
        if !arrivals.is_empty() {
            let arrivals = Rc::new(arrivals);
            let listeners = LISTENERS.with_borrow(Clone::clone);
            listeners.iter().for_each(|(_, listener)| listener.call(arrivals.clone()));
        }
    }
}

/// The open connection and where it stands.
#[derive(Default)]
struct Stream {
    source: Option<EventSource>,
    /// It has never been open: what was read has grown old by the time it is.
    sleeps: bool,
    was_open: bool,
    project: Option<String>,
    log: Option<String>,
    failures: i32,
    after: Rc<Cell<Option<u64>>>,
    closures: Vec<Closure<dyn FnMut(MessageEvent)>>,
}

impl Stream {
    fn take(&mut self, signal: Notice, arrivals: &mut Vec<Arrival>) {
        match signal {
            Notice::Came(arrival) => arrivals.push(arrival),
            Notice::Opened(hello) => {
                self.failures = 0;
                // Changes of lists are told once; what was lost meanwhile does not come again.
                if self.was_open {
                    arrivals.push(Arrival::Changed(None));
                }
                self.was_open = true;
                if self.after.get().is_none() {
                    self.after.set(Some(hello.seq));
                }
                *SERVER_VERSION.write() = Some(hello.version);
                *CONNECTION.write() = Connection::Live;
            }
            Notice::Lost { for_good } => {
                let state = *CONNECTION.peek();
                if matches!(state, Connection::Live | Connection::Opening) {
                    *CONNECTION.write() = Connection::Reconnecting;
                }
                if for_good {
                    self.reopen_later();
                    // Perhaps the session has ended: a stream does not tell.
                    spawn(me::ask_again());
                }
            }
            Notice::Resync => *RESYNC.write() += 1,
            Notice::Wanted(log) if log != self.log => {
                self.log = log;
                self.open_if_seen();
            }
            Notice::Wanted(_) => {}
            Notice::Follow(project) if project != self.project => {
                // What was read of the other project says nothing of this one.
                self.after.set(None);
                self.project = project;
                *CONNECTION.write() = Connection::Opening;
                self.open_if_seen();
            }
            Notice::Follow(_) => {}
            Notice::Shown if self.source.is_none() => {
                self.open();
                if std::mem::take(&mut self.sleeps) {
                    *RESYNC.write() += 1;
                }
            }
            Notice::Shown => {}
            Notice::Hidden => {
                spawn(async {
                    browser::sleep_ms(HIDDEN_CLOSE_MS).await;
                    tell(Notice::StillHidden);
                });
            }
            Notice::StillHidden if browser::is_hidden() => self.close(),
            Notice::StillHidden => {}
            Notice::Reopen if self.source.is_none() && !browser::is_hidden() => self.open(),
            Notice::Reopen => {}
        }
    }

    /// The browser has given up (the server answered with an error): the waits grow to half a minute.
    fn reopen_later(&mut self) {
        self.close();
        self.failures = (self.failures + 1).min(6);
        let longest = f64::from(500 * (1 << self.failures));
        #[expect(clippy::cast_possible_truncation, reason = "at most 32,000")]
        let wait = (longest * (0.5 + browser::jitter() / 2.0)) as i32;
        spawn(async move {
            browser::sleep_ms(wait).await;
            tell(Notice::Reopen);
        });
    }

    fn close(&mut self) {
        if let Some(source) = self.source.take() {
            source.set_onerror(None);
            source.close();
        }
        self.closures.clear();
    }

    fn open_if_seen(&mut self) {
        if browser::is_hidden() {
            self.close();
        } else {
            self.open();
        }
    }

    fn open(&mut self) {
        self.close();
        let Some(project) = self.project.clone() else { return };
        let query =
            EventQuery { project: Some(project), run: None, log: self.log.clone(), after: self.after.get() };
        let address = format!("{}{}", api::global("events"), api::query(&query));
        let Ok(source) = EventSource::new(&address) else {
            tell(Notice::Lost { for_good: true });
            return;
        };
        let last = self.after.clone();
        let note = move |event: &MessageEvent| {
            if let Ok(seq) = event.last_event_id().parse() {
                last.set(Some(seq));
            }
        };
        self.on(&source, "hello", |event| {
            if let Some(hello) = read(event) {
                tell(Notice::Opened(hello));
            }
        });
        self.on(&source, "run", move |event| {
            note(event);
            came(read(event).map(|run| Arrival::Run(Box::new(run))));
        });
        self.on(&source, "log", |event| came(read(event).map(Arrival::Log)));
        self.on(&source, "progress", |event| {
            came(read(event).map(|progress| Arrival::Progress(Box::new(progress))));
        });
        self.on(&source, "executor", |event| came(read(event).map(|view| Arrival::Executor(Box::new(view)))));
        self.on(&source, "health", |event| came(read(event).map(|view| Arrival::Health(Box::new(view)))));
        self.on(&source, "changed", |event| came(read(event).map(|list| Arrival::Changed(Some(list)))));
        self.on(&source, "resync", |_| tell(Notice::Resync));
        let watched = source.clone();
        self.on(&source, "error", move |_| {
            tell(Notice::Lost { for_good: watched.ready_state() == EventSource::CLOSED });
        });
        self.source = Some(source);
    }

    fn on(&mut self, source: &EventSource, name: &str, mut then: impl FnMut(&MessageEvent) + 'static) {
        let closure = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| then(&event));
        if source.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref()).is_ok() {
            self.closures.push(closure);
        }
    }
}

fn came(arrival: Option<Arrival>) {
    if let Some(arrival) = arrival {
        tell(Notice::Came(arrival));
    }
}

/// What this page cannot read is from a newer server: it is passed over, and said on the console.
fn read<T: DeserializeOwned>(event: &MessageEvent) -> Option<T> {
    let text = event.data().as_string()?;
    match serde_json::from_str(&text) {
        Ok(data) => Some(data),
        Err(error) => {
            web_sys::console::warn_1(&format!("event {} not read: {error}", event.type_()).into());
            None
        }
    }
}
