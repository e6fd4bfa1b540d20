//! Clients that ask for several runs in one message, and those that send what nobody can read.

use bytes::Bytes;
use emboflow_protocol::request::{Verb, reply_subject, request_subject};

use super::client::{Patience, body_of, project};
use super::post::Stream;
use super::stage::Stage;
use super::workload::WORKFLOWS;

/// Requests of a batch at most.
const MOST: u64 = 3;

impl Stage {
    /// In every second life a batch comes.
    pub(super) fn let_batches_come(&mut self) {
        if self.dice.below(2) == 0 {
            let at = self.dice.below(self.plan.trouble_ms);
            self.after(at, Stage::submit_batch);
        }
    }

    /// In every second life something comes that is no request.
    pub(super) fn let_garbage_come(&mut self) {
        if self.dice.below(2) == 0 {
            let at = self.dice.below(self.plan.trouble_ms);
            self.after(at, |stage| {
                let body = Bytes::from_static(b"{ this is no request");
                let ask = stage.new_ask(project("default"), Verb::Submit, body, Patience::AsksAgain);
                stage.ask(ask);
            });
        }
    }

    /// Several runs in one message: each with a key and an answer of its own.
    pub(super) fn submit_batch(&mut self) {
        let places: Vec<usize> = (0..self.dice.between(1, MOST))
            .map(|_| {
                let short: Vec<&str> =
                    WORKFLOWS.iter().copied().filter(|source| !source.contains("endless")).collect();
                let source = self.dice.pick(&short).unwrap_or(WORKFLOWS[0]);
                let body = body_of(source, None);
                let ask = self.new_ask(project("default"), Verb::Submit, body, Patience::AsksAgain);
                self.enlist(ask)
            })
            .collect();
        self.count("batch asked");
        self.ask_batch(places);
    }

    /// The whole batch is asked again until all of it is answered.
    fn ask_batch(&mut self, places: Vec<usize>) {
        if places.iter().all(|place| !self.clients.asked[*place].is_open()) {
            return;
        }
        let first = places.first().copied().unwrap_or(0);
        if !self.trouble.post.is_away && !self.dice.in_a_thousand(self.trouble.post.lost) {
            let requests: Vec<String> = places
                .iter()
                .map(|place| {
                    let ask = &self.clients.asked[*place];
                    format!(r#"{{"key":"{}","body":{}}}"#, ask.key, String::from_utf8_lossy(&ask.body))
                })
                .collect();
            let project = self.clients.asked[first].project.clone();
            let subject = request_subject(&project, Verb::Batch).as_str().to_owned();
            let reply_to = reply_subject(&project, &format!("ask-{first}")).as_str().to_owned();
            self.note(|| format!("client asks {places:?}: {subject}"));
            let body = format!(r#"{{"requests":[{}]}}"#, requests.join(","));
            self.store_mail(Stream::Intake, subject, (None, Some(reply_to)), body.into());
        }
        let pause = self.dice.between(4_000, 8_000);
        self.after(pause, move |stage| stage.ask_batch(places));
    }
}
