//! Shows how far the pull of an attempt's image is.

use std::convert::Infallible;
use std::time::Duration;

use emboflow_model::ImagePull;
use emboflow_protocol::progress::Progress;
use tokio::sync::watch;

use super::Attempt;

/// Between two messages of one attempt; what comes faster is passed over but for the newest.
const PAUSE: Duration = Duration::from_secs(1);

impl Attempt {
    /// Shows each newer pull; never ends.
    pub(super) async fn show_pulls(&self, newest: watch::Receiver<Option<ImagePull>>) -> Infallible {
        spaced(newest, PAUSE, |pull| self.show_pull(pull)).await
    }

    /// Shows a pull to whoever watches; with none the image is there.
    pub(super) async fn show_pull(&self, pull: Option<ImagePull>) {
        let progress = Progress {
            project: self.start.project.clone(),
            attempt: self.id.clone(),
            executor: self.executor.identity.executor.clone(),
            pull,
        };
        // Lossy by design: the next message says all that this one did.
        let _shown = self.executor.bus.publish_live(&progress).await;
    }
}

/// Sends the first value that is told at once, and then the newest after each pause.
async fn spaced<T: Clone, F: Future<Output = ()>>(
    mut newest: watch::Receiver<T>,
    pause: Duration,
    send: impl Fn(T) -> F,
) -> Infallible {
    while newest.changed().await.is_ok() {
        let value = newest.borrow_and_update().clone();
        send(value).await;
        tokio::time::sleep(pause).await;
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// What is sent when a value is told, then many at once, and so many are awaited.
    async fn sent(pause: Duration, awaited: usize) -> Vec<u32> {
        let (told, newest) = watch::channel(0);
        let sent = Mutex::new(Vec::new());
        let reaches = async |count: usize| {
            while sent.lock().unwrap().len() < count {
                tokio::task::yield_now().await;
            }
        };
        let work = async {
            told.send_replace(1);
            reaches(1).await;
            (2..=100).for_each(|value| {
                told.send_replace(value);
            });
            reaches(awaited).await;
        };
        let note = |value| {
            sent.lock().unwrap().push(value);
            std::future::ready(())
        };
        tokio::select! {
            () = work => {}
            never = spaced(newest, pause, note) => match never {},
        }
        sent.into_inner().unwrap()
    }

    #[tokio::test]
    async fn the_first_is_sent_at_once_and_after_the_pause_only_the_newest() {
        assert_eq!(sent(Duration::from_secs(3_600), 1).await, [1]);
        assert_eq!(sent(Duration::from_millis(5), 2).await, [1, 100]);
    }
}
