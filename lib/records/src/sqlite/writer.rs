//! The one thread that writes: everything that waits goes into one transaction (group commit).

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::{RecordsError, Unavailability};

/// Jobs of one transaction at most.
const GROUP: usize = 256;

/// What a write is worth at a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// On disk before the answer.
    OnDisk,
    /// Written in order, but forced to disk only by the next [`Durability::OnDisk`]. One such job a transaction, so
    /// that work of the other kind does not wait for long.
    Behind,
}

/// Hands jobs to the writing thread; dropping it ends the thread after the jobs it has.
pub(super) struct Writer {
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(connection: Connection) -> Result<Self, RecordsError> {
        let (jobs, waiting) = channel();
        let thread = std::thread::Builder::new()
            .name("records-writer".to_owned())
            .spawn(move || serve(&connection, &waiting))
            .map_err(|error| RecordsError::Unavailable {
                reason: Unavailability::Failed,
                detail: format!("cannot start the writing thread: {error}"),
            })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs the work inside a transaction and answers when that is committed. When the work gives an error, what it
    /// wrote is undone and nothing else.
    pub(super) async fn run<T, E>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<RecordsError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Work { durability, work: Some(work), result: None, reply };
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(Box::new(job)).is_ok());
        match answer.await {
            Ok(answer) if sent => answer,
            _ => Err(RecordsError::closed().into()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the records' writing thread had panicked");
        }
    }
}

trait Job: Send {
    fn durability(&self) -> Durability;
    /// Gives whether what it wrote is to stay.
    fn run(&mut self, connection: &Connection) -> bool;
    fn settle(self: Box<Self>, committed: Result<(), RecordsError>);
}

struct Work<T, E, W> {
    durability: Durability,
    work: Option<W>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, W> Job for Work<T, E, W>
where
    T: Send,
    E: From<RecordsError> + Send,
    W: FnOnce(&Connection) -> Result<T, E> + Send,
{
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run(&mut self, connection: &Connection) -> bool {
        self.result = self.work.take().map(|work| work(connection));
        matches!(self.result, Some(Ok(_)))
    }

    fn settle(self: Box<Self>, committed: Result<(), RecordsError>) {
        let answer = match (self.result, committed) {
            (Some(Err(own)), _) => Err(own),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (_, Err(error)) => Err(error.into()),
            (None, Ok(())) => Err(RecordsError::closed().into()),
        };
        // Nobody waits any more: the write stands all the same.
        let _ = self.reply.send(answer);
    }
}

fn serve(connection: &Connection, jobs: &Receiver<Box<dyn Job>>) {
    let mut queue = Queue::default();
    let mut level = None;
    while queue.fill(jobs) {
        let (durability, mut group) = queue.next_group();
        let outcome =
            set_level(connection, &mut level, durability).and_then(|()| carry_out(connection, &mut group));
        if outcome.is_err() && !connection.is_autocommit() {
            let _ = connection.execute_batch("ROLLBACK");
        }
        for job in group {
            job.settle(outcome.clone());
        }
    }
}

fn set_level(
    connection: &Connection,
    level: &mut Option<Durability>,
    durability: Durability,
) -> Result<(), RecordsError> {
    if *level != Some(durability) {
        let word = if durability == Durability::OnDisk { "FULL" } else { "NORMAL" };
        connection.pragma_update(None, "synchronous", word)?;
        *level = Some(durability);
    }
    Ok(())
}

fn carry_out(connection: &Connection, group: &mut [Box<dyn Job>]) -> Result<(), RecordsError> {
    let batch = |sql| Ok::<_, RecordsError>(connection.prepare_cached(sql)?.execute([])?);
    batch("BEGIN IMMEDIATE")?;
    if let [job] = group {
        // Nobody else's write is in the transaction: no copies of pages are needed to go back to its beginning.
        let keep = run(connection, job.as_mut())?;
        batch(if keep { "COMMIT" } else { "ROLLBACK" })?;
        return Ok(());
    }
    for job in group {
        batch("SAVEPOINT job")?;
        if !run(connection, job.as_mut())? {
            batch("ROLLBACK TO job")?;
        }
        batch("RELEASE job")?;
    }
    batch("COMMIT")?;
    Ok(())
}

/// Whether what the job wrote is to stay. Errors: the transaction is gone.
fn run(connection: &Connection, job: &mut dyn Job) -> Result<bool, RecordsError> {
    let keep = job.run(connection);
    if connection.is_autocommit() {
        // A full disk makes SQLite give up the whole transaction.
        return Err(RecordsError::Unavailable {
            reason: Unavailability::Failed,
            detail: "the transaction was given up because of another write in it".to_owned(),
        });
    }
    Ok(keep)
}

#[derive(Default)]
struct Queue {
    on_disk: VecDeque<Box<dyn Job>>,
    behind: VecDeque<Box<dyn Job>>,
    /// A job that nobody waits for has its turn, whatever waits for the disk.
    is_turn_of_behind: bool,
}

impl Queue {
    /// Takes in all that waits, and waits for something when there is nothing; false when there will be nothing.
    fn fill(&mut self, jobs: &Receiver<Box<dyn Job>>) -> bool {
        if self.on_disk.is_empty() && self.behind.is_empty() {
            let Ok(job) = jobs.recv() else { return false };
            self.push(job);
        }
        while let Ok(job) = jobs.try_recv() {
            self.push(job);
        }
        true
    }

    fn push(&mut self, job: Box<dyn Job>) {
        match job.durability() {
            Durability::OnDisk => self.on_disk.push_back(job),
            Durability::Behind => self.behind.push_back(job),
        }
    }

    /// All that has to be on disk, and one that has not, take turns: neither waits for more than one transaction of the
    /// other.
    fn next_group(&mut self) -> (Durability, Vec<Box<dyn Job>>) {
        let behind =
            if self.is_turn_of_behind || self.on_disk.is_empty() { self.behind.pop_front() } else { None };
        if let Some(job) = behind {
            self.is_turn_of_behind = false;
            return (Durability::Behind, vec![job]);
        }
        self.is_turn_of_behind = true;
        (Durability::OnDisk, self.on_disk.drain(..self.on_disk.len().min(GROUP)).collect())
    }
}
