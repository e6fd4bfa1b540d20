//! What every handler has at hand, and the reads that several of them share.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use emboflow_bus::Bus;
use emboflow_model::access::Caller;
use emboflow_model::{ProjectName, RunId, RunSummary, Task, TaskKey, Timestamp};
use emboflow_protocol::ErrorCode;
use emboflow_records::{RecordsError, SharedRecords, TaskFilter};
use emboflow_service::{Health, Shutdown, Tracer};
use tokio::sync::Mutex;

use crate::access::Access;
use crate::access::projects::no_project;
use crate::admission::Admission;
use crate::cordons::Cordons;
use crate::intake::Intake;
use crate::limits::Buckets;
use crate::live::executors::Executors;
use crate::live::feed::Feed;
use crate::live::progress::Pulls;
use crate::maintenance::MaintenanceBook;
use crate::objects::Objects;
use crate::oidc::Provider;
use crate::problem::{Failure, Outcome};
use crate::queues::Queues;
use crate::secrets::Secrets;
use crate::uploads::Uploads;
use crate::watch::Watchman;

/// The running API. Clones share it.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

/// Its parts.
pub(crate) struct Parts {
    pub(crate) instance: String,
    pub(crate) started_at: Timestamp,
    pub(crate) access: Access,
    pub(crate) records: SharedRecords,
    pub(crate) bus: Bus,
    pub(crate) objects: Objects,
    pub(crate) admission: Admission,
    pub(crate) buckets: Buckets,
    /// Hosts beside the public address's under which this API is asked.
    pub(crate) other_hosts: Vec<String>,
    pub(crate) queues: Queues,
    pub(crate) cordons: Cordons,
    pub(crate) secrets: Secrets,
    pub(crate) uploads: Uploads,
    /// Where people sign in beside here, if anywhere.
    pub(crate) provider: Option<Provider>,
    pub(crate) maintenance: MaintenanceBook,
    pub(crate) intake: Intake,
    /// Held while a workflow is put: what a precondition was held against must still be there then.
    pub(crate) putting_workflows: Mutex<()>,
    pub(crate) feed: Feed,
    pub(crate) executors: Executors,
    pub(crate) pulls: Pulls,
    pub(crate) health: Health,
    pub(crate) watch: Watchman,
    pub(crate) tracer: Tracer,
    pub(crate) shutdown: Shutdown,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// A project that the caller may know of.
    pub(crate) fn project(&self, caller: &Caller, name: &str) -> Outcome<ProjectName> {
        let known = self.access.projects.find(name).filter(|project| caller.sees(project));
        known.ok_or_else(|| no_project(name))
    }

    /// A run of the project, as it is now.
    pub(crate) async fn run(&self, project: &ProjectName, run: RunId) -> Outcome<RunSummary> {
        let summary = emboflow_records::fresh_run(self.records.as_ref(), run).await?;
        summary.filter(|summary| summary.project == *project).ok_or_else(|| no_run(project, run))
    }

    /// A run's tasks, as they are now.
    pub(crate) async fn tasks(
        &self,
        project: &ProjectName,
        run: RunId,
        filter: TaskFilter,
    ) -> Outcome<Vec<Task>> {
        let tasks = emboflow_records::fresh_tasks(self.records.as_ref(), run, filter).await?;
        let tasks = tasks.ok_or_else(|| no_run(project, run))?;
        match tasks.first() {
            Some(first) if first.project != *project => Err(no_run(project, run)),
            Some(_) => Ok(tasks),
            // Nothing tells whose run it is.
            None => self.run(project, run).await.map(|_| tasks),
        }
    }

    /// A task of a run, as it is now.
    pub(crate) async fn task(&self, project: &ProjectName, run: RunId, key: &TaskKey) -> Outcome<Task> {
        match emboflow_records::fresh_task(self.records.as_ref(), run, key).await? {
            Some(task) if task.project == *project => Ok(task),
            _ => {
                self.run(project, run).await?;
                Err(Failure::new(ErrorCode::TaskNotFound, format!("{run} has no task '{key}'")))
            }
        }
    }
}

fn no_run(project: &ProjectName, run: RunId) -> Failure {
    Failure::new(ErrorCode::RunNotFound, format!("project '{project}' has no run {run}"))
}

impl From<RecordsError> for Failure {
    fn from(error: RecordsError) -> Self {
        match &error {
            RecordsError::Unavailable { .. } => Failure::behind(ErrorCode::RecordsUnavailable, error),
            RecordsError::BadCursor { .. } => Failure::new(ErrorCode::RequestInvalid, error.to_string()),
            RecordsError::Corrupt { .. } | RecordsError::NewerSchema { .. } => {
                Failure::behind(ErrorCode::Internal, error)
            }
        }
    }
}

/// The moment, by this machine's clock.
pub(crate) fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}
