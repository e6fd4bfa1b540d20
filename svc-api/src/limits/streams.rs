//! Answers that stay open: each takes a connection for as long as its client likes, so each client has only so many.

use emboflow_protocol::ErrorCode;

use super::asker::Asker;
use super::shares::{Share, Shares};
use crate::problem::{Failure, Outcome};

/// The open event streams and followed logs of all clients.
pub(super) struct Streams(Shares<String>);

/// One of them, until this is dropped.
pub(crate) struct OpenStream {
    _share: Share<String>,
}

impl Streams {
    /// At most so many of each client; 0 does not limit.
    pub(super) fn of_at_most(most: u32) -> Self {
        Self(Shares::of_at_most(most.into()))
    }

    /// Counts one more. Errors: the client has as many as it may.
    pub(super) fn open(&self, asker: &Asker) -> Outcome<OpenStream> {
        let share = self.0.take(&asker.name, 1).ok_or_else(|| {
            let detail = format!(
                "{} has {} event streams and followed logs open, as many as one client may",
                asker.name,
                self.0.most()
            );
            Failure::new(ErrorCode::RequestRateLimited, detail)
                .with_hint("close one of them; an event stream can tell of several projects and runs")
        })?;
        Ok(OpenStream { _share: share })
    }
}
