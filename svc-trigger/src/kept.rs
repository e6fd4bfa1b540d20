//! The triggers that are kept, as this process has read them last.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use emboflow_model::trigger::{TRIGGERS, TriggerDocument};
use emboflow_model::{ProjectName, Timestamp, TriggerName};
use emboflow_records::{Kept, Records, RecordsError};
use serde::Deserialize;

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

/// A document that this version of the service cannot read. It may be a newer one's: nothing is taken for gone.
#[derive(Clone, Debug)]
pub(crate) struct Unreadable {
    pub(crate) project: ProjectName,
    pub(crate) name: TriggerName,
    pub(crate) version: u64,
    /// The trigger's id, where at least that can be read.
    pub(crate) id: Option<String>,
    pub(crate) why: String,
}

/// What is kept of triggers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) triggers: Vec<Trigger>,
    pub(crate) unreadable: Vec<Unreadable>,
}

/// All of an unreadable document that it takes to write its history.
#[derive(Deserialize)]
struct Named {
    id: String,
}

impl Shelf {
    fn put(&mut self, kept: &Kept) {
        match Trigger::read(kept) {
            Some(Ok(trigger)) => self.triggers.push(trigger),
            Some(Err(unreadable)) => self.unreadable.push(unreadable),
            None => tracing::warn!(
                project = kept.scope,
                trigger = kept.name,
                "this is no name of a trigger; passed over"
            ),
        }
    }
}

impl Trigger {
    /// None when not even its name is one.
    fn read(kept: &Kept) -> Option<Result<Self, Unreadable>> {
        let project = ProjectName::new(&kept.scope).ok()?;
        let name = TriggerName::new(&kept.name).ok()?;
        let version = kept.version;
        Some(match serde_json::from_str(&kept.body) {
            Ok(document) => Ok(Self { project, name, version, document }),
            Err(error) => {
                let id = serde_json::from_str::<Named>(&kept.body).ok().map(|named| named.id);
                Err(Unreadable { project, name, version, id, why: error.to_string() })
            }
        })
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
pub(crate) async fn read_all(records: &dyn Records) -> Result<Shelf, RecordsError> {
    let mut all = Shelf::default();
    let mut after: Option<(String, String)> = None;
    loop {
        let place = after.as_ref().map(|(scope, name)| (scope.as_str(), name.as_str()));
        let page = records.kept_page(TRIGGERS, None, place, PAGE).await?;
        page.iter().for_each(|kept| all.put(kept));
        match page.last() {
            Some(last) if page.len() == PAGE as usize => {
                after = Some((last.scope.clone(), last.name.clone()))
            }
            _ => return Ok(all),
        }
    }
}

/// Reads one trigger as it is now. Errors: it cannot be read.
pub(crate) async fn read(
    records: &dyn Records,
    project: &ProjectName,
    name: &TriggerName,
) -> Result<Option<Trigger>, String> {
    let kept = records.kept(TRIGGERS, project.as_str(), name.as_str()).await;
    let kept = kept.map_err(|error| error.to_string())?;
    let read = kept.as_ref().and_then(Trigger::read).transpose();
    read.map_err(|unreadable| format!("trigger '{name}' cannot be read by this version: {}", unreadable.why))
}

/// The moment, by this machine's clock: tables are about the time on the wall.
pub(crate) fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}
