//! How much may wait at once: writing requests above it are told to come again, so that a flood hurts only itself.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use emboflow_protocol::ErrorCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::App;
use crate::problem::{Failure, Outcome};

/// What a request weighs at least, whatever the size of its body.
const LEAST_KIB: u64 = 8;

/// The room for writing requests that have not been answered yet.
pub(crate) struct Admission {
    room: Arc<Semaphore>,
    kib: u64,
}

impl Admission {
    /// A room for this many bytes of bodies.
    pub(crate) fn new(bytes: u64) -> Self {
        let kib = (bytes / 1024).clamp(LEAST_KIB, u64::from(u32::MAX));
        let permits = usize::try_from(kib).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        Self { room: Arc::new(Semaphore::new(permits)), kib }
    }

    /// Lets a request in until what this gives is dropped.
    fn admit(&self, headers: &HeaderMap) -> Outcome<OwnedSemaphorePermit> {
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        // A body of unknown length may become as long as bodies can be.
        let bytes: u64 = length.unwrap_or(emboflow_protocol::stream::MAX_REQUEST_BYTES as u64);
        let weight = bytes.div_ceil(1024).clamp(LEAST_KIB, self.kib);
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        self.room.clone().try_acquire_many_owned(weight).map_err(|_| {
            let detail =
                format!("requests of {} KiB wait for their answers; there is no room for more", self.kib);
            Failure::new(ErrorCode::RequestRateLimited, detail).with_hint(
                "send it again after `Retry-After` seconds; with the same idempotency key that is safe",
            )
        })
    }
}

/// The layer in front of everything that changes something.
pub(crate) async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match app.admission.admit(request.headers()) {
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

    #[test]
    fn a_request_weighs_as_much_as_its_body_and_makes_room_when_it_ends() {
        let admission = Admission::new(64 * 1024);
        let small: Vec<_> = (0..4).map(|_| admission.admit(&headers(1)).unwrap()).collect();
        let large = admission.admit(&headers(32 * 1024)).unwrap();
        assert_eq!(admission.admit(&headers(1)).unwrap_err().problem().status, 429);
        drop(small);
        assert!(admission.admit(&headers(33 * 1024)).is_err());
        drop(large);
        assert!(admission.admit(&HeaderMap::new()).is_ok(), "one that fills the room alone is let in");
    }
}
