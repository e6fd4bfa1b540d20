//! How far attempts are that are being prepared: the newest that was heard of each, which no record keeps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use emboflow_bus::{Bus, Frame as Message, Subscription};
use emboflow_model::{AttemptId, ImagePull, Task, Timestamp};
use emboflow_protocol::Message as _;
use emboflow_protocol::progress::Progress;
use emboflow_service::Shutdown;

use super::feed::Feed;
use super::frame::Frame;
use crate::app::now;

/// Nobody waits so long for an image without hearing more of it: the end of this pull was lost on the way.
const FORGOTTEN_MS: u64 = 10 * 60_000;
/// Pulls that are remembered at most.
const MOST: usize = 10_000;

/// The pulls that have been heard of. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Pulls(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table(BTreeMap<AttemptId, (ImagePull, Timestamp)>);

impl Pulls {
    /// Listens to executors, and tells listeners of all that they say.
    pub(crate) async fn start(bus: &Bus, feed: Feed, shutdown: &Shutdown) -> Result<Self> {
        let pulls = Self::default();
        let messages = bus.subscribe(Progress::filter(None)).await.context("subscribing to progress")?;
        let (own, bus, stop) = (pulls.clone(), bus.clone(), shutdown.token());
        shutdown.spawn("progress of attempts", async move {
            tokio::select! { () = stop.cancelled() => {}, () = own.listen(messages, &bus, &feed) => {} }
        });
        Ok(pulls)
    }

    /// Says of each task's open attempt how far its image is.
    pub(crate) fn fill(&self, tasks: &mut [Task]) {
        let table = self.lock();
        if table.0.is_empty() {
            return;
        }
        let since = now();
        for task in tasks {
            let Some(number) = task.open_attempt().map(|attempt| attempt.number) else { continue };
            let attempt = AttemptId { run: task.run, task: task.key.clone(), number };
            task.show_pull(number, table.newest(&attempt, since).cloned());
        }
    }

    async fn listen(&self, mut messages: Subscription, bus: &Bus, feed: &Feed) {
        while let Some(message) = messages.next().await {
            match read(&message) {
                Some(progress) => {
                    feed.send(Frame::of_progress(&progress));
                    self.lock().take(progress, now());
                }
                None => bury(bus, message).await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message that says of itself that it is where it is.
fn read(message: &Message) -> Option<Progress> {
    let progress: Progress = serde_json::from_slice(&message.payload).ok()?;
    (progress.subject().as_str() == message.subject).then_some(progress)
}

async fn bury(bus: &Bus, message: Message) {
    let (why, subject) = ("it is no progress of the attempt that its subject names", &message.subject);
    if let Err(error) = bus.dead_letter(None, "unreadable_progress", subject, message.payload, why).await {
        tracing::warn!(%error, subject, "a message that is no progress could not be buried; passed over");
    }
}

impl Table {
    fn take(&mut self, progress: Progress, now: Timestamp) {
        let Some(pull) = progress.pull else {
            self.0.remove(&progress.attempt);
            return;
        };
        if self.0.len() >= MOST && !self.0.contains_key(&progress.attempt) {
            self.0.retain(|_, (_, at)| now.ms_since(*at) < FORGOTTEN_MS);
        }
        if self.0.len() < MOST || self.0.contains_key(&progress.attempt) {
            self.0.insert(progress.attempt, (pull, now));
        }
    }

    fn newest(&self, attempt: &AttemptId, now: Timestamp) -> Option<&ImagePull> {
        let (pull, at) = self.0.get(attempt)?;
        (now.ms_since(*at) < FORGOTTEN_MS).then_some(pull)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::RunId;

    fn progress(run: u128, pull: Option<ImagePull>) -> Progress {
        let attempt = AttemptId { run: RunId::from_bits(run), task: "a".parse().unwrap(), number: 1 };
        Progress { project: "lab".parse().unwrap(), attempt, executor: "e1".parse().unwrap(), pull }
    }

    #[test]
    fn the_newest_of_each_attempt_is_known_until_its_image_is_there_or_nothing_comes_any_more() {
        let mut table = Table::default();
        let attempt = progress(1, None).attempt;
        let newer = ImagePull { layers_total: 2, ..ImagePull::of("a:1") };
        table.take(progress(1, Some(ImagePull::of("a:1"))), Timestamp(0));
        table.take(progress(1, Some(newer.clone())), Timestamp(1_000));
        assert_eq!(table.newest(&attempt, Timestamp(60_000)), Some(&newer));
        assert_eq!(table.newest(&attempt, Timestamp(601_000)), None);
        table.take(progress(1, None), Timestamp(2_000));
        assert!(table.0.is_empty());
    }

    #[test]
    fn a_flood_of_pulls_takes_no_more_memory_and_what_is_old_makes_room() {
        let mut table = Table::default();
        for run in 0..MOST as u128 + 5 {
            table.take(progress(run, Some(ImagePull::default())), Timestamp(0));
        }
        assert_eq!(table.0.len(), MOST);
        table.take(progress(u128::from(u64::MAX), Some(ImagePull::default())), Timestamp(700_000));
        assert_eq!(table.0.len(), 1);
    }

    #[test]
    fn a_message_that_is_not_where_it_says_is_not_read() {
        let (progress, headers) = (progress(1, None), Default::default());
        let payload = serde_json::to_vec(&progress).unwrap().into();
        let mut message = Message { subject: progress.subject().to_string(), headers, payload, reply: None };
        assert_eq!(read(&message), Some(progress));
        message.subject = message.subject.replace("lab", "other");
        assert_eq!(read(&message), None);
    }
}
