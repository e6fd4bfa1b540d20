//! NATS: streams whose messages come again until they are settled, calls and answers that may be lost.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use emboflow_bus::{BusError, MAX_DELIVERIES};
use emboflow_model::Timestamp;
use emboflow_protocol::message::Message;
use tokio::sync::oneshot;

use super::sabotage::{self, Sabotage};
use super::stage::{Shared, Stage};
use crate::driver::{Envelope, Letter, Signal};

/// A message that was not settled comes again after this long.
const ACK_WAIT_MS: u64 = 15_000;
/// When nobody is there to take a message, it is tried again.
const NOBODY_MS: u64 = 250;

/// Which stream a message lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Intake,
    Reports,
    /// The commands of an executor, by its place.
    Commands(usize),
}

/// The server.
#[derive(Default)]
pub(super) struct Post {
    mail: BTreeMap<u64, Mail>,
    next_mail: u64,
    /// Messages that were delivered too often, and those that nobody could read.
    pub(super) buried: Vec<(String, String)>,
    /// The newest heartbeat of each executor.
    pub(super) heartbeats: BTreeMap<usize, serde_json::Value>,
    pub(super) events: u64,
}

/// A stored message.
#[derive(Clone)]
pub(super) struct Mail {
    pub(super) stream: Stream,
    pub(super) subject: String,
    pub(super) key: Option<String>,
    pub(super) reply_to: Option<String>,
    pub(super) payload: Bytes,
    published_at: Timestamp,
    delivered: u64,
    /// Counts the ways it has been handed out: an older one's end means nothing.
    round: u64,
}

impl Post {
    /// Everything that is stored is gone.
    pub(super) fn empty(&mut self) {
        self.mail.clear();
        self.heartbeats.clear();
    }

    pub(super) fn waiting(&self, stream: Stream) -> usize {
        self.mail.values().filter(|mail| mail.stream == stream).count()
    }

    pub(super) fn drop_commands_of(&mut self, executor: usize) {
        self.mail.retain(|_, mail| mail.stream != Stream::Commands(executor));
    }
}

impl Stage {
    /// Stores a message; sometimes twice.
    pub(super) fn store_mail(
        &mut self,
        stream: Stream,
        subject: String,
        headers: (Option<String>, Option<String>),
        payload: Bytes,
    ) {
        let copies = 1 + u64::from(self.dice.in_a_thousand(self.trouble.post.doubled));
        if copies > 1 {
            self.count("message doubled");
        }
        for _ in 0..copies {
            self.post.next_mail += 1;
            let id = self.post.next_mail;
            let (key, reply_to) = headers.clone();
            let mail = Mail {
                stream,
                subject: subject.clone(),
                key,
                reply_to,
                payload: payload.clone(),
                published_at: Timestamp(self.wall_ms()),
                delivered: 0,
                round: 0,
            };
            self.post.mail.insert(id, mail);
            self.hand_out_soon(id);
        }
    }

    fn hand_out_soon(&mut self, id: u64) {
        let way = self.delay(self.trouble.post.slow);
        self.after(way, move |stage| stage.hand_out(id));
    }

    /// Gives a message to whoever takes it.
    fn hand_out(&mut self, id: u64) {
        let Some(mail) = self.post.mail.get(&id).cloned() else { return };
        if self.dice.in_a_thousand(self.trouble.post.lost) {
            // The delivery is lost, not the message.
            self.count("delivery lost");
            return self.come_again(id, mail.round, None);
        }
        match mail.stream {
            Stream::Commands(executor) => self.hand_to_executor(id, executor, &mail),
            Stream::Intake | Stream::Reports => self.hand_to_scheduler(id, mail),
        }
    }

    fn hand_to_scheduler(&mut self, id: u64, mail: Mail) {
        let Some(process) = self.a_listener(mail.stream) else {
            return self.after(NOBODY_MS, move |stage| stage.hand_out(id));
        };
        if mail.delivered >= MAX_DELIVERIES {
            self.count("message buried");
            self.note(|| format!("mail {id} on {} is buried", mail.subject));
            self.post.buried.push((mail.subject, "redelivered".to_owned()));
            self.post.mail.remove(&id);
            return;
        }
        if sabotage::buries_first(self, &mail) {
            self.judge_buried(&mail, "unreadable_request");
        }
        let mail = sabotage::mail(self, mail);
        let held = Arc::new(());
        let stream = mail.stream;
        let Some(shared) = self.shared.clone() else { return };
        let round = self.begin_round(id);
        if self.is_sabotaged(Sabotage::AckFirst) {
            self.post.mail.remove(&id);
        }
        let weak = Arc::downgrade(&held);
        let letter = SimulatedLetter { shared, process, id, round, mail, _held: held };
        let signal = match stream {
            Stream::Intake => Signal::Requests(vec![letter]),
            _ => Signal::Reports(vec![letter]),
        };
        self.signal(process, signal);
        self.come_again(id, round, Some((process, weak)));
    }

