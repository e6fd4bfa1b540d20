//! The bytes of an object on their way in, with a watch on callers that stall or send too much.

use bytes::Bytes;
use futures::stream::{BoxStream, Stream, StreamExt};
use std::fmt::Display;
use std::time::Duration;

/// The content of an object, piece by piece.
pub type Chunks = BoxStream<'static, Result<Bytes, BodyError>>;

/// Why the content did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The sender went away or broke the protocol.
    #[error("the content ended early: {reason}")]
    Aborted {
        /// What the connection said.
        reason: String,
    },
    /// The sender sent nothing for too long.
    #[error("nothing of the content arrived for {after_ms} ms")]
    Stalled {
        /// How long was waited.
        after_ms: u64,
    },
    /// More than an object may have.
    #[error("the content has more than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
}

/// Watches a stream: no pause longer than `stall`, not more than `limit_bytes` in sum.
pub fn watched<S, E>(source: S, stall: Duration, limit_bytes: u64) -> Chunks
where
    S: Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
    E: Display,
{
    let state = Some((source, 0_u64));
    futures::stream::unfold(state, move |state| async move {
        let (mut source, seen) = state?;
        let chunk = match tokio::time::timeout(stall, source.next()).await {
            Err(_) => Err(BodyError::Stalled { after_ms: stall.as_millis() as u64 }),
            Ok(None) => return None,
            Ok(Some(Err(error))) => Err(BodyError::Aborted { reason: format!("{error:#}") }),
            Ok(Some(Ok(chunk))) => Ok(chunk),
        };
        match chunk {
            Ok(chunk) if seen.saturating_add(chunk.len() as u64) > limit_bytes => {
                Some((Err(BodyError::TooLarge { limit_bytes }), None))
            }
            Ok(chunk) => {
                let seen = seen + chunk.len() as u64;
                Some((Ok(chunk), Some((source, seen))))
            }
            Err(error) => Some((Err(error), None)),
        }
    })
    // A refused body is read on to its end, which may have been reached already.
    .fuse()
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt;

    fn chunks(texts: &[&'static str]) -> impl Stream<Item = Result<Bytes, String>> + Send + Unpin + use<> {
        let items: Vec<_> = texts.iter().map(|text| Ok(Bytes::from_static(text.as_bytes()))).collect();
        futures::stream::iter(items)
    }

    #[tokio::test]
    async fn content_within_the_limit_passes_unchanged() {
        let seen: Vec<Bytes> =
            watched(chunks(&["ab", "cd"]), Duration::from_secs(1), 4).try_collect().await.unwrap();
        assert_eq!(seen.concat(), b"abcd");
    }

    #[tokio::test]
    async fn content_over_the_limit_ends_with_an_error() {
        let seen: Result<Vec<Bytes>, _> =
            watched(chunks(&["ab", "cde"]), Duration::from_secs(1), 4).try_collect().await;
        assert_eq!(seen, Err(BodyError::TooLarge { limit_bytes: 4 }));
    }

    #[tokio::test]
    async fn a_sender_that_stalls_is_given_up() {
        let silent = chunks(&["ab"]).chain(futures::stream::pending()).boxed();
        let seen: Result<Vec<Bytes>, _> = watched(silent, Duration::from_millis(10), 4).try_collect().await;
        assert_eq!(seen, Err(BodyError::Stalled { after_ms: 10 }));
    }
}
