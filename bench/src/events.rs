//! Watchers: of the event stream over HTTP, and of the event subjects over NATS.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use futures::StreamExt;
use serde::Deserialize;

/// The part of an event that watchers here look at.
#[derive(Debug, Deserialize)]
struct Event {
    subject: String,
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    seq: u64,
    run: Run,
}

#[derive(Debug, Deserialize)]
struct Run {
    state: String,
}

/// How a run stands after an event.
fn ended(event: &Event) -> anyhow::Result<bool> {
    match event.data.run.state.as_str() {
        "succeeded" => Ok(true),
        "failed" | "cancelled" => bail!("{} ended as {}", event.subject, event.data.run.state),
        _ => Ok(false),
    }
}

/// An open event stream.
pub(crate) struct HttpEvents {
    answer: reqwest::Response,
    text: Vec<u8>,
    waiting: VecDeque<Event>,
}

impl HttpEvents {
    pub(crate) fn new(answer: reqwest::Response) -> Self {
        Self { answer, text: Vec::new(), waiting: VecDeque::new() }
    }

    /// Waits until a run has succeeded. Errors: it ended otherwise, or the stream broke.
    pub(crate) async fn end_of(&mut self, run: &str) -> anyhow::Result<()> {
        loop {
            let event = self.next().await?;
            if event.subject == run && ended(&event)? {
                return Ok(());
            }
        }
    }

    /// Waits until any run has succeeded, and gives its id.
    pub(crate) async fn next_end(&mut self) -> anyhow::Result<String> {
        loop {
            let event = self.next().await?;
            if ended(&event)? {
                return Ok(event.subject);
            }
        }
    }

    async fn next(&mut self) -> anyhow::Result<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(event);
            }
            let more = self.answer.chunk().await.context("reading the event stream")?;
            self.text.extend_from_slice(&more.context("the event stream ended")?);
            while let Some(length) = self.text.windows(2).position(|pair| pair == b"\n\n") {
                let message: Vec<u8> = self.text.drain(..length + 2).collect();
                self.waiting.extend(event_of(&message)?);
            }
        }
    }
}

/// The run event of a message; none when it is of another kind.
fn event_of(message: &[u8]) -> anyhow::Result<Option<Event>> {
    let text = std::str::from_utf8(message).context("the event stream is no text")?;
    if !text.starts_with("event: run\n") {
        return Ok(None);
    }
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).context("an event without data")?;
    Ok(Some(serde_json::from_str(data).context("reading an event")?))
}

/// A subscription to the events of the project `default`.
pub(crate) struct NatsEvents {
    messages: async_nats::Subscriber,
    _client: async_nats::Client,
}

impl NatsEvents {
    pub(crate) async fn open(client: async_nats::Client) -> anyhow::Result<Self> {
        let messages = client.subscribe("emboflow.event.default.>").await.context("subscribing to events")?;
        client.flush().await.context("subscribing to events")?;
        Ok(Self { messages, _client: client })
    }

    /// Until a run has succeeded: the place in the decision log of each of its changes, and when it was heard of.
    pub(crate) async fn places_until_end(&mut self, run: &str) -> anyhow::Result<HashMap<u64, Instant>> {
        let mut heard = HashMap::new();
        loop {
            let message = self.messages.next().await.context("the subscription ended")?;
            let at = Instant::now();
            let event: Event = serde_json::from_slice(&message.payload).context("reading an event")?;
            if event.subject == run {
                heard.insert(event.data.seq, at);
                if ended(&event)? {
                    return Ok(heard);
                }
            }
        }
    }

    /// Waits until so many runs have succeeded. Errors: one ended otherwise, or twice.
    pub(crate) async fn ends(&mut self, count: usize) -> anyhow::Result<()> {
        let mut seen = HashSet::with_capacity(count);
        while seen.len() < count {
            let message = self.messages.next().await.context("the subscription ended")?;
            let event: Event = serde_json::from_slice(&message.payload).context("reading an event")?;
            if ended(&event)? {
                ensure!(seen.insert(event.subject.clone()), "{} ended twice", event.subject);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_run_events_are_read() {
        let event = "event: run\nid: 1\ndata: {\"subject\":\"run-1\",\"data\":{\"seq\":1,\"run\":{\"state\":\"succeeded\"}}}\n\n";
        let read = event_of(event.as_bytes()).unwrap().unwrap();
        assert!(read.subject == "run-1" && ended(&read).unwrap());
        assert!(event_of(b"event: hello\ndata: {}\n\n").unwrap().is_none());
        assert!(event_of(b": alive\n\n").unwrap().is_none());
    }
}
