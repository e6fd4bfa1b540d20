//! A scheduler in a few lines: it answers requests as its script says.

use std::sync::{Arc, Mutex};

use emboflow_bus::{Bus, Frame};
use emboflow_model::{LogEntry, ProjectName, RunSummary};
use emboflow_protocol::FieldError;
use emboflow_protocol::batch::{BatchAnswer, BatchBody};
use emboflow_protocol::request::{Answer, DecideBody, RunBody, Verb, decision_subject, request_subject};
use emboflow_records::SharedRecords;
use tokio::task::JoinHandle;

use super::{History, World};

/// What it does with a submitted run; other requests are accepted.
pub(crate) enum Script {
    /// It becomes a run.
    Accept,
    /// It is refused for these reasons.
    Reject(Vec<FieldError>),
}

/// What it got, in order: key, verb, body, trace.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) key: Option<String>,
    pub(crate) verb: Verb,
    pub(crate) body: Vec<u8>,
    pub(crate) traceparent: Option<String>,
}

/// The scheduler; it ends when it is dropped.
pub(crate) struct Scheduler {
    got: Arc<Mutex<Vec<Got>>>,
    task: JoinHandle<()>,
}

impl Scheduler {
    pub(crate) async fn start(world: &World, script: Script) -> Self {
        let project = ProjectName::new("default").unwrap();
        let mut frames = futures::stream::SelectAll::new();
        for verb in Verb::ALL {
            frames.push(world.bus.subscribe(request_subject(&project, *verb)).await.unwrap());
        }
        frames.push(world.bus.subscribe(decision_subject(&project)).await.unwrap());
        // An answer on the same connection: the server has the subscriptions.
        world.bus.ensure_streams().await.unwrap();
        let got = Arc::<Mutex<Vec<Got>>>::default();
        let work = Work { bus: world.bus.clone(), records: world.records.clone(), script, got: got.clone() };
        let task = tokio::spawn(async move {
            let mut history = History::new();
            while let Some(frame) = futures::StreamExt::next(&mut frames).await {
                work.take(frame, &mut history).await;
            }
        });
        Self { got, task }
    }

    /// The requests so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Work {
    bus: Bus,
    records: SharedRecords,
    script: Script,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Work {
    async fn take(&self, frame: Frame, history: &mut History) {
        let (_, verb) = emboflow_protocol::request::parse_request_subject(&frame.subject).unwrap();
        let key = frame.headers.idempotency_key().map(str::to_owned);
        let traceparent = frame.headers.traceparent().map(str::to_owned);
        let body = frame.payload.to_vec();
        self.got.lock().unwrap().push(Got { key: key.clone(), verb, body: body.clone(), traceparent });
        let key = key.unwrap_or_default();
        let reply_to = frame.headers.reply_to().unwrap();
        let answer = match verb {
            Verb::Batch => {
                let batch: BatchBody = serde_json::from_slice(&body).unwrap();
                let mut answers = Vec::new();
                for request in batch.requests {
                    answers.push(self.submit(&request.key, request.body.get().as_bytes(), history).await);
                }
                return self.bus.reply(reply_to, &BatchAnswer::fitted(answers)).await.unwrap();
            }
            Verb::Submit => self.submit(&key, &body, history).await,
            Verb::Decide => {
                let body: DecideBody = serde_json::from_slice(&body).unwrap();
                Answer::Accepted { run_id: body.run, repeated: false, run: None }
            }
            _ => {
                let body: RunBody = serde_json::from_slice(&body).unwrap();
                Answer::Accepted { run_id: body.run, repeated: false, run: None }
            }
        };
        self.bus.reply(reply_to, &answer).await.unwrap();
    }

    async fn submit(&self, key: &str, body: &[u8], history: &mut History) -> Answer {
        match &self.script {
            Script::Accept => {
                let first = history.accept("default", key, body, &[("train", Some(2)), ("report", None)]);
                let run = RunSummary::begin(&first).unwrap();
                let run_id = run.id;
                self.records.append(0, vec![Arc::new(LogEntry::Transition(first))]).await.unwrap();
                Answer::Accepted { run_id, repeated: false, run: Some(Box::new(run)) }
            }
            Script::Reject(errors) => {
                let entry = history.reject(key, body, errors);
                self.records.append(0, vec![Arc::new(entry)]).await.unwrap();
                Answer::Rejected { errors: errors.clone() }
            }
        }
    }
}
