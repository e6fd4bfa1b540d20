//! What an executor does when NATS is back.

use std::time::Duration;

use crate::ENDLESS;
use crate::support::{Kind, World, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_said_at_once_when_nats_is_back() {
    let mut world = World::new(Kind::Simulated).await;
    // The one of its start says that nothing is held; the next one in turn comes after the test.
    world.settings.heartbeat = Duration::from_secs(3_600);
    world.start_executor().await;
    let start = world.begin(ENDLESS).await;
    world.running(&start).await;
    world.nats.restart().await;
    until("a heartbeat says what is held", async || {
        let known = world.bus.heartbeats().await.ok()?;
        known.iter().flat_map(|beat| &beat.attempts).find(|held| held.attempt == start.attempt).map(drop)
    })
    .await;
}
