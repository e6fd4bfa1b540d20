//! Documents that people keep and the planner reads: at the start, when a notice says that they have changed, and now and
//! then.

use std::time::Duration;

use emboflow_records::{Kept, Records, RecordsError, SharedRecords};
use futures::StreamExt;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::feeds::Signal;
use super::world::World;

/// Documents read at once.
const PAGE: u32 = 500;
/// Notices can be lost.
const LOOK_EACH: Duration = Duration::from_secs(30);
/// Changes that come so close together are read once.
const TOGETHER: Duration = Duration::from_millis(50);

/// Reads documents of a kind into what the driver is told of them.
pub(super) type Reads<L> = for<'r> fn(&'r dyn Records) -> BoxFuture<'r, Result<Signal<L>, RecordsError>>;

/// All documents of a kind that belong to no project.
pub(super) async fn all(records: &dyn Records, kind: &'static str) -> Result<Vec<Kept>, RecordsError> {
    let mut all: Vec<Kept> = Vec::new();
    loop {
        let after = all.last().map(|kept| ("", kept.name.as_str()));
        let page = records.kept_page(kind, Some(""), after, PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// Tells the driver what has changed, until `stop`.
pub(super) async fn follow<W: World>(
    records: SharedRecords,
    world: W,
    (kind, reads): (&'static str, Reads<W::Letter>),
    signals: mpsc::Sender<Signal<W::Letter>>,
    stop: CancellationToken,
) {
    let mut notices = world.notices(kind).await;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            Some(_) = notices.next() => world.pause(TOGETHER).await,
            () = world.pause(LOOK_EACH) => {}
        }
        match reads(&*records).await {
            Ok(signal) => {
                if signals.send(signal).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, kind, "what is kept cannot be read; what was read before holds")
            }
        }
    }
}
