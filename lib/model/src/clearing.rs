//! Results that are found no more: somebody has cleared them. Runs, artifacts and logs stay.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Task, Timestamp, WorkflowName};

/// The kept document: no result is taken over that was begun before. Its scope is the project; its name says whether that
/// is so for all of the project or for the runs of one workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Clearing {
    /// When it was cleared.
    pub at: Timestamp,
    /// Who has cleared it, such as `user:anna`.
    pub by: String,
}

impl Clearing {
    /// Kind of the kept document.
    pub const KIND: &str = "clearing";
    const PROJECT: &str = "project";
    const WORKFLOW: &str = "workflow:";

    /// The document's name: for all of the project, or for what runs of one workflow made.
    pub fn name_for(workflow: Option<&WorkflowName>) -> String {
        match workflow {
            None => Self::PROJECT.to_owned(),
            Some(workflow) => format!("{}{workflow}", Self::WORKFLOW),
        }
    }

    /// The workflow that a document of this name is about; none where it is about all of the project.
    pub fn workflow_of(name: &str) -> Option<WorkflowName> {
        name.strip_prefix(Self::WORKFLOW)?.parse().ok()
    }

    /// Reads the document. One that cannot be read has cleared everything: to make a result once more is no harm.
    pub fn read(body: &str) -> Self {
        serde_json::from_str(body)
            .unwrap_or_else(|_| Self { at: Timestamp(i64::MAX), by: "unknown".to_owned() })
    }

    /// Whether the result that this task made is among what was cleared. One that was under way then is: it had begun
    /// with what there was before.
    pub fn covers(&self, made: &Task) -> bool {
        let began = made.attempts.last().map(|attempt| attempt.dispatched_at).or(made.finished_at);
        began.is_none_or(|began| began < self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_is_cleared() {
        let train: WorkflowName = "train".parse().unwrap();
        assert_eq!(Clearing::workflow_of(&Clearing::name_for(Some(&train))), Some(train));
        assert_eq!(Clearing::workflow_of(&Clearing::name_for(None)), None);
    }

    #[test]
    fn a_document_that_cannot_be_read_has_cleared_everything() {
        let kept = Clearing { at: Timestamp(5), by: "user:anna".to_owned() };
        assert_eq!(Clearing::read(&serde_json::to_string(&kept).unwrap()), kept);
        assert_eq!(Clearing::read("{").at, Timestamp(i64::MAX));
    }
}
