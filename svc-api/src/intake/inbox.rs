//! Who waits for which answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use emboflow_bus::{Bus, Frame, Subscription};
use emboflow_model::ProjectName;
use emboflow_protocol::batch::BatchAnswer;
use emboflow_protocol::request::{Answer, reply_subject};
use tokio::sync::oneshot;

/// The callers that wait. Clones share it.
#[derive(Clone)]
pub(super) struct Inbox(Arc<Shared>);

struct Shared {
    listener: String,
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, Waiting>>,
}

enum Waiting {
    One(oneshot::Sender<Answer>),
    /// In the order of the batch.
    Batch(Vec<oneshot::Sender<Answer>>),
}

/// The place of a message's callers in the list. It is given up when the last of them is gone, answered or not.
pub(super) struct Place {
    number: u64,
    inbox: Inbox,
}

impl Inbox {
    pub(super) fn new(listener: String) -> Self {
        Self(Arc::new(Shared { listener, next: AtomicU64::new(0), waiting: Mutex::default() }))
    }

    pub(super) fn wait_for_one(&self, caller: oneshot::Sender<Answer>) -> Arc<Place> {
        self.wait(Waiting::One(caller))
    }

    pub(super) fn wait_for_batch(&self, callers: Vec<oneshot::Sender<Answer>>) -> Arc<Place> {
        self.wait(Waiting::Batch(callers))
    }

    fn wait(&self, waiting: Waiting) -> Arc<Place> {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.list().insert(number, waiting);
        Arc::new(Place { number, inbox: self.clone() })
    }

    /// Gives each answer to the callers that wait for it; one that came too late is found in the records. What is no
    /// answer becomes a dead letter.
    pub(super) async fn hand_out(&self, mut frames: Subscription, bus: &Bus) {
        while let Some(frame) = frames.next().await {
            let number = frame.subject.rsplit('.').next().and_then(|number| number.parse().ok());
            let read = match number.and_then(|number: u64| self.list().remove(&number)) {
                Some(waiting) => answer(waiting, &frame),
                None => check(&frame),
            };
            if let Err(error) = read {
                bury(bus, frame, &error.to_string()).await;
            }
        }
    }

    fn list(&self) -> MutexGuard<'_, HashMap<u64, Waiting>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// A caller may have gone away; nobody misses its answer.
fn answer(waiting: Waiting, frame: &Frame) -> Result<(), serde_json::Error> {
    match waiting {
        Waiting::One(caller) => drop(caller.send(serde_json::from_slice(&frame.payload)?)),
        Waiting::Batch(callers) => {
            let answers = match serde_json::from_slice(&frame.payload)? {
                BatchAnswer::Answered { answers } => answers,
                BatchAnswer::Rejected { errors } => vec![Answer::Rejected { errors }; callers.len()],
            };
            callers.into_iter().zip(answers).for_each(|(caller, answer)| drop(caller.send(answer)));
        }
    }
    Ok(())
}

/// Whether something that nobody waits for was meant as an answer.
fn check(frame: &Frame) -> Result<(), serde_json::Error> {
    let answer = serde_json::from_slice::<Answer>(&frame.payload);
    answer
        .map(drop)
        .or_else(|error| serde_json::from_slice::<BatchAnswer>(&frame.payload).map(drop).map_err(|_| error))
}

async fn bury(bus: &Bus, frame: Frame, why: &str) {
    let subject = &frame.subject;
    if let Err(error) = bus.dead_letter(None, "unreadable_answer", subject, frame.payload, why).await {
        tracing::warn!(%error, subject, why, "a message that is no answer could not be buried; passed over");
    }
}

impl Place {
    /// Where the answer is sent.
    pub(super) fn subject(&self, project: &ProjectName) -> String {
        reply_subject(project, &format!("{}.{}", self.inbox.0.listener, self.number)).to_string()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.inbox.list().remove(&self.number);
    }
}
