//! The event stream: messages as they come, again from where it broke when it breaks.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use emboflow_model::RunId;
use emboflow_protocol::event::Event;
use emboflow_protocol::progress::Progress;
use reqwest::Response;

use super::Client;
use crate::failure::Failure;

const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A server that does not come back for so long will not.
const GIVE_UP_AFTER: Duration = Duration::from_secs(300);
/// No message is larger.
const MESSAGE_MAX_BYTES: usize = 64 << 20;

/// What the stream says.
#[derive(Debug)]
pub(crate) enum Message {
    /// The stream is open: everything from now on follows.
    Hello,
    /// A run changed.
    Run(Box<Event>),
    /// How far an attempt's preparation is.
    Progress(Box<Progress>),
    /// Everything has to be read again.
    Resync,
}

/// An open stream of one run's events.
pub(crate) struct Events {
    client: Client,
    run: RunId,
    response: Option<Response>,
    reader: Reader,
    ready: VecDeque<Sent>,
    last_id: Option<String>,
}

impl Events {
    /// Opens the stream. Errors: the server refuses, or is not there.
    pub(crate) async fn open(client: Client, run: RunId) -> Result<Self, Failure> {
        let mut events = Self {
            client,
            run,
            response: None,
            reader: Reader::default(),
            ready: VecDeque::new(),
            last_id: None,
        };
        events.connect().await?;
        Ok(events)
    }

    /// The next message. Errors: the server refuses, or has not come back for minutes.
    pub(crate) async fn next(&mut self) -> Result<Message, Failure> {
        loop {
            while let Some(sent) = self.ready.pop_front() {
                if sent.id.is_some() {
                    self.last_id.clone_from(&sent.id);
                }
                match sent.kind.as_str() {
                    "hello" => return Ok(Message::Hello),
                    "resync" => return Ok(Message::Resync),
                    "run" => match serde_json::from_str(&sent.data) {
                        Ok(event) => return Ok(Message::Run(Box::new(event))),
                        Err(_) => return Ok(Message::Resync),
                    },
                    "progress" => {
                        // Lossy by design: what cannot be read is passed over.
                        if let Ok(progress) = serde_json::from_str(&sent.data) {
                            return Ok(Message::Progress(Box::new(progress)));
                        }
                    }
                    _ => {}
                }
            }
            if !self.read().await {
                self.come_back().await?;
            }
        }
    }

    /// Reads a piece; false when the stream is broken.
    async fn read(&mut self) -> bool {
        let Some(response) = &mut self.response else { return false };
        match tokio::time::timeout(Client::silent_at_most(), response.chunk()).await {
            Ok(Ok(Some(piece))) => self.reader.take(&piece, &mut self.ready),
            _ => false,
        }
    }

    async fn come_back(&mut self) -> Result<(), Failure> {
        self.response = None;
        let since = Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            tokio::time::sleep(pause).await;
            self.client.find_again();
            match self.connect().await {
                Err(failure) if failure.may_pass() && since.elapsed() < GIVE_UP_AFTER => {}
                outcome => return outcome,
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn connect(&mut self) -> Result<(), Failure> {
        let mut url = self.client.global(&["events"]);
        url.query_pairs_mut()
            .append_pair("project", self.client.project())
            .append_pair("run", &self.run.to_string());
        let mut request = self.client.stream(url);
        if let Some(id) = &self.last_id {
            request = request.header("Last-Event-ID", id);
        }
        self.reader = Reader::default();
        self.response = Some(self.client.send(request).await?);
        Ok(())
    }

    /// The client, which may meanwhile have found the server somewhere else.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

/// One message of the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sent {
    kind: String,
    id: Option<String>,
    data: String,
}

/// Reads the format of server-sent events, <https://html.spec.whatwg.org/multipage/server-sent-events.html>.
#[derive(Default)]
struct Reader {
    rest: Vec<u8>,
    message: Sent,
}

impl Reader {
    /// Takes a piece of the stream; false when it is no event stream.
    fn take(&mut self, piece: &[u8], ready: &mut VecDeque<Sent>) -> bool {
        self.rest.extend_from_slice(piece);
        let mut from = 0;
        while let Some(length) = self.rest[from..].iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&self.rest[from..from + length]).into_owned();
            from += length + 1;
            self.line(line.trim_end_matches('\r'), ready);
        }
        self.rest.drain(..from);
        self.rest.len() + self.message.data.len() <= MESSAGE_MAX_BYTES
    }

    fn line(&mut self, line: &str, ready: &mut VecDeque<Sent>) {
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            if message.id.is_some() || !message.data.is_empty() {
                ready.push_back(message);
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.message.kind),
            "id" => self.message.id = Some(value.to_owned()),
            "data" => {
                if !self.message.data.is_empty() {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&str]) -> Vec<Sent> {
        let (mut reader, mut ready) = (Reader::default(), VecDeque::new());
        assert!(pieces.iter().all(|piece| reader.take(piece.as_bytes(), &mut ready)));
        ready.into()
    }

    #[test]
    fn a_message_is_the_same_however_it_is_cut() {
        let text =
            ": alive\nid: 6\n\nevent: run\nid: 7\ndata: {\"a\":\ndata: 1}\n\nevent: hello\r\ndata:x\r\n\r\n";
        let whole = read(&[text]);
        let sent = |kind: &str, id: Option<&str>, data: &str| Sent {
            kind: kind.to_owned(),
            id: id.map(str::to_owned),
            data: data.to_owned(),
        };
        assert_eq!(
            whole,
            [sent("", Some("6"), ""), sent("run", Some("7"), "{\"a\":\n1}"), sent("hello", None, "x")]
        );
        let cut: Vec<&str> = text.split_inclusive(|_: char| true).collect();
        assert_eq!(read(&cut), whole);
        assert_eq!(read(&["event: run\ndata: half"]), []);
    }
}
