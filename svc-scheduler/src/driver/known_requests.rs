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
pub(super) struct KnownRequests {
    known: HashMap<ProjectName, HashMap<String, (KnownRequest, u64)>>,
    /// Up to where the documents have been seen to be written.
    forgotten_through: u64,
}

impl KnownRequests {
    pub(super) fn get(&self, project: &ProjectName, key: &str) -> Option<&KnownRequest> {
        self.known.get(project)?.get(key).map(|(known, _)| known)
    }

    /// Remembers a request that is being decided.
    pub(super) fn insert(&mut self, project: ProjectName, key: String, known: KnownRequest) {
        self.known.entry(project).or_default().insert(key, (known, u64::MAX));
    }

    /// Notes where in the log the decisions went.
    pub(super) fn place(&mut self, entries: &[LogEntry]) {
        for entry in entries {
            let place = match entry {
                LogEntry::Rejection(rejection) => Some((&rejection.project, &rejection.key)),
                LogEntry::Transition(transition) => {
                    run::accepted(transition).map(|accepted| (&transition.project, &accepted.key))
                }
            };
            let Some((project, key)) = place else { continue };
            let of_project = self.known.get_mut(project);
            let Some((known, seq)) = of_project.and_then(|keys| keys.get_mut(key)) else { continue };
            *seq = entry.seq();
            // The planner may refuse what could be read.
            if let LogEntry::Rejection(rejection) = entry {
                known.outcome = RequestOutcome::Rejected(rejection.errors.clone()).into();
            }
        }
    }

    /// Forgets what the documents have by now.
    pub(super) fn forget_through(&mut self, seq: u64) {
        if seq <= self.forgotten_through {
            return;
        }
        self.forgotten_through = seq;
        self.known.retain(|_, keys| {
            keys.retain(|_, (_, at)| *at > seq);
            !keys.is_empty()
        });
    }
}
