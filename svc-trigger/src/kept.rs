//! The triggers that are kept, as this process has read them last.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use emboflow_model::trigger::{TRIGGERS, TriggerDocument};
use emboflow_model::{ProjectName, Timestamp, TriggerName};
use emboflow_records::{Kept, Records, RecordsError};

/// Documents read at a time.
const PAGE: u32 = 500;

/// A trigger that is kept.
#[derive(Clone, Debug)]
pub(crate) struct Trigger {
    pub(crate) project: ProjectName,
    pub(crate) name: TriggerName,
    /// The version of its document.
    pub(crate) version: u64,
    pub(crate) document: TriggerDocument,
}

impl Trigger {
    /// None for a document that nobody can read: it is passed over with a warning.
    fn read(kept: &Kept) -> Option<Self> {
        let parts = ProjectName::new(&kept.scope).ok().zip(TriggerName::new(&kept.name).ok());
        let document = serde_json::from_str(&kept.body);
        match (parts, document) {
            (Some((project, name)), Ok(document)) => {
                Some(Self { project, name, version: kept.version, document })
            }
            (_, document) => {
                let error = document.err().map(|error| error.to_string()).unwrap_or_default();
                tracing::warn!(
                    project = kept.scope,
                    trigger = kept.name,
                    error,
                    "a trigger cannot be read; passed over"
                );
                None
            }
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.document.spec.on.word()
    }
}

/// All of them. Clones share the list.
#[derive(Clone, Default)]
pub(crate) struct Triggers(Arc<RwLock<List>>);

type List = BTreeMap<(ProjectName, TriggerName), Arc<Trigger>>;

impl Triggers {
    /// Those that are not paused.
    pub(crate) fn active(&self) -> Vec<Arc<Trigger>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.values().filter(|trigger| trigger.document.paused.is_none()).cloned().collect()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<Trigger>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn replace(&self, all: Vec<Trigger>) {
        let list =
            all.into_iter().map(|one| ((one.project.clone(), one.name.clone()), Arc::new(one))).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = list;
    }
}

/// Reads every trigger of every project.
pub(crate) async fn read_all(records: &dyn Records) -> Result<Vec<Trigger>, RecordsError> {
    let mut all = Vec::new();
    let mut after: Option<(String, String)> = None;
    loop {
        let place = after.as_ref().map(|(scope, name)| (scope.as_str(), name.as_str()));
        let page = records.kept_page(TRIGGERS, None, place, PAGE).await?;
        all.extend(page.iter().filter_map(Trigger::read));
        match page.last() {
            Some(last) if page.len() == PAGE as usize => {
                after = Some((last.scope.clone(), last.name.clone()))
            }
            _ => return Ok(all),
        }
    }
}

/// Reads one trigger as it is now.
pub(crate) async fn read(
    records: &dyn Records,
    project: &ProjectName,
    name: &TriggerName,
) -> Result<Option<Trigger>, RecordsError> {
    let kept = records.kept(TRIGGERS, project.as_str(), name.as_str()).await?;
    Ok(kept.as_ref().and_then(Trigger::read))
}

/// The moment, by this machine's clock: tables are about the time on the wall.
pub(crate) fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}
