//! Reads a log into a book and keeps it up to date: last lines, live frames, gaps, the sealed end.

use dioxus::prelude::*;
use emboflow_protocol::header::LOG_OFFSET;
use emboflow_protocol::http::{LogFrame, LogQuery};

use super::Which;
use super::book::{Book, Fit};
use super::mark::Mark;
use crate::api::{self, ApiError};
use crate::live::{Arrival, RESYNC, use_arrivals};
use crate::place::here;

/// Lines that a log opens with.
const LAST_LINES: u32 = 1_000;
/// Frames that are kept until the first answer.
const MOST_EARLY: usize = 500;
/// Bytes that are read at once when somebody goes back.
const STRETCH_BYTES: u64 = 256 * 1024;

/// A log that is being read.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Reading {
    pub(super) book: Signal<Option<Book>>,
    pub(super) error: Signal<Option<ApiError>>,
    /// A stretch in the middle is shown; live frames do not fit on.
    pub(super) detached: Signal<bool>,
    /// A request grows this to read from the end again.
    pub(super) again: Signal<u32>,
    /// Lines of the sealed log.
    total: Signal<Option<u64>>,
    busy: Signal<bool>,
    /// Frames that came before the first answer.
    early: Signal<Vec<LogFrame>>,
}

/// Opens a log; `lines` is the number of its lines once it is sealed.
pub(super) fn use_reading(which: Which, lines: Option<u64>) -> Reading {
    let reading = Reading {
        book: use_signal(|| None),
        error: use_signal(|| None),
        detached: use_signal(|| false),
        again: use_signal(|| 0),
        total: use_signal(|| lines),
        busy: use_signal(|| false),
        early: use_signal(Vec::new),
    };
    let mut now = use_signal(|| which.clone());
    if *now.peek() != which {
        now.set(which.clone());
    }
    use_effect(move || {
        let _ = (RESYNC.read(), reading.again.read());
        spawn(reading.open(now.peek().clone()));
    });
    let mut total = reading.total;
    if *total.peek() != lines {
        total.set(lines);
    }
    let sealed = lines.is_some();
    use_effect(use_reactive!(|sealed| {
        // The end is known now: what the live frames did not bring is read once.
        if sealed && reading.book.peek().is_some() {
            spawn(reading.finish(now.peek().clone()));
        }
    }));
    let id = which.attempt_id();
    use_arrivals(move |arrival| {
        if let Arrival::Log(frame) = arrival
            && Some(&frame.attempt) == id.as_ref()
        {
            reading.take(now.peek().clone(), frame);
        }
    });
    reading
}

impl Reading {
    async fn open(mut self, which: Which) {
        if let Some(mark) = Mark::of(&here()) {
            return self.jump(which, mark.offset, mark.line).await;
        }
        let query = LogQuery { attempt: number(&which), tail: Some(LAST_LINES), ..LogQuery::default() };
        match read(&which, &query).await {
            Ok((bytes, offset)) => {
                let mut book = Book::open(&bytes, offset, None);
                let early = std::mem::take(&mut *self.early.write());
                for frame in &early {
                    if let Fit::Gap { to, .. } = book.follow(frame) {
                        book.skip_to(to);
                        book.follow(frame);
                    }
                }
                if let Some(total) = *self.total.peek() {
                    book.number_from_end(total);
                }
                self.detached.set(false);
                self.error.set(None);
                self.book.set(Some(book));
            }
            // A log that has not begun is empty, not an error.
            Err(error) if error.is_missing() && which.open => {
                self.book.set(Some(Book::open(b"", Some(0), None)))
            }
            Err(error) => self.error.set(Some(error)),
        }
    }

    fn take(mut self, which: Which, frame: &LogFrame) {
        if *self.detached.peek() {
            return;
        }
        let fit = match self.book.write().as_mut() {
            None => {
                let mut early = self.early.write();
                // Where no answer comes, the newest are enough: what lies before them is a gap like any other.
                if early.len() >= MOST_EARLY {
                    early.remove(0);
                }
                early.push(frame.clone());
                return;
            }
            Some(book) => book.follow(frame),
        };
        if let Fit::Gap { from, to } = fit {
            self.early.write().push(frame.clone());
            if !*self.busy.peek() {
                spawn(self.fill(which, from, to));
            }
        }
    }

    /// Reads what lies between the book and a live frame; what the server does not have yet is said in the book.
    async fn fill(mut self, which: Which, from: u64, to: u64) {
        self.busy.set(true);
        let query =
            LogQuery { attempt: number(&which), from: Some(from), to: Some(to), ..LogQuery::default() };
        let answer = read(&which, &query).await;
        let early = std::mem::take(&mut *self.early.write());
        if let Some(book) = self.book.write().as_mut() {
            if let Ok((bytes, _)) = answer
                && book.end() == from
            {
                book.append(&bytes);
            }
            for frame in &early {
                if let Fit::Gap { to, .. } = book.follow(frame) {
                    book.skip_to(to.min(frame.offset));
                    book.follow(frame);
                }
            }
        }
        self.busy.set(false);
    }

    /// Reads what came after the last byte that is held.
    async fn finish(mut self, which: Which) {
        let Some(end) = self.book.peek().as_ref().map(Book::end) else { return };
        if *self.detached.peek() {
            return;
        }
        let query = LogQuery { attempt: number(&which), from: Some(end), ..LogQuery::default() };
        if let Ok((bytes, _)) = read(&which, &query).await
            && let Some(book) = self.book.write().as_mut()
            && book.end() == end
        {
            book.append(&bytes);
            if let Some(total) = *self.total.peek() {
                book.number_from_end(total);
            }
        }
    }

    /// Shows the stretch that begins at this byte, which is the start of the line with this number.
    pub(super) async fn jump(mut self, which: Which, offset: u64, line: u64) {
        let to = offset + STRETCH_BYTES;
        let query =
            LogQuery { attempt: number(&which), from: Some(offset), to: Some(to), ..LogQuery::default() };
        match read(&which, &query).await {
            Ok((bytes, _)) => {
                self.detached.set(true);
                self.book.set(Some(Book::open(&bytes, Some(offset), Some(line))));
            }
            Err(error) => self.error.set(Some(error)),
        }
    }

    /// Puts the stretch before the first line in front; gives the number of lines it was.
    pub(super) async fn earlier(mut self, which: Which) -> usize {
        let Some(start) = self.book.peek().as_ref().and_then(Book::before) else { return 0 };
        let from = start.saturating_sub(STRETCH_BYTES);
        let query =
            LogQuery { attempt: number(&which), from: Some(from), to: Some(start), ..LogQuery::default() };
        match read(&which, &query).await {
            Ok((bytes, _)) => self.book.write().as_mut().map_or(0, |book| book.prepend(&bytes, from == 0)),
            Err(error) => {
                self.error.set(Some(error));
                0
            }
        }
    }
}

fn number(which: &Which) -> Option<u32> {
    (which.attempt > 0).then_some(which.attempt)
}

async fn read(which: &Which, query: &LogQuery) -> Result<(Vec<u8>, Option<u64>), ApiError> {
    let (bytes, offset) = api::get_bytes(&which.address(&api::query(query)), LOG_OFFSET).await?;
    Ok((bytes, offset.and_then(|text| text.parse().ok())))
}
