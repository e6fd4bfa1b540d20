//! Whether nats-server still writes: a stream that met a full disk refuses everything until the server is started anew.

use std::path::Path;
use std::time::Duration;

/// How often the server is asked.
const LOOK_EACH: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(3);
/// With less free space it would only fall ill again.
const ROOM_BYTES: u64 = 8 << 20;

/// Ends when a stream refuses messages because of a failed write, and the disk has room again; with the server's words.
pub(super) async fn refused(monitor_port: Option<u16>, dir: &Path) -> String {
    let client = reqwest::Client::builder().no_proxy().timeout(ANSWER).build();
    let (Some(port), Ok(client)) = (monitor_port, client) else { return std::future::pending().await };
    let url = format!("http://127.0.0.1:{port}/healthz");
    let mut told = false;
    loop {
        tokio::time::sleep(LOOK_EACH).await;
        let Ok(answer) = client.get(&url).send().await else { continue };
        let said = answer.text().await.unwrap_or_default();
        if !said.contains("write error") {
            told = false;
        } else if free_bytes(dir) >= ROOM_BYTES {
            return said;
        } else if !std::mem::replace(&mut told, true) {
            tracing::error!(said, "nats-server takes no messages: its disk is full");
        }
    }
}

fn free_bytes(dir: &Path) -> u64 {
    rustix::fs::statvfs(dir).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}
