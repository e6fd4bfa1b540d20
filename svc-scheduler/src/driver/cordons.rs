//! Reads which executors are cordoned.

use emboflow_model::ExecutorId;
use emboflow_model::cordon::Cordon;
use emboflow_protocol::call::CordonFigures;
use emboflow_records::{Records, RecordsError};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::feeds::Signal;
use super::kept;
use crate::planner::{Cordons, Input, Planner};

/// All cordons that are kept.
pub(super) async fn read(records: &dyn Records) -> Result<Input, RecordsError> {
    let mut cordons = Cordons::new();
    for kept in kept::all(records, Cordon::KIND).await? {
        match kept.name.parse::<ExecutorId>() {
            Ok(executor) => drop(cordons.insert(executor, Cordon::read(&kept.body))),
            Err(error) => tracing::error!(executor = kept.name, %error, "a cordon cannot be read"),
        }
    }
    Ok(Input::Cordons(cordons))
}

/// Which executors are cordoned, for the driver.
pub(super) fn signal<L: Send>(records: &dyn Records) -> BoxFuture<'_, Result<Signal<L>, RecordsError>> {
    async { Ok(Signal::Input(Box::new(read(records).await?))) }.boxed()
}

/// What each cordoned executor still has to do.
pub(super) fn figures(planner: &Planner) -> CordonFigures {
    let open = planner.cordon_figures().map(|(id, open)| (id, u32::try_from(open).unwrap_or(u32::MAX)));
    CordonFigures { open_attempts: open.collect() }
}
