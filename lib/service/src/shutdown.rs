//! An orderly stop: one signal that everything listens to, and one deadline for everything that still runs.

use futures::FutureExt;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tokio_util::task::TaskTracker;

/// The stop signal of a service together with the tasks it started. Clones share both.
#[derive(Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tasks: TaskTracker,
    book: Arc<Mutex<Book>>,
}

#[derive(Default)]
struct Book {
    next: u64,
    running: BTreeMap<u64, (String, Option<AbortHandle>)>,
    failure: Option<String>,
}

/// How a drain ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drained {
    /// Names of the tasks that did not end in time and were aborted.
    pub aborted: Vec<String>,
    /// Why the service stopped by itself, when a vital task failed.
    pub failure: Option<String>,
}

impl Shutdown {
    /// A signal that only [`Shutdown::trigger`] gives.
    pub fn new() -> Self {
        Self::default()
    }

    /// A signal that SIGTERM and SIGINT also give. A second one ends the process at once with 130.
    /// Needs a running tokio runtime.
    pub fn on_signals() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let shutdown = Self::new();
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let stop = shutdown.clone();
        tokio::spawn(async move {
            for round in 0.. {
                let name = tokio::select! { _ = term.recv() => "SIGTERM", _ = int.recv() => "SIGINT" };
                if round > 0 {
                    tracing::warn!(signal = name, "second signal: ending without waiting");
                    std::process::exit(130);
                }
                stop.trigger(name);
            }
        });
        Ok(shutdown)
    }

    /// A signal of its own for a part of the process: it stops when this one stops, or earlier by itself,
    /// and it is drained apart, so that parts can be stopped in an order.
    pub fn child(&self) -> Self {
        Self { token: self.token.child_token(), ..Self::default() }
    }

    /// The bare token, for code that takes one.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Gives the signal. The first reason is logged; later ones change nothing.
    pub fn trigger(&self, reason: &str) {
        if !self.token.is_cancelled() {
            tracing::info!(reason, "stopping");
            self.token.cancel();
        }
    }

    /// Whether the signal was given.
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Ends when the signal is given.
    pub fn cancelled(&self) -> WaitForCancellationFuture<'_> {
        self.token.cancelled()
    }

    /// Starts a task that a drain waits for. A panic in it is logged and ends only this task.
    pub fn spawn<F>(&self, name: impl Into<String>, task: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (name, own) = (name.into(), self.clone());
        let label = name.clone();
        self.track(name, async move {
            if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                own.lock().failure.get_or_insert(format!("task {label} panicked"));
                tracing::error!(task = label, "task panicked");
            }
        })
    }

    /// Starts a task that the service cannot live without: an error or a panic in it gives the signal, and
    /// [`Shutdown::drain`] tells what happened.
    pub fn spawn_vital<F>(&self, name: impl Into<String>, task: F) -> JoinHandle<()>
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let (name, own) = (name.into(), self.clone());
        let label = name.clone();
        self.track(name, async move {
            let failure = match AssertUnwindSafe(task).catch_unwind().await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => format!("{label}: {error:#}"),
                Err(_) => format!("task {label} panicked"),
            };
            tracing::error!(task = label, failure, "a vital task failed");
            own.lock().failure.get_or_insert(failure);
            own.trigger("a vital task failed");
        })
    }

    fn track<F>(&self, name: String, task: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let id = {
            let mut book = self.lock();
            book.next += 1;
            let id = book.next;
            book.running.insert(id, (name, None));
            id
        };
        let entry = Entry { id, book: self.book.clone() };
        let handle = self.tasks.spawn(async move {
            let _entry = entry;
            task.await;
        });
        if let Some((_, abort)) = self.lock().running.get_mut(&id) {
            *abort = Some(handle.abort_handle());
        }
        handle
    }

    /// Gives the signal, waits at most `timeout` for every task, then aborts what is left.
    pub async fn drain(&self, timeout: Duration) -> Drained {
        self.trigger("drain");
        self.tasks.close();
        let in_time = tokio::time::timeout(timeout, self.tasks.wait()).await.is_ok();
        let mut book = self.lock();
        let failure = book.failure.clone();
        if in_time {
            return Drained { aborted: Vec::new(), failure };
        }
        let aborted: Vec<String> = std::mem::take(&mut book.running)
            .into_values()
            .map(|(name, abort)| {
                if let Some(abort) = abort {
                    abort.abort();
                }
                name
            })
            .collect();
        tracing::warn!(?aborted, timeout_ms = timeout.as_millis() as u64, "tasks did not stop in time");
        Drained { aborted, failure }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        // Nothing that can panic runs under this lock, so a poisoned one is still whole.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Entry {
    id: u64,
    book: Arc<Mutex<Book>>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).running.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_drain_waits_for_tasks_that_stop_by_themselves() {
        let shutdown = Shutdown::new();
        let (token, (done, was_done)) = (shutdown.token(), tokio::sync::oneshot::channel());
        shutdown.spawn("polite", async move {
            token.cancelled().await;
            done.send(()).unwrap();
        });
        let drained = shutdown.drain(Duration::from_secs(5)).await;
        assert_eq!(drained, Drained { aborted: vec![], failure: None });
        was_done.await.unwrap();
    }

    #[tokio::test]
    async fn a_task_that_ignores_the_signal_is_named_and_aborted() {
        let shutdown = Shutdown::new();
        let handle = shutdown.spawn("stubborn", std::future::pending());
        let drained = shutdown.drain(Duration::from_millis(20)).await;
        assert_eq!(drained.aborted, ["stubborn"]);
        assert!(handle.await.unwrap_err().is_cancelled());
    }

    #[tokio::test]
    async fn a_vital_task_that_fails_stops_the_service_and_says_why() {
        let shutdown = Shutdown::new();
        shutdown.spawn_vital("listener", async { anyhow::bail!("port taken") });
        shutdown.cancelled().await;
        let drained = shutdown.drain(Duration::from_secs(5)).await;
        assert_eq!(drained.failure.as_deref(), Some("listener: port taken"));
    }

    #[tokio::test]
    async fn a_panic_in_a_plain_task_leaves_the_service_running() {
        let shutdown = Shutdown::new();
        shutdown.spawn("fragile", async { panic!("on purpose") }).await.unwrap();
        assert!(!shutdown.is_cancelled());
        assert_eq!(
            shutdown.drain(Duration::from_secs(5)).await.failure.as_deref(),
            Some("task fragile panicked")
        );
    }

    #[tokio::test]
    async fn a_child_stops_with_its_parent_but_not_the_other_way_round() {
        let parent = Shutdown::new();
        let (first, second) = (parent.child(), parent.child());
        first.trigger("alone");
        assert!(!parent.is_cancelled() && !second.is_cancelled());
        parent.trigger("all");
        second.cancelled().await;
    }
}
