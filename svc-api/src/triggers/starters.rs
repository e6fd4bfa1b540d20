//! What starts runs of a workflow that is to be removed.

use emboflow_model::{ProjectName, WorkflowName};
use emboflow_protocol::ErrorCode;

use super::{KeptTrigger, all, remove};
use crate::app::App;
use crate::problem::{Failure, Outcome};

/// Triggers named in a refusal.
const NAMED: usize = 5;

/// The triggers of a workflow's own file; no others start it.
pub(crate) struct Starters(Vec<KeptTrigger>);

impl Starters {
    /// Errors: others start it too.
    pub(crate) async fn of(app: &App, project: &ProjectName, workflow: &WorkflowName) -> Outcome<Self> {
        let mut starters = all(app, project).await?;
        starters.retain(|one| one.document.spec.workflow == *workflow);
        let is_own = |one: &KeptTrigger| one.document.declared_by.as_ref() == Some(workflow);
        let (own, others): (Vec<_>, Vec<_>) = starters.into_iter().partition(is_own);
        if others.is_empty() { Ok(Self(own)) } else { Err(in_use(workflow, &others)) }
    }

    /// Removes them. Can be repeated.
    pub(crate) async fn remove(self, app: &App, project: &ProjectName) -> Outcome<()> {
        for own in &self.0 {
            remove(app, project, own).await?;
        }
        Ok(())
    }
}

fn in_use(workflow: &WorkflowName, others: &[KeptTrigger]) -> Failure {
    let mut names: Vec<_> = others.iter().take(NAMED).map(|one| format!("'{}'", one.name)).collect();
    if others.len() > NAMED {
        names.push(format!("{} more", others.len() - NAMED));
    }
    let detail = format!("runs of workflow '{workflow}' are started by {}", names.join(", "));
    Failure::new(ErrorCode::WorkflowInUse, detail)
}
