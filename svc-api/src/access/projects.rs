//! The projects of the installation: kept documents, and a view of them that costs no read.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use emboflow_bus::Bus;
use emboflow_model::access::{Project, Quotas};
use emboflow_model::{ProjectName, Timestamp};
use emboflow_protocol::ErrorCode;
use emboflow_protocol::notice::Notice;
use emboflow_records::SharedRecords;
use emboflow_service::Shutdown;
use futures::{StreamExt, stream};

use super::shelf::{Found, Shelf};
use crate::app::now;
use crate::problem::{Failure, Outcome};

const KIND: &str = "project";
/// How old the view may be when another API has made a project.
const READ_AGAIN: Duration = Duration::from_secs(30);

/// The projects. Clones share them.
#[derive(Clone)]
pub(crate) struct Projects(Arc<Parts>);

struct Parts {
    bus: Bus,
    shelf: Shelf<Project>,
    view: RwLock<Arc<BTreeMap<ProjectName, Project>>>,
}

impl Projects {
    /// Reads them, makes those that must be there, and reads them again from time to time.
    pub(crate) async fn start(
        records: SharedRecords,
        bus: &Bus,
        wanted: impl IntoIterator<Item = ProjectName>,
        shutdown: &Shutdown,
    ) -> Outcome<Self> {
        let shelf = Shelf::new(records, KIND);
        for name in wanted {
            shelf.make(name.as_str(), &blank(name.clone(), now())).await?;
        }
        let projects = Self(Arc::new(Parts { bus: bus.clone(), shelf, view: RwLock::default() }));
        projects.read_again().await?;
        let (reader, stop) = (projects.clone(), shutdown.token());
        shutdown.spawn("view of projects", async move {
            tokio::select! { () = stop.cancelled() => {}, () = reader.follow() => {} }
        });
        Ok(projects)
    }

    /// Reads them again when somebody says that one has changed, and from time to time.
    async fn follow(&self) {
        let notices = self.0.bus.subscribe(Notice::filter(Some(KIND))).await;
        // Without notices the view is a little older.
        let mut notices = notices.map_or_else(|_| stream::pending().boxed(), StreamExt::boxed);
        loop {
            tokio::select! { Some(_) = notices.next() => {}, () = tokio::time::sleep(READ_AGAIN) => {} }
            if let Err(failure) = self.read_again().await {
                tracing::warn!(%failure, "the projects are those of before");
            }
        }
    }

    /// Others are told; whoever does not hear it reads again by itself.
    async fn tell(&self, name: &ProjectName) {
        self.0.bus.publish_live(&Notice::new(KIND, "", name.as_str())).await;
    }

    /// All projects.
    pub(crate) fn all(&self) -> Arc<BTreeMap<ProjectName, Project>> {
        self.0.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The project that is called so.
    pub(crate) fn find(&self, name: &str) -> Option<ProjectName> {
        let name = ProjectName::new(name).ok()?;
        self.all().contains_key(&name).then_some(name)
    }

    /// A project as it is kept, with its version.
    pub(crate) async fn get(&self, name: &ProjectName) -> Outcome<Found<Project>> {
        self.0.shelf.get(name.as_str()).await?.ok_or_else(|| no_project(name.as_str()))
    }

    /// Makes a project. Errors: there is one with this name.
    pub(crate) async fn make(
        &self,
        name: &ProjectName,
        description: Option<String>,
        quotas: Quotas,
    ) -> Outcome<Found<Project>> {
        let project = Project { description, quotas, ..blank(name.clone(), now()) };
        if !self.0.shelf.make(name.as_str(), &project).await? {
            let detail = format!("there is a project '{name}' already");
            return Err(Failure::new(ErrorCode::ProjectExists, detail));
        }
        self.read_again().await?;
        self.tell(name).await;
        self.get(name).await
    }

    /// Changes a project as it is at that moment. Errors: those of `change`.
    pub(crate) async fn change(
        &self,
        name: &ProjectName,
        change: impl FnMut(&mut Found<Project>) -> Outcome<()>,
    ) -> Outcome<Found<Project>> {
        let changed = self.0.shelf.change(name.as_str(), change).await?;
        let changed = changed.ok_or_else(|| no_project(name.as_str()))?;
        self.read_again().await?;
        self.tell(name).await;
        Ok(changed)
    }

    /// Reads all of them.
    pub(crate) async fn read_again(&self) -> Outcome<()> {
        let all = self.0.shelf.all().await?;
        let view: BTreeMap<_, _> =
            all.into_iter().map(|found| (found.body.name.clone(), found.body)).collect();
        *self.0.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
        Ok(())
    }
}

fn blank(name: ProjectName, created_at: Timestamp) -> Project {
    Project { name, description: None, quotas: Quotas::default(), created_at }
}

/// There is no such project, or the caller must not know that there is.
pub(crate) fn no_project(name: &str) -> Failure {
    let name: String = name.chars().take(80).collect();
    Failure::new(ErrorCode::ProjectNotFound, format!("there is no project '{name}'"))
}