    fn hand_to_executor(&mut self, id: u64, executor: usize, mail: &Mail) {
        if !self.executors[executor].hears() {
            return self.after(NOBODY_MS, move |stage| stage.hand_out(id));
        }
        let round = self.begin_round(id);
        self.take_commands(executor, &mail.payload);
        if self.executors[executor].is_up && !self.dice.in_a_thousand(self.trouble.post.lost) {
            self.post.mail.remove(&id);
        } else {
            self.come_again(id, round, None);
        }
    }

    fn begin_round(&mut self, id: u64) -> u64 {
        let Some(mail) = self.post.mail.get_mut(&id) else { return 0 };
        mail.delivered += 1;
        mail.round += 1;
        mail.round
    }

    /// It comes again unless it is settled, or somebody who can be reached still works on it.
    fn come_again(&mut self, id: u64, round: u64, holder: Option<(usize, Weak<()>)>) {
        self.after(ACK_WAIT_MS, move |stage| {
            if stage.post.mail.get(&id).is_none_or(|mail| mail.round != round) {
                return;
            }
            let is_held = holder.as_ref().is_some_and(|(process, held)| {
                held.strong_count() > 0 && stage.schedulers[*process].is_heard()
            });
            if is_held {
                return stage.come_again(id, round, holder);
            }
            stage.count("message came again");
            stage.hand_out(id);
        });
    }
}

/// A message in a scheduler's hands.
pub(crate) struct SimulatedLetter {
    shared: Shared,
    process: usize,
    id: u64,
    round: u64,
    mail: Mail,
    _held: Arc<()>,
}

impl SimulatedLetter {
    /// Removes it from the stream, if it can be reached.
    fn end(&self) -> impl Future<Output = Result<(), BusError>> + Send + use<> {
        let (done, is_done) = oneshot::channel();
        let (id, process) = (self.id, self.process);
        let mut stage = self.shared.stage();
        let way = stage.way();
        stage.after(way, move |stage| {
            let is_lost = !stage.schedulers[process].is_heard();
            if !is_lost {
                stage.post.mail.remove(&id);
            }
            let _ = done.send(is_lost);
        });
        async move {
            match is_done.await {
                Ok(false) => Ok(()),
                _ => Err(timeout("settling a message")),
            }
        }
    }
}

pub(super) fn timeout(doing: &str) -> BusError {
    BusError::Timeout { doing: doing.to_owned(), after_ms: 5_000 }
}

impl Letter for SimulatedLetter {
    fn envelope(&self) -> Envelope<'_> {
        Envelope {
            subject: &self.mail.subject,
            idempotency_key: self.mail.key.as_deref(),
            reply_to: self.mail.reply_to.as_deref(),
            traceparent: None,
            payload: &self.mail.payload,
            sequence: self.id,
            published_at: self.mail.published_at,
        }
    }

    fn decode<M: Message>(&self) -> Result<M, BusError> {
        serde_json::from_slice(&self.mail.payload)
            .map_err(|source| BusError::Decode { subject: self.mail.subject.clone(), source })
    }

    async fn settle(letters: Vec<Self>) -> Result<(), BusError> {
        let mut result = Ok(());
        // One by one: the process may die between any two.
        for letter in letters {
            let settled = letter.end().await;
            result = result.and(settled);
        }
        result
    }

    async fn retry_after(self, delay: Duration) {
        let (id, round) = (self.id, self.round);
        let mut stage = self.shared.stage();
        stage.after(delay.as_millis() as u64, move |stage| {
            if let Some(mail) = stage.post.mail.get_mut(&id).filter(|mail| mail.round == round) {
                // Waiting for something that is down is no failed delivery.
                mail.delivered -= 1;
                stage.hand_out(id);
            }
        });
    }

    async fn bury(self, reason: &str, _why: &str) -> Result<(), BusError> {
        let ended = self.end();
        self.shared.stage().judge_buried(&self.mail, reason);
        self.shared.stage().post.buried.push((self.mail.subject.clone(), reason.to_owned()));
        ended.await
    }
}
