//! Making a shard's derived documents again from its log.

use std::sync::Arc;

use crate::contract::Records;
use crate::document::Cursor;
use crate::error::RecordsError;
use crate::project::Documents;

/// Entries folded at a time.
const BATCH: u32 = 1_000;

/// Removes a shard's derived documents and folds its whole log again. Nobody else may project meanwhile; reads of one
/// run stay right, lists are incomplete until it is done. Gives the place it has come to.
pub async fn rebuild(records: &dyn Records, shard: u32) -> Result<u64, RecordsError> {
    // What is half removed cannot be folded any more.
    for removal in records.removals(shard, u32::MAX).await? {
        records.remove_run(shard, removal).await?;
    }
    records.clear_derived(shard).await?;
    catch_up(records, shard, &mut Documents::default()).await
}

/// Folds what the log has after the projection cursor, as at a start. Gives the place it has come to, with the
/// documents of the runs that are still open.
pub async fn catch_up(
    records: &dyn Records,
    shard: u32,
    documents: &mut Documents,
) -> Result<u64, RecordsError> {
    let mut through = records.cursor(shard, Cursor::Projection).await?;
    loop {
        let entries: Vec<_> =
            records.log_after(shard, through, BATCH).await?.into_iter().map(Arc::new).collect();
        let Some(last) = entries.last() else { return Ok(through) };
        through = last.seq();
        documents.load_for(records, &entries).await?;
        let derived = documents
            .project(shard, &entries)
            .map_err(|broken| RecordsError::corrupt(format!("log of shard {shard}"), broken))?;
        records.put_derived(derived).await?;
    }
}
