//! How much may wait at once: writing requests above it are told to come again, so that a flood hurts only itself.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::stream::MAX_REQUEST_BYTES;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::App;
use crate::limits::{Asker, Share, Shares};
use crate::problem::{Failure, Outcome};

/// What a request weighs at least, whatever the size of its body.
const LEAST_KIB: u64 = 8;
const LARGEST_KIB: u64 = (MAX_REQUEST_BYTES as u64).div_ceil(1024);

/// The room for writing requests that have not been answered yet. Of it, one client has a share, and all who have not
/// signed in have half together: a flood of strangers leaves room for people.
pub(crate) struct Admission {
    room: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    shares: Shares<String>,
    kib: u64,
}

/// What a request takes up until this is dropped.
struct Admitted {
    _share: Share<String>,
    _room: [Option<OwnedSemaphorePermit>; 2],
}

impl Admission {
    /// A room for this many bytes of bodies.
    pub(crate) fn new(bytes: u64) -> Self {
        let kib = (bytes / 1024).clamp(LEAST_KIB, u64::from(u32::MAX));
        // In a small room, whoever is alone in it can still send the largest request.
        let part_of = |parts: u64| (kib / parts).max(LARGEST_KIB).min(kib);
        Self {
            room: semaphore(kib),
            strangers: semaphore(part_of(2)),
            shares: Shares::of_at_most(part_of(4)),
            kib,
        }
    }

    /// Lets a request in until what this gives is dropped.
    fn admit(&self, asker: &Asker, headers: &HeaderMap) -> Outcome<Admitted> {
        let weight = self.weight(headers)?;
        let share = self.shares.take(&asker.name, weight).ok_or_else(|| {
            no_room(format!(
                "{} has {} KiB of requests waiting for their answers",
                asker.name,
                self.shares.most()
            ))
        })?;
        let take = |from: &Arc<Semaphore>| {
            let weight = u32::try_from(weight).unwrap_or(u32::MAX);
            from.clone().try_acquire_many_owned(weight).map_err(|_| {
                no_room(format!(
                    "requests of {} KiB wait for their answers; there is no room for more",
                    self.kib
                ))
            })
        };
        let among_strangers = if asker.is_known { None } else { Some(take(&self.strangers)?) };
        Ok(Admitted { _share: share, _room: [among_strangers, Some(take(&self.room)?)] })
    }

    /// What a request weighs, in KiB. One that announces more than a request can be is not waited for: it would take up
    /// room without sending anything.
    fn weight(&self, headers: &HeaderMap) -> Outcome<u64> {
        let length =
            headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let largest = MAX_REQUEST_BYTES as u64;
        if let Some(length) = length.filter(|length| *length > largest) {
            let detail = format!("the body is announced with {length} bytes; {largest} are taken");
            return Err(Failure::new(ErrorCode::RequestTooLarge, detail));
        }
        // A body of unknown length may become as long as bodies can be.
        Ok(length.unwrap_or(largest).div_ceil(1024).clamp(LEAST_KIB, self.kib))
    }
}

fn semaphore(kib: u64) -> Arc<Semaphore> {
    let permits = usize::try_from(kib).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
    Arc::new(Semaphore::new(permits))
}

fn no_room(detail: String) -> Failure {
    Failure::new(ErrorCode::RequestRateLimited, detail)
        .with_hint("send it again after `Retry-After` seconds; with the same idempotency key that is safe")
}

/// The layer in front of everything that changes something.
pub(crate) async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let asker = Asker::of(request.extensions()).unwrap_or_else(Asker::nobody);
    match app.admission.admit(&asker, request.headers()) {
        Ok(_held) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(length: u64) -> HeaderMap {
        [(header::CONTENT_LENGTH, HeaderValue::from(length))].into_iter().collect()
    }

    fn asker(name: &str) -> Asker {
        Asker { name: name.to_owned(), is_known: true }
    }

    fn stranger(address: u8) -> Asker {
        Asker { name: format!("the address 192.0.2.{address}"), is_known: false }
    }

    fn status(refused: Outcome<Admitted>) -> u16 {
        refused.err().unwrap().problem().status
    }

    #[test]
    fn a_request_weighs_as_much_as_its_body_and_makes_room_when_it_ends() {
        let (admission, ada) = (Admission::new(64 * 1024), asker("user:ada"));
        let small: Vec<_> = (0..4).map(|_| admission.admit(&ada, &headers(1)).unwrap()).collect();
        let large = admission.admit(&ada, &headers(32 * 1024)).unwrap();
        assert_eq!(status(admission.admit(&ada, &headers(1))), 429);
        drop(small);
        assert!(admission.admit(&ada, &headers(33 * 1024)).is_err());
        drop(large);
        assert!(admission.admit(&ada, &HeaderMap::new()).is_ok(), "one that fills the room alone is let in");
    }

    #[test]
    fn a_length_above_the_largest_request_takes_up_no_room_and_is_refused_at_once() {
        let admission = Admission::new(64 * 1024 * 1024);
        assert_eq!(status(admission.admit(&stranger(1), &headers(64 * 1024 * 1024))), 413);
        assert_eq!(status(admission.admit(&asker("user:ada"), &headers(MAX_REQUEST_BYTES as u64 + 1))), 413);
        assert!(admission.admit(&stranger(1), &headers(MAX_REQUEST_BYTES as u64)).is_ok());
    }

    #[test]
    fn whoever_fills_a_share_of_the_room_leaves_the_rest_to_others() {
        let admission = Admission::new(8 * MAX_REQUEST_BYTES as u64);
        let fill = |asker: &Asker| -> Vec<_> {
            std::iter::from_fn(|| admission.admit(asker, &HeaderMap::new()).ok()).take(100).collect()
        };
        let ada = fill(&asker("user:ada"));
        assert_eq!(ada.len(), 2, "a quarter");
        let held: Vec<_> = (1..=9).flat_map(|address| fill(&stranger(address))).collect();
        assert_eq!(held.len(), 4, "all strangers together have half");
        assert_eq!(status(admission.admit(&stranger(10), &headers(1))), 429);
        let bob = fill(&asker("user:bob"));
        assert_eq!(bob.len(), 2, "people are let in whatever strangers do");
        drop((ada, held, bob));
        assert_eq!(fill(&asker("user:ada")).len(), 2);
    }
}
