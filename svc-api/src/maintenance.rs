//! Whether the installation is in maintenance: nothing is taken in then, or a pool. The documents are kept in the records;
//! this process remembers them, and looks again when somebody says that it has changed, and now and then.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use emboflow_bus::Bus;
use emboflow_model::maintenance::Maintenance;
use emboflow_protocol::ErrorCode;
use emboflow_protocol::http::maintenance::MaintenanceView;
use emboflow_protocol::notice::Notice;
use emboflow_records::{RecordsError, SharedRecords};
use emboflow_service::Shutdown;
use futures::{StreamExt, stream};
use tokio::sync::watch;

use crate::problem::{Failure, Outcome};

/// Notices can be lost.
const LOOK_EACH: Duration = Duration::from_secs(30);
/// Pools read at once.
const PAGE: u32 = 500;
/// Tries of a change that others make too.
const TRIES: usize = 5;

/// What is known of it. Clones share it.
#[derive(Clone)]
pub(crate) struct MaintenanceBook {
    records: SharedRecords,
    bus: Bus,
    known: Arc<watch::Sender<MaintenanceView>>,
}

impl MaintenanceBook {
    /// Reads it, and goes on reading until `shutdown`.
    pub(crate) async fn open(records: SharedRecords, bus: Bus, shutdown: &Shutdown) -> Result<Self> {
        let book = Self { records, bus, known: Arc::new(watch::Sender::new(MaintenanceView::default())) };
        book.look().await.context("reading whether there is maintenance")?;
        let (stop, reader) = (shutdown.token(), book.clone());
        shutdown.spawn("maintenance", async move {
            tokio::select! { () = stop.cancelled() => {}, () = reader.follow() => {} }
        });
        Ok(book)
    }

    async fn follow(&self) {
        let notices = self.bus.subscribe(Notice::filter(Some(Maintenance::KIND))).await;
        // Without notices it is learnt a little later.
        let mut notices = notices.map_or_else(|_| stream::pending().boxed(), StreamExt::boxed);
        loop {
            tokio::select! { Some(_) = notices.next() => {}, () = tokio::time::sleep(LOOK_EACH) => {} }
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "whether there is maintenance cannot be read; as before");
            }
        }
    }

    async fn look(&self) -> Result<(), RecordsError> {
        let mut view = MaintenanceView::default();
        let mut after: Option<String> = None;
        loop {
            let from = after.as_deref().map(|name| ("", name));
            let page = self.records.kept_page(Maintenance::KIND, Some(""), from, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.name.clone());
            for kept in &page {
                let read = Maintenance::read(&kept.body);
                match Maintenance::pool_of(&kept.name) {
                    Some(pool) => drop(view.pools.insert(pool, read)),
                    None if kept.name == Maintenance::NAME => view.maintenance = Some(read),
                    None => {}
                }
            }
        }
        self.known.send_replace(view);
        Ok(())
    }

    /// What it is now, as far as this process knows.
    pub(crate) fn now(&self) -> MaintenanceView {
        self.known.borrow().clone()
    }

    /// Refuses what would have to wait for its end.
    pub(crate) fn refuse(&self) -> Outcome<()> {
        match self.now().maintenance {
            None => Ok(()),
            Some(Maintenance { reason, .. }) => {
                Err(Failure::new(ErrorCode::SystemMaintenance, format!("maintenance: {reason}")))
            }
        }
    }

    /// Begins that of a document's name, gives it another reason, or ends it.
    pub(crate) async fn set(&self, name: &str, wanted: Option<Maintenance>) -> Outcome<()> {
        for _ in 0..TRIES {
            let kept = self.records.kept(Maintenance::KIND, "", name).await?;
            let version = kept.map(|kept| kept.version);
            let done = match (&wanted, version) {
                (None, None) => true,
                (None, Some(version)) => self.records.drop_kept(Maintenance::KIND, "", name, version).await?,
                (Some(wanted), version) => {
                    let body = serde_json::to_string(wanted)
                        .map_err(|error| Failure::behind(ErrorCode::Internal, error))?;
                    let kept = self.records.keep(Maintenance::KIND, "", name, version, body).await?;
                    kept.is_some()
                }
            };
            if done {
                self.look().await?;
                let notice = Notice::new(Maintenance::KIND, "", name);
                let _readers_look_by_themselves = self.bus.publish_live(&notice).await;
                return Ok(());
            }
        }
        let detail = "others change the maintenance all the time";
        Err(Failure::new(ErrorCode::RequestPrecondition, detail))
    }
}
