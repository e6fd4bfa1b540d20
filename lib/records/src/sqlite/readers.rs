//! A few threads that read, each with its own connection; SQLite's readers never wait for the writer.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::{RecordsError, Unavailability};

type Query = Box<dyn FnOnce(&Connection) + Send>;

/// Hands queries to the reading threads; dropping it ends them after the queries they have.
pub(super) struct Readers {
    queries: Sender<Query>,
}

impl Readers {
    /// Starts a thread for each connection.
    pub(super) fn start(connections: Vec<Connection>) -> Result<Self, RecordsError> {
        let (queries, waiting) = channel::<Query>();
        let waiting = Arc::new(Mutex::new(waiting));
        for connection in connections {
            let waiting = Arc::clone(&waiting);
            std::thread::Builder::new()
                .name("records-reader".to_owned())
                .spawn(move || {
                    while let Some(query) = next(&waiting) {
                        query(&connection);
                    }
                })
                .map_err(|error| RecordsError::Unavailable {
                    reason: Unavailability::Failed,
                    detail: format!("cannot start a reading thread: {error}"),
                })?;
        }
        Ok(Self { queries })
    }

    /// Runs the query on one of the threads.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, RecordsError> + Send + 'static,
    ) -> Result<T, RecordsError> {
        let (reply, answer) = oneshot::channel();
        let query: Query = Box::new(move |connection| {
            // Nobody waits any more: nothing is lost.
            let _ = reply.send(query(connection));
        });
        self.queries.send(query).map_err(|_| RecordsError::closed())?;
        answer.await.map_err(|_| RecordsError::closed())?
    }
}

fn next(waiting: &Mutex<Receiver<Query>>) -> Option<Query> {
    // The lock only guards the queue: a thread that panicked cannot have left it half-way.
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}
