//! Reads which executors are cordoned: at the start, when somebody says that one has changed, and now and then.

use std::time::Duration;

use emboflow_model::ExecutorId;
use emboflow_model::cordon::Cordon;
use emboflow_protocol::call::CordonFigures;
use emboflow_records::{Records, RecordsError, SharedRecords};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::feeds::Signal;
use super::world::World;
use crate::planner::{Cordons, Input, Planner};

/// Cordons read at once.
const PAGE: u32 = 500;
/// Notices can be lost.
const LOOK_EACH: Duration = Duration::from_secs(30);

/// All cordons that are kept.
pub(super) async fn read(records: &dyn Records) -> Result<Input, RecordsError> {
    let mut cordons = Cordons::new();
    let mut after: Option<String> = None;
    loop {
        let from = after.as_deref().map(|name| ("", name));
        let page = records.kept_page(Cordon::KIND, Some(""), from, PAGE).await?;
        let Some(last) = page.last() else { return Ok(Input::Cordons(cordons)) };
        after = Some(last.name.clone());
        for kept in &page {
            match kept.name.parse::<ExecutorId>() {
                Ok(executor) => drop(cordons.insert(executor, Cordon::read(&kept.body))),
                Err(error) => tracing::error!(executor = kept.name, %error, "a cordon cannot be read"),
            }
        }
    }
}

/// Tells the planner what has changed, until `stop`.
pub(super) async fn follow<W: World>(
    records: SharedRecords,
    world: W,
    signals: mpsc::Sender<Signal<W::Letter>>,
    stop: CancellationToken,
) {
    let mut notices = world.notices(Cordon::KIND).await;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            Some(_) = notices.next() => {}
            () = world.pause(LOOK_EACH) => {}
        }
        match read(&*records).await {
            Ok(input) => {
                if signals.send(Signal::Input(Box::new(input))).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::warn!(%error, "the cordons cannot be read; the old ones hold"),
        }
    }
}

/// What each cordoned executor still has to do.
pub(super) fn figures(planner: &Planner) -> CordonFigures {
    let open = planner.cordon_figures().map(|(id, open)| (id, u32::try_from(open).unwrap_or(u32::MAX)));
    CordonFigures { open_attempts: open.collect() }
}
