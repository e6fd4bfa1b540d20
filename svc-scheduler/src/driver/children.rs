//! Runs that carry out tasks of others: what has to be looked up before the planner makes one, and whether it was made
//! before.

use std::time::Duration;

use emboflow_model::WorkflowName;
use emboflow_model::anew::Anew;
use emboflow_model::child::{Child, WorkflowPins};
use emboflow_model::workflow::Workflow;
use emboflow_model::{ProjectName, RunSummary};
use emboflow_protocol::request::body_sha256;
use emboflow_protocol::{ErrorCode, FieldError};
use emboflow_records::{Records, RecordsError, fresh_run};
use indexmap::IndexMap;

use super::feeds::Signal;
use super::queues::NewQueues;
use super::requests::{Origin, Reader};
use super::tick::Driver;
use super::turn;
use super::workflows::Workflows;
use super::world::World;
use crate::planner::{ChildFound, Input, Wanted};

/// How long a task waits before its run is looked for again when the records did not answer.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The versions of the workflows that a run's tasks start: those that are pinned already, else the newest. What there is not
/// is left out, and looked for when its task has its turn. Errors: the records do not answer.
pub(super) async fn pin(
    records: &dyn Records,
    project: &ProjectName,
    workflow: &Workflow,
    pinned: &WorkflowPins,
) -> Result<WorkflowPins, RecordsError> {
    let mut pins = WorkflowPins::new();
    for name in workflow.newest_used() {
        let Ok(name) = name.parse::<WorkflowName>() else { continue };
        let version = match pinned.get(&name) {
            Some(version) => Some(*version),
            None => records.workflow(project, &name, None).await?.map(|found| found.row.version),
        };
        pins.extend(version.map(|version| (name, version)));
    }
    Ok(pins)
}

/// What the file takes of tasks that runs of other workflows carry out, and these do not give, as far as they are there
/// already. Errors: the records do not answer.
pub(super) async fn not_given(
    records: &dyn Records,
    known: &mut Workflows,
    project: &ProjectName,
    workflow: &Workflow,
    pins: &WorkflowPins,
) -> Result<Vec<FieldError>, RecordsError> {
    let mut errors = Vec::new();
    for (task, spec) in workflow.file.tasks.iter().filter(|(task, _)| workflow.takes_of(task)) {
        let Some(uses) = &spec.uses else { continue };
        let Ok(name) = uses.workflow.parse::<WorkflowName>() else { continue };
        let Some(version) = uses.version.or_else(|| pins.get(&name).copied()) else { continue };
        let Some(found) = records.workflow(project, &name, Some(version)).await? else { continue };
        // One that cannot be read any more says so when its run is to be made.
        let Ok(child) = known.parse(&found.source) else { continue };
        errors.extend(workflow.not_given_by(task, &child).into_iter().map(FieldError::from));
    }
    Ok(errors)
}

impl<W: World> Driver<W> {
    /// Brings the planner what it needs for the runs that tasks wait for.
    pub(super) async fn take_children(&mut self, inputs: &mut Vec<Input>) {
        for wanted in std::mem::take(&mut self.wanted) {
            let mut reader = Reader {
                world: &self.surroundings.world,
                planner: &self.planner,
                records: &*self.surroundings.records,
                known: &mut self.known,
                projects: &mut self.projects,
                workflows: &mut self.workflows,
                queues: NewQueues::default(),
            };
            match reader.child(&wanted).await {
                Ok(None) => {}
                Ok(Some(found)) => {
                    inputs.extend(reader.queues.news());
                    let Wanted { run: parent, task } = wanted;
                    inputs.push(Input::Child { parent, task, found });
                }
                Err(error) => {
                    tracing::warn!(%error, run = %wanted.run, task = %wanted.task, "a child run waits for the records");
                    self.look_again(wanted);
                }
            }
        }
    }

    fn look_again(&self, wanted: Wanted) {
        let (world, signals) = (self.surroundings.world.clone(), self.signals.clone());
        self.surroundings.world.spawn(async move {
            world.pause(LOOK_AGAIN).await;
            // Whoever comes after this life of the driver finds it by itself.
            let _ = signals.send(Signal::Wanted(wanted)).await;
        });
    }
}

impl<W: World> Reader<'_, W> {
    /// What there is of the run that a task waits for; none where the task has ended, or the run is open. Errors: the
    /// records do not answer.
    async fn child(&mut self, wanted: &Wanted) -> Result<Option<ChildFound>, RecordsError> {
        let planner = self.planner;
        let (Some(child), Some(parent)) = (planner.child(wanted), planner.run(wanted.run)) else {
            return Ok(None);
        };
        if planner.run(child.run).is_some() {
            return Ok(None);
        }
        if let Some(made) = fresh_run(self.records, child.run).await? {
            // One that is open and not known here is another scheduler's, which has the parent too.
            let ended = made.state.is_terminal().then(|| ChildFound::Ended(Box::new(made)));
            return Ok(ended);
        }
        let parent = &parent.run.summary;
        let found = self.records.workflow(&parent.project, &child.workflow, child.version).await?;
        Ok(Some(match found {
            Some(found) => self.child_of(wanted, child, parent, &found.source).await?,
            None => ChildFound::Refused(vec![missing(&parent.project, child)]),
        }))
    }

    async fn child_of(
        &mut self,
        wanted: &Wanted,
        child: &Child,
        parent: &RunSummary,
        source: &str,
    ) -> Result<ChildFound, RecordsError> {
        let key = format!("child/{}/{}", wanted.run, wanted.task);
        let origin = Origin {
            run: child.run,
            project: &parent.project,
            key: &key,
            body_sha256: &body_sha256(key.as_bytes()),
            trace_id: &parent.trace_id,
            // Who wants everything to run means what is below it too.
            anew: if parent.anew == Anew::Everything { Anew::Everything } else { Anew::Nothing },
        };
        if let (Some(open), Ok(child)) = (self.planner.run(wanted.run), self.workflows.parse(source)) {
            let not_given = open.workflow.not_given_by(wanted.task.name.as_str(), &child);
            if !not_given.is_empty() {
                return Ok(ChildFound::Refused(not_given.into_iter().map(FieldError::from).collect()));
            }
        }
        let asked = turn::Asked { queue: None, fairness_key: None };
        let made = self.make(origin, source, child.inputs.clone(), IndexMap::new(), asked).await?;
        Ok(match made {
            Ok(submission) => ChildFound::New(Box::new(submission)),
            Err(errors) => ChildFound::Refused(errors),
        })
    }
}

fn missing(project: &ProjectName, child: &Child) -> FieldError {
    let version = child.version.map(|version| format!(" version {version} of")).unwrap_or_default();
    let message = format!("project {project} has no{version} workflow '{}'", child.workflow);
    FieldError::new(ErrorCode::WorkflowNotFound, message)
}
