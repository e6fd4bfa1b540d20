//! A bare log in SQLite: one thread, one transaction for all that waits, on disk before the answer.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::Context;
use bytes::Bytes;
use rusqlite::Connection;
use tokio::sync::oneshot;

/// Hands rows to the thread; clones share it.
#[derive(Clone)]
pub(crate) struct Log {
    rows: Sender<(Vec<Bytes>, oneshot::Sender<()>)>,
}

impl Log {
    pub(crate) fn open(file: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(file).context("opening the bare log")?;
        connection.pragma_update(None, "journal_mode", "WAL").context("setting the journal")?;
        connection.pragma_update(None, "synchronous", "FULL").context("setting durability")?;
        connection
            .execute_batch("CREATE TABLE log (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")
            .context("making the table")?;
        let (rows, waiting) = channel();
        std::thread::spawn(move || write(&connection, &waiting));
        Ok(Self { rows })
    }

    /// Appends rows and waits until they are on disk.
    pub(crate) async fn append(&self, rows: Vec<Bytes>) -> anyhow::Result<()> {
        let (done, wait) = oneshot::channel();
        self.rows.send((rows, done)).context("handing rows to the bare log")?;
        wait.await.context("the bare log cannot be written")
    }
}

/// Ends with the last [`Log`], or when SQLite refuses: who waits hears of it by the closed channel.
fn write(connection: &Connection, waiting: &Receiver<(Vec<Bytes>, oneshot::Sender<()>)>) {
    while let Ok(first) = waiting.recv() {
        let group: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
        if commit(connection, &group).is_err() {
            return;
        }
        for (_, done) in group {
            let _nobody_waits = done.send(());
        }
    }
}

fn commit(connection: &Connection, group: &[(Vec<Bytes>, oneshot::Sender<()>)]) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    let mut insert = transaction.prepare_cached("INSERT INTO log (body) VALUES (?1)")?;
    for row in group.iter().flat_map(|(rows, _)| rows) {
        insert.execute([&row[..]])?;
    }
    drop(insert);
    transaction.commit()
}
