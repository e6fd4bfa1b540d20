//! Deliveries in the records: each is noted before anything is sent, and moves to its notification's history when it is
//! over. This service is their only writer.

use emboflow_model::name::NotificationName;
use emboflow_model::notification::{DELIVERIES, Delivery, HISTORIES, History};
use emboflow_model::{ProjectName, RunId, TaskKey};
use emboflow_records::{Kept, RecordsError, SharedRecords};

/// Documents read at a time.
const PAGE: u32 = 500;
/// How often a history is written anew when somebody else writes it too.
const TRIES: usize = 5;

/// Which delivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct DeliveryId {
    pub(super) project: ProjectName,
    pub(super) notification: NotificationName,
    pub(super) run: RunId,
    /// On which a person is to decide; none for the end of the run.
    pub(super) task: Option<TaskKey>,
}

impl DeliveryId {
    fn name(&self) -> String {
        match &self.task {
            None => format!("{}/{}", self.notification, self.run),
            Some(task) => format!("{}/{}/{}", self.notification, self.run, task.token()),
        }
    }

    fn of(kept: &Kept) -> Option<Self> {
        let (notification, rest) = kept.name.split_once('/')?;
        let (run, task) = match rest.split_once('/') {
            None => (rest, None),
            Some((run, task)) => (run, Some(TaskKey::from_token(task).ok()?)),
        };
        Some(Self {
            project: kept.scope.parse().ok()?,
            notification: notification.parse().ok()?,
            run: run.parse().ok()?,
            task,
        })
    }
}

/// The deliveries that are under way.
#[derive(Clone)]
pub(super) struct Deliveries {
    records: SharedRecords,
}

impl Deliveries {
    pub(super) fn new(records: SharedRecords) -> Self {
        Self { records }
    }

    /// Notes one; whether it is new. One that is over is noted again if its run is told again, which happens only to
    /// the newest runs after a crash.
    pub(super) async fn note(&self, id: &DeliveryId, delivery: &Delivery) -> Result<bool, RecordsError> {
        let kept =
            self.records.keep(DELIVERIES, id.project.as_str(), &id.name(), None, json(delivery)).await?;
        Ok(kept.is_some())
    }

    /// All of them; what cannot be read is passed over and told.
    pub(super) async fn all(&self) -> Result<Vec<(DeliveryId, Delivery)>, RecordsError> {
        let mut all = Vec::new();
        let mut after: Option<(String, String)> = None;
        loop {
            let place = after.as_ref().map(|(scope, name)| (&**scope, &**name));
            let page = self.records.kept_page(DELIVERIES, None, place, PAGE).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some((last.scope.clone(), last.name.clone()));
            for kept in &page {
                match DeliveryId::of(kept).zip(serde_json::from_str(&kept.body).ok()) {
                    Some(found) => all.push(found),
                    None => {
                        tracing::error!(
                            project = kept.scope,
                            delivery = kept.name,
                            "it cannot be read; passed over"
                        )
                    }
                }
            }
        }
    }

    /// The delivery as it is; none when it is over.
    pub(super) async fn get(&self, id: &DeliveryId) -> Result<Option<(u64, Delivery)>, RecordsError> {
        let kept = self.records.kept(DELIVERIES, id.project.as_str(), &id.name()).await?;
        Ok(kept.and_then(|kept| Some((kept.version, serde_json::from_str(&kept.body).ok()?))))
    }

    /// Keeps what became of a try. Another courier may have been faster; then its word stands.
    pub(super) async fn keep(
        &self,
        id: &DeliveryId,
        version: u64,
        delivery: &Delivery,
    ) -> Result<(), RecordsError> {
        if delivery.is_over() {
            self.add_to_history(id, delivery).await?;
            return self.forget(id, version).await;
        }
        let project = id.project.as_str();
        self.records.keep(DELIVERIES, project, &id.name(), Some(version), json(delivery)).await?;
        Ok(())
    }

    /// Forgets one that nobody wants any more.
    pub(super) async fn forget(&self, id: &DeliveryId, version: u64) -> Result<(), RecordsError> {
        self.records.drop_kept(DELIVERIES, id.project.as_str(), &id.name(), version).await?;
        Ok(())
    }

    async fn add_to_history(&self, id: &DeliveryId, delivery: &Delivery) -> Result<(), RecordsError> {
        let (project, name) = (id.project.as_str(), id.notification.as_str());
        for _ in 0..TRIES {
            let kept = self.records.kept(HISTORIES, project, name).await?;
            let version = kept.as_ref().map(|kept| kept.version);
            let history = kept.and_then(|kept| serde_json::from_str(&kept.body).ok()).unwrap_or_default();
            let history = History::with(history, delivery.clone());
            if self.records.keep(HISTORIES, project, name, version, json(&history)).await?.is_some() {
                return Ok(());
            }
        }
        // A history is for reading: that it lacks a line harms nobody.
        Ok(())
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("it is plain data")
}
