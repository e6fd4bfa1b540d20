//! Reading an event stream.

use reqwest::{Response, StatusCode};
use serde_json::Value;

use super::{TOKEN, World, soon};

/// An open stream.
pub(crate) struct EventStream {
    response: Response,
    text: String,
}

/// One message of it.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) kind: String,
    pub(crate) id: Option<u64>,
    pub(crate) data: Value,
}

impl EventStream {
    /// Opens it with this query, and reads `hello`.
    pub(crate) async fn open(world: &World, query: &str, last_event_id: Option<u64>) -> (Self, Message) {
        let mut request =
            world.bare(reqwest::Method::GET, &format!("/api/v1/events{query}")).bearer_auth(TOKEN);
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id.to_string());
        }
        Self::of(request).await
    }

    /// Opens it with this request, and reads `hello`.
    pub(crate) async fn of(request: reqwest::RequestBuilder) -> (Self, Message) {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let mut stream = Self { response, text: String::new() };
        let hello = stream.next().await;
        assert_eq!(hello.kind, "hello");
        (stream, hello)
    }

    /// The next message; signs of life are passed over.
    pub(crate) async fn next(&mut self) -> Message {
        soon("a message of the event stream", async {
            loop {
                if let Some((block, rest)) = self.text.split_once("\n\n") {
                    let message = read(block);
                    self.text = rest.to_owned();
                    match message {
                        Some(message) => return message,
                        None => continue,
                    }
                }
                let piece = self.response.chunk().await.unwrap().expect("the stream goes on");
                self.text.push_str(std::str::from_utf8(&piece).unwrap());
            }
        })
        .await
    }

    /// The next message of this kind.
    pub(crate) async fn next_of(&mut self, kind: &str) -> Message {
        loop {
            let message = self.next().await;
            if message.kind == kind {
                return message;
            }
        }
    }

    /// Whether it ends now.
    pub(crate) async fn ends(&mut self) -> bool {
        soon("the end of the event stream", async {
            while let Ok(Some(_)) = self.response.chunk().await {}
            true
        })
        .await
    }
}

fn read(block: &str) -> Option<Message> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
    Some(Message {
        kind: field("event: ")?.to_owned(),
        id: field("id: ").map(|id| id.parse().unwrap()),
        data: serde_json::from_str(field("data: ")?).unwrap(),
    })
}
