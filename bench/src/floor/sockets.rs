//! Bare sockets: one writer, many readers on loopback, the same bytes to each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, broadcast, mpsc};

/// Writes `updates` messages of `size` bytes to `readers` sockets, one message each `pause`; gives for each message how
/// long it took until the last reader had it.
pub(crate) async fn fan_out(
    readers: usize,
    updates: usize,
    size: usize,
    pause: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("listening for readers")?;
    let address = listener.local_addr().context("reading the address")?;
    let (messages, _) = broadcast::channel::<Bytes>(updates.max(1));
    let ready = Arc::new(Barrier::new(readers + 1));
    let (seen, mut arrivals) = mpsc::unbounded_channel();
    for _ in 0..readers {
        let (reading, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let reading = reading.context("connecting a reader")?;
        let (mut writing, _) = accepted.context("accepting a reader")?;
        let mut feed = messages.subscribe();
        tokio::spawn(async move {
            while let Ok(message) = feed.recv().await {
                if writing.write_all(&message).await.is_err() {
                    return;
                }
            }
        });
        tokio::spawn(read(reading, updates, size, ready.clone(), seen.clone()));
    }
    ready.wait().await;
    let mut sent = Vec::with_capacity(updates);
    for _ in 0..updates {
        sent.push(Instant::now());
        let _readers = messages.send(Bytes::from(vec![b'x'; size]));
        tokio::time::sleep(pause).await;
    }
    let mut last = sent.clone();
    for _ in 0..readers * updates {
        let (number, at): (usize, Instant) = arrivals.recv().await.context("a reader ended early")?;
        last[number] = last[number].max(at);
    }
    Ok(last.iter().zip(&sent).map(|(last, sent)| *last - *sent).collect())
}

async fn read(
    mut socket: TcpStream,
    updates: usize,
    size: usize,
    ready: Arc<Barrier>,
    seen: mpsc::UnboundedSender<(usize, Instant)>,
) {
    ready.wait().await;
    let mut message = vec![0; size];
    for number in 0..updates {
        if socket.read_exact(&mut message).await.is_err() || seen.send((number, Instant::now())).is_err() {
            return;
        }
    }
}
