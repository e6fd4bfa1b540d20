//! Reads whether the installation or a pool is in maintenance.

use std::collections::BTreeMap;

use emboflow_model::PoolName;
use emboflow_model::maintenance::Maintenance;
use emboflow_records::{Records, RecordsError};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::feeds::Signal;
use super::kept;

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
    for kept in kept::all(records, Maintenance::KIND).await? {
        let reason = Maintenance::read(&kept.body).reason;
        match Maintenance::pool_of(&kept.name) {
            Some(pool) => drop(read.pools.insert(pool, reason)),
            None if kept.name == Maintenance::NAME => read.installation = Some(reason),
            None => tracing::error!(name = kept.name, "nobody knows what this maintenance is for"),
        }
    }
    Ok(read)
}

/// What is in maintenance, for the driver.
pub(super) fn signal<L: Send>(records: &dyn Records) -> BoxFuture<'_, Result<Signal<L>, RecordsError>> {
    async {
        let Read { installation, pools } = read(records).await?;
        Ok(Signal::Maintenance { installation, pools })
    }
    .boxed()
}
