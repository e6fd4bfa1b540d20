//! The notifications of all projects, as they were at the last look.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use emboflow_model::name::NotificationName;
use emboflow_model::notification::{KIND, Notification};
use emboflow_model::{ProjectName, RunSummary, Timestamp};
use emboflow_records::{Kept, Records, RecordsError};

/// Documents read at a time.
const PAGE: u32 = 500;

type ByProject = HashMap<ProjectName, HashMap<NotificationName, Arc<Notification>>>;

/// What is known; nothing before the first look. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(Arc<RwLock<Option<ByProject>>>);

impl Known {
    /// Reads all of them anew. One that cannot be read is passed over and told, and keeps nobody from the others.
    pub(super) async fn look(&self, records: &dyn Records) -> Result<(), RecordsError> {
        let mut found = ByProject::new();
        let mut after: Option<(String, String)> = None;
        loop {
            let place = after.as_ref().map(|(scope, name)| (&**scope, &**name));
            let page = records.kept_page(KIND, None, place, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.scope.clone(), last.name.clone()));
            for kept in &page {
                match read(kept) {
                    Some((project, name, notification)) => {
                        found.entry(project).or_default().insert(name, Arc::new(notification));
                    }
                    None => {
                        tracing::error!(
                            project = kept.scope,
                            notification = kept.name,
                            "it cannot be read; passed over"
                        )
                    }
                }
            }
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(found);
        Ok(())
    }

    /// The same unless there has been a look before.
    pub(super) async fn look_first(&self, records: &dyn Records) -> Result<(), RecordsError> {
        let looked = self.of(|_| ()).is_some();
        if looked { Ok(()) } else { self.look(records).await }
    }

    fn of<T>(&self, read: impl FnOnce(&ByProject) -> T) -> Option<T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(read)
    }

    /// Whether it is known that nobody wants to know anything.
    pub(super) fn is_empty(&self) -> bool {
        self.of(HashMap::is_empty).unwrap_or(false)
    }

    /// A notification.
    pub(super) fn get(&self, project: &ProjectName, name: &NotificationName) -> Option<Arc<Notification>> {
        self.of(|known| known.get(project)?.get(name).cloned())?
    }

    /// Those that tell the end of this run: neither paused, nor made after it.
    pub(super) fn telling(&self, run: &RunSummary) -> Vec<NotificationName> {
        let ended_at = run.finished_at.unwrap_or(run.created_at);
        self.those(run, ended_at, |it| it.spec.tells(&run.workflow, run.state))
    }

    /// Those that tell that a task of this run has waited for a person since then.
    pub(super) fn asking(&self, run: &RunSummary, asked_at: Timestamp) -> Vec<NotificationName> {
        self.those(run, asked_at, |it| it.spec.tells_of_approvals(&run.workflow))
    }

    /// Those of the run's project that are neither paused nor made later than this.
    fn those(
        &self,
        run: &RunSummary,
        happened_at: Timestamp,
        wants: impl Fn(&Notification) -> bool,
    ) -> Vec<NotificationName> {
        let tells = |it: &Notification| it.paused.is_none() && it.created_at <= happened_at && wants(it);
        let telling = self.of(|known| {
            let of_project = known.get(&run.project).into_iter().flatten();
            of_project.filter(|(_, it)| tells(it)).map(|(name, _)| name.clone()).collect()
        });
        telling.unwrap_or_default()
    }
}

fn read(kept: &Kept) -> Option<(ProjectName, NotificationName, Notification)> {
    let project = ProjectName::new(&kept.scope).ok()?;
    let name = NotificationName::new(&kept.name).ok()?;
    Some((project, name, serde_json::from_str(&kept.body).ok()?))
}
