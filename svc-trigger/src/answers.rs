//! The scheduler's answers to the requests of triggers. They only make the history quicker: an answer that is lost is
//! found in the records.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use emboflow_bus::{Bus, BusError, Subscription};
use emboflow_model::trigger::{Start, StartResult};
use emboflow_protocol::request::{Answer, reply_filter, reply_subject};

use crate::journal::{Journal, Subject};
use crate::kept::Trigger;

/// Requests whose answers are waited for at most; those before them are found in the records.
const MAX_EXPECTED: usize = 10_000;

/// Who waits for which answer. Clones share it.
#[derive(Clone)]
pub(crate) struct Answers(Arc<Shared>);

struct Shared {
    listener: String,
    next: AtomicU64,
    expected: Mutex<HashMap<u64, (Subject, Start)>>,
}

impl Answers {
    pub(crate) fn new() -> Self {
        let listener = uuid::Uuid::new_v4().simple().to_string();
        Self(Arc::new(Shared { listener, next: AtomicU64::new(0), expected: Mutex::default() }))
    }

    /// Where the answer to the request of this start is to be sent.
    pub(crate) fn expect(&self, trigger: &Trigger, start: &Start) -> String {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let mut expected = self.0.expected.lock().unwrap_or_else(PoisonError::into_inner);
        if expected.len() >= MAX_EXPECTED {
            expected.clear();
        }
        expected.insert(number, (Subject::of(trigger), start.clone()));
        reply_subject(&trigger.project, &format!("{}.{number}", self.0.listener)).to_string()
    }

    pub(crate) async fn listen(&self, bus: &Bus) -> Result<Subscription, BusError> {
        bus.subscribe(reply_filter(&self.0.listener)).await
    }

    /// Notes what the answers say. What is no answer is passed over: the records know better.
    pub(crate) async fn note_all(self, mut frames: Subscription, journal: Journal) {
        while let Some(frame) = frames.next().await {
            let number = frame.subject.rsplit('.').next().and_then(|number| number.parse::<u64>().ok());
            let expected = number.and_then(|number| {
                self.0.expected.lock().unwrap_or_else(PoisonError::into_inner).remove(&number)
            });
            let Some((subject, start)) = expected else { continue };
            match serde_json::from_slice::<Answer>(&frame.payload) {
                Ok(answer) => journal.note_of(&subject, decided(start, answer)),
                Err(error) => tracing::warn!(%error, subject = frame.subject, "an answer cannot be read"),
            }
        }
    }
}

fn decided(start: Start, answer: Answer) -> Start {
    match answer {
        Answer::Accepted { run_id, .. } => Start { result: StartResult::Started, run: Some(run_id), ..start },
        Answer::Rejected { errors } => {
            let message = errors.first().map(|error| error.message.chars().take(1_000).collect());
            let code = errors.first().map(|error| error.code.clone());
            Start { result: StartResult::Rejected, code, message, ..start }
        }
    }
}
