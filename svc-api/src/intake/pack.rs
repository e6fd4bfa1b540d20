//! Requests for runs that come while others are being stored share a message: NATS makes each message durable by
//! itself, so a burst would otherwise wait for as many writes to the disk.

use std::sync::Arc;

use emboflow_bus::OutgoingRequest;
use emboflow_model::ProjectName;
use emboflow_protocol::batch::{BatchBody, BatchRequest, MAX_BATCH_REQUESTS};
use emboflow_protocol::request::Verb;
use emboflow_protocol::stream::MAX_REQUEST_BYTES;
use futures::future::join_all;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::inbox::Place;
use super::{Post, Queued};
use crate::problem::{Failure, Outcome};

/// Bytes that a request adds to a message besides its key and body, about.
const FRAME: usize = 128;

/// Publishes what is queued until nobody can queue any more. A request that finds nothing under way goes at once.
pub(super) async fn publish_packed(post: Arc<Post>, mut queue: mpsc::Receiver<Vec<Queued>>) {
    let mut arrived = Vec::new();
    while queue.recv_many(&mut arrived, super::QUEUE).await > 0 {
        let messages = pack(std::mem::take(&mut arrived).into_iter().flatten());
        join_all(messages.into_iter().map(|message| publish(&post, message))).await;
    }
}

/// The requests of each message, in their order: one project, and not more than a message may hold.
fn pack(queued: impl IntoIterator<Item = Queued>) -> Vec<Vec<Queued>> {
    let mut messages: Vec<(usize, Vec<Queued>)> = Vec::new();
    for request in queued {
        let size = size(&request);
        // Only the newest message of a project is filled, so that a caller's order is kept.
        let open = messages.iter_mut().rev().find(|(_, message)| project(message) == &request.asked.project);
        match open {
            Some((bytes, message))
                if message.len() < MAX_BATCH_REQUESTS && *bytes + size <= MAX_REQUEST_BYTES =>
            {
                *bytes += size;
                message.push(request);
            }
            _ => messages.push((FRAME + size, vec![request])),
        }
    }
    messages.into_iter().map(|(_, message)| message).collect()
}

fn size(request: &Queued) -> usize {
    let asked = &request.asked;
    FRAME + asked.body.len() + 2 * asked.key.len() + asked.traceparent.as_ref().map_or(0, String::len)
}

fn project(message: &[Queued]) -> &ProjectName {
    &message[0].asked.project
}

async fn publish(post: &Post, mut message: Vec<Queued>) {
    if message.len() == 1
        && let Some(Queued { asked, answer, taken }) = message.pop()
    {
        // The caller may have gone away: the request is taken all the same.
        let _ = taken.send(post.publish(asked, answer).await);
        return;
    }
    let project = project(&message).clone();
    let mut requests = Vec::with_capacity(message.len());
    let mut callers = Vec::with_capacity(message.len());
    let mut waiting = Vec::with_capacity(message.len());
    for Queued { asked, answer, taken } in message {
        match as_written(&asked.body) {
            Ok(body) => {
                requests.push(BatchRequest { key: asked.key, body, traceparent: asked.traceparent });
                callers.push(answer);
                waiting.push(taken);
            }
            Err(failure) => drop(taken.send(Err(failure))),
        }
    }
    let place = post.inbox.wait_for_batch(callers);
    let stored = publish_batch(post, project, requests, &place).await;
    for taken in waiting {
        let _ = taken.send(stored.clone().map(|()| place.clone()));
    }
}

async fn publish_batch(
    post: &Post,
    project: ProjectName,
    requests: Vec<BatchRequest>,
    place: &Place,
) -> Outcome<()> {
    let body = serde_json::to_vec(&BatchBody { requests }).expect("requests are plain data");
    let request = OutgoingRequest {
        reply_to: Some(place.subject(&project)),
        project,
        verb: Verb::Batch,
        key: None,
        traceparent: None,
        body: body.into(),
    };
    post.bus.publish_request(request).await.map_err(Failure::from)
}

/// The body as it came: its digest is what its key stands for.
fn as_written(body: &[u8]) -> Outcome<Box<RawValue>> {
    serde_json::from_slice(body)
        .map_err(|error| Failure::new(emboflow_protocol::ErrorCode::RequestMalformed, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::Asked;
    use tokio::sync::oneshot;

    fn queued(project: &str, key: &str, bytes: usize) -> Queued {
        let (answer, taken) = (oneshot::channel().0, oneshot::channel().0);
        let asked = Asked {
            project: project.parse().unwrap(),
            verb: Verb::Submit,
            key: key.to_owned(),
            traceparent: None,
            body: vec![b' '; bytes].into(),
        };
        Queued { asked, answer, taken }
    }

    fn keys(messages: Vec<Vec<Queued>>) -> Vec<Vec<String>> {
        let keys = |message: Vec<Queued>| message.into_iter().map(|request| request.asked.key).collect();
        messages.into_iter().map(keys).collect()
    }

    #[test]
    fn requests_of_one_project_share_a_message() {
        let messages = pack(vec![queued("a", "1", 9), queued("b", "2", 9), queued("a", "3", 9)]);
        assert_eq!(keys(messages), [vec!["1", "3"], vec!["2"]]);
    }

    #[test]
    fn a_message_holds_no_more_than_may_be_published() {
        let half = MAX_REQUEST_BYTES / 2;
        let messages = pack(vec![queued("a", "1", half), queued("a", "2", half), queued("a", "3", 9)]);
        assert_eq!(keys(messages), [vec!["1"], vec!["2", "3"]]);
        let many = (0..=MAX_BATCH_REQUESTS).map(|number| queued("a", &number.to_string(), 9));
        assert_eq!(pack(many).len(), 2);
    }

    #[test]
    fn a_request_of_the_largest_size_goes_alone_and_is_never_left_out() {
        let messages = pack(vec![queued("a", "1", 9), queued("a", "2", MAX_REQUEST_BYTES)]);
        assert_eq!(keys(messages), [vec!["1"], vec!["2"]]);
    }
}
