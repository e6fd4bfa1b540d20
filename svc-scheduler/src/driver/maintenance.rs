//! Reads whether the installation is in maintenance: at the start, when somebody says so, and now and then.

use std::time::Duration;

use emboflow_bus::Bus;
use emboflow_model::maintenance::Maintenance;
use emboflow_protocol::notice::Notice;
use emboflow_records::{Records, RecordsError, SharedRecords};
use futures::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::feeds::Signal;

/// Notices can be lost.
const LOOK_EACH: Duration = Duration::from_secs(30);

/// Why nothing is taken in and started now; none when it is.
pub(super) async fn read(records: &dyn Records) -> Result<Option<String>, RecordsError> {
    let kept = records.kept(Maintenance::KIND, "", Maintenance::NAME).await?;
    Ok(kept.map(|kept| Maintenance::read(&kept.body).reason))
}

/// Tells the driver what has changed, until `stop`.
pub(super) async fn follow(
    records: SharedRecords,
    bus: Bus,
    signals: mpsc::Sender<Signal>,
    stop: CancellationToken,
) {
    let notices = bus.subscribe(Notice::filter(Some(Maintenance::KIND))).await;
    // Without notices the driver learns of it a little later.
    let mut notices = notices.map_or_else(|_| stream::pending().boxed(), StreamExt::boxed);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Some(_) = notices.next() => {}
            () = tokio::time::sleep(LOOK_EACH) => {}
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
