//! Removes the objects of runs that are no longer kept, when the scheduler asks for it: only the API has the key to all
//! objects.

use std::time::Duration;

use emboflow_bus::Bus;
use emboflow_model::{RunId, object_key};
use emboflow_protocol::call::{ObjectsRemoved, RemoveObjects};
use emboflow_records::SharedRecords;
use emboflow_service::Shutdown;

use crate::objects::Objects;
use crate::problem::Failure;

/// How long one call works; the scheduler calls again for the rest.
const WORK_FOR: Duration = Duration::from_secs(10);

/// Answers the scheduler's calls until `shutdown`.
pub(crate) fn serve(bus: Bus, records: SharedRecords, objects: Objects, shutdown: &Shutdown) {
    let stop = shutdown.token();
    shutdown.spawn("removal of objects", async move {
        let served = bus
            .serve(RemoveObjects::filter(), stop, move |call: RemoveObjects| {
                let (records, objects) = (records.clone(), objects.clone());
                async move {
                    let removed = remove(&records, &objects, call.run).await;
                    removed.map_err(|failure| failure.detail().to_owned())
                }
            })
            .await;
        if let Err(error) = served {
            tracing::error!(%error, "objects of removed runs are no longer removed");
        }
    });
}

/// Whoever can call this can name any run, so the records must have noted it.
async fn remove(records: &SharedRecords, objects: &Objects, run: RunId) -> Result<ObjectsRemoved, Failure> {
    let Some(removal) = records.removal(run).await? else {
        return Ok(ObjectsRemoved { removed: 0, done: true });
    };
    let prefix = object_key::run_prefix(&removal.project, run);
    let (removed, done) = objects.remove_below(&prefix, WORK_FOR).await?;
    tracing::info!(%run, removed, done, "removed objects of a run that is no longer kept");
    Ok(ObjectsRemoved { removed, done })
}
