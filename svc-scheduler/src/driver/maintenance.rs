//! Reads whether the installation or a pool is in maintenance: at the start, when somebody says so, and now and then.

use std::collections::BTreeMap;
use std::time::Duration;

use emboflow_model::PoolName;
use emboflow_model::maintenance::Maintenance;
use emboflow_records::{Records, RecordsError, SharedRecords};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::feeds::Signal;
use super::world::World;

/// Notices can be lost.
const LOOK_EACH: Duration = Duration::from_secs(30);

/// Pools read at once.
const PAGE: u32 = 500;

/// What is kept of it.
#[derive(Default)]
pub(super) struct Read {
    /// Why nothing is taken in and started now; none when it is.
    pub(super) installation: Option<String>,
    /// In which pools nothing is started, and why.
    pub(super) pools: BTreeMap<PoolName, String>,
}

/// Reads all of it.
pub(super) async fn read(records: &dyn Records) -> Result<Read, RecordsError> {
    let mut read = Read::default();
    let mut after: Option<String> = None;
    loop {
        let from = after.as_deref().map(|name| ("", name));
        let page = records.kept_page(Maintenance::KIND, Some(""), from, PAGE).await?;
        let Some(last) = page.last() else { return Ok(read) };
        after = Some(last.name.clone());
        for kept in &page {
            let reason = Maintenance::read(&kept.body).reason;
            match Maintenance::pool_of(&kept.name) {
                Some(pool) => drop(read.pools.insert(pool, reason)),
                None if kept.name == Maintenance::NAME => read.installation = Some(reason),
                None => tracing::error!(name = kept.name, "nobody knows what this maintenance is for"),
            }
        }
    }
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
            biased;
            () = stop.cancelled() => return,
            Some(_) = notices.next() => {}
            () = world.pause(LOOK_EACH) => {}
        }
        match read(&*records).await {
            Ok(Read { installation, pools }) => {
                if signals.send(Signal::Maintenance { installation, pools }).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::warn!(%error, "whether there is maintenance cannot be read; as before"),
        }
    }
}
