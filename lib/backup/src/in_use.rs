//! Records that give way must not be in use. SQLite's file has a lock for that; on MongoDB a scheduler shows itself by its
//! lease, which it keeps again every few seconds.

use std::time::Duration;

use emboflow_model::lease::Lease;
use emboflow_records::{Config, Kept, SharedRecords};

use crate::error::BackupError;

/// The kind and shard of what is looked at: there is one shard.
const SHARD: u32 = 0;
/// Three times as long as a scheduler takes to keep its lease again.
const WATCHED: Duration = Duration::from_secs(6);

/// Waits long enough to see a scheduler keep its lease; not at all when the last one has ended cleanly. Errors:
/// [`BackupError::Busy`] when one decides with these records. Records of another version are not looked into.
pub(crate) async fn refuse_while_in_use(config: &Config) -> Result<(), BackupError> {
    let failed = BackupError::records("looking at the records");
    let schema = emboflow_records::schema(config).await.map_err(&failed)?;
    if matches!(config, Config::Sqlite { .. }) || schema.found != Some(schema.known) {
        return Ok(());
    }
    let records = emboflow_records::open(config).await.map_err(&failed)?;
    let Some(before) = held(&records).await? else { return Ok(()) };
    tokio::time::sleep(WATCHED).await;
    match held(&records).await? {
        Some(now) if now.version != before.version => Err(BackupError::Busy(
            "a scheduler decides with these records: stop scheduler, API, gateway and trigger service first"
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

/// The lease, unless its holder has let go of it.
async fn held(records: &SharedRecords) -> Result<Option<Kept>, BackupError> {
    let kept = records.kept(Lease::KIND, "", &Lease::name(SHARD)).await;
    let kept = kept.map_err(BackupError::records("looking at the lease of the scheduler"))?;
    let is_released =
        |kept: &Kept| serde_json::from_str::<Lease>(&kept.body).is_ok_and(|lease| lease.released);
    Ok(kept.filter(|kept| !is_released(kept)))
}
