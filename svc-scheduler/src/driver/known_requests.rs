//! Requests that were decided but may not be in the `requests` documents yet, so that a repeated key gets the same
//! answer however fast it follows.

use std::collections::HashMap;

use emboflow_model::{LogEntry, ProjectName, RunId, run};
use emboflow_protocol::FieldError;
use emboflow_records::RequestOutcome;

/// What a key was used for.
#[derive(Clone, Debug)]
pub(super) struct KnownRequest {
    pub(super) body_sha256: String,
    pub(super) outcome: Decided,
}

/// What a request became.
#[derive(Clone, Debug)]
pub(super) enum Decided {
    Accepted(RunId),
    Rejected(Vec<FieldError>),
}

/// The requests by project and key.
#[derive(Default)]
pub(super) struct KnownRequests(HashMap<(ProjectName, String), (KnownRequest, u64)>);

impl KnownRequests {
    pub(super) fn get(&self, project: &ProjectName, key: &str) -> Option<&KnownRequest> {
        self.0.get(&(project.clone(), key.to_owned())).map(|(known, _)| known)
    }

    /// Remembers a request that is being decided.
    pub(super) fn insert(&mut self, project: ProjectName, key: String, known: KnownRequest) {
        self.0.insert((project, key), (known, u64::MAX));
    }

    /// Notes where in the log the decisions went.
    pub(super) fn place(&mut self, entries: &[LogEntry]) {
        for entry in entries {
            let place = match entry {
                LogEntry::Rejection(rejection) => Some((rejection.project.clone(), rejection.key.clone())),
                LogEntry::Transition(transition) => run::accepted(transition)
                    .map(|accepted| (transition.project.clone(), accepted.key.clone())),
            };
            let Some((known, seq)) = place.and_then(|place| self.0.get_mut(&place)) else { continue };
            *seq = entry.seq();
            // The planner may refuse what could be read.
            if let LogEntry::Rejection(rejection) = entry {
                known.outcome = RequestOutcome::Rejected(rejection.errors.clone()).into();
            }
        }
    }

    /// Forgets what the documents have by now.
    pub(super) fn forget_through(&mut self, seq: u64) {
        self.0.retain(|_, (_, at)| *at > seq);
    }
}
