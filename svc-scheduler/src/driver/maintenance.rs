//! Reads whether the installation is in maintenance: at the start, when somebody says so, and now and then.

use std::time::Duration;

use emboflow_model::maintenance::Maintenance;
use emboflow_records::{Records, RecordsError, SharedRecords};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::feeds::Signal;
use super::world::World;

/// Notices can be lost.
const LOOK_EACH: Duration = Duration::from_secs(30);

/// Why nothing is taken in and started now; none when it is.
pub(super) async fn read(records: &dyn Records) -> Result<Option<String>, RecordsError> {
    let kept = records.kept(Maintenance::KIND, "", Maintenance::NAME).await?;
    Ok(kept.map(|kept| Maintenance::read(&kept.body).reason))
}

/// Tells the driver what has changed, until `stop`.
pub(super) async fn follow<W: World>(
    records: SharedRecords,
    world: W,
    signals: mpsc::Sender<Signal<W::Letter>>,
    stop: CancellationToken,
) {
    let mut notices = world.notices(Maintenance::KIND).await;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Some(_) = notices.next() => {}
            () = world.pause(LOOK_EACH) => {}
        }
        match read(&*records).await {
            Ok(reason) => {
                if signals.send(Signal::Maintenance(reason)).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::warn!(%error, "whether there is maintenance cannot be read; as before"),
        }
    }
}
