//! Live frames for a reader that may be slow: what finds no room is left out, and the offsets tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use emboflow_bus::Frame;
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;

/// Bytes that wait for one reader at most.
const ROOM_BYTES: usize = 8 * 1024 * 1024;
/// What a frame takes beside its payload, roughly.
const FRAME_BYTES: usize = 512;

/// Frames that wait for their reader.
pub(crate) struct LossyFrames {
    frames: mpsc::UnboundedReceiver<Frame>,
    held: Arc<AtomicUsize>,
}

impl LossyFrames {
    /// Takes the frames as fast as they come, until this is dropped.
    pub(crate) fn of(frames: impl Stream<Item = Frame> + Send + 'static) -> Self {
        let (to, from) = mpsc::unbounded_channel();
        let held = Arc::<AtomicUsize>::default();
        let own = Self { frames: from, held: held.clone() };
        tokio::spawn(async move {
            let mut frames = std::pin::pin!(frames);
            loop {
                let frame = tokio::select! { () = to.closed() => return, frame = frames.next() => frame };
                let Some(frame) = frame else { return };
                let weight = weight(&frame);
                if held.load(Ordering::Acquire) + weight <= ROOM_BYTES {
                    held.fetch_add(weight, Ordering::AcqRel);
                    // The reader may be gone: seen in the next round.
                    drop(to.send(frame));
                }
            }
        });
        own
    }

    /// The next frame; none when there will be no more. May be dropped while it waits.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let frame = self.frames.recv().await?;
        self.held.fetch_sub(weight(&frame), Ordering::AcqRel);
        Some(frame)
    }
}

fn weight(frame: &Frame) -> usize {
    frame.payload.len() + FRAME_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Bytes;
    use emboflow_bus::Headers;

    fn frame(bytes: usize) -> Frame {
        let payload = Bytes::from(vec![0; bytes]);
        Frame { subject: bytes.to_string(), headers: Headers::default(), payload, reply: None }
    }

    #[tokio::test]
    async fn a_reader_that_takes_nothing_holds_no_more_than_its_room() {
        let flood = futures::stream::iter((0..1_000).map(|_| frame(256 * 1024)).chain([frame(1)]));
        let mut frames = LossyFrames::of(flood);
        let mut sizes = Vec::new();
        while let Some(frame) = frames.next().await {
            sizes.push(frame.payload.len());
            // The flood is over before anything is taken: this test has one thread.
        }
        assert_eq!(sizes.len(), 31 + 1, "what fits, and the small one behind");
        assert_eq!((sizes[0], sizes[31]), (256 * 1024, 1));
        assert_eq!(frames.held.load(Ordering::Acquire), 0);
    }

    #[tokio::test]
    async fn a_reader_that_keeps_up_misses_nothing() {
        let (to, from) = tokio::sync::mpsc::channel(1);
        let mut frames = LossyFrames::of(tokio_stream::wrappers::ReceiverStream::new(from));
        for number in 0..200 {
            to.send(frame(100_000 + number)).await.unwrap();
            assert_eq!(frames.next().await.unwrap().payload.len(), 100_000 + number);
        }
    }
}
